"""Split a log into rows to learn from, rows to choose settings on, and rows for the test.

Every function returns a :class:`Split`. Its parts share their id maps and have no row in common. A split draws from its
own random stream, so the same seed always gives the same split.

>>> from fillrank.data import synthetic
>>> ratings = synthetic(50, 20, 400, seed=1).interactions
>>> split = random(ratings, test=0.1, valid=0.1, seed=0)
>>> len(split.train), len(split.valid), len(split.test)
(320, 40, 40)
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.arguments import checked
from fillrank.data.ids import IdMap
from fillrank.data.interactions import Interactions
from fillrank.data.moments import Moment, seconds_of
from fillrank.data.parts import (
    TEST,
    TRAIN,
    VALID,
    Split,
    check_disjoint,
    check_filled,
    check_fraction,
    check_fractions,
    cut,
    hold_out,
    with_shared_ids,
)
from fillrank.data.strong import strong
from fillrank.errors import DataError, SettingsError
from fillrank.runtime.rng import numpy_stream

__all__ = ["Moment", "Split", "by_time", "leave_last_out", "per_user", "published", "random", "strong"]

logger = logging.getLogger("fillrank")


@checked
def random(data: Interactions, *, test: float = 0.1, valid: float = 0.1, seed: int = 0) -> Split:
    """Draw the rows of validation and test at random from the whole log.

    Args:
        data: the log.
        test, valid: fractions of all rows, rounded to whole rows; ``valid=0`` gives no validation part.
        seed: the same seed gives the same split.

    Raises:
        SettingsError: a fraction is out of range, or the two leave nothing to train on.
        DataError: a part that was asked for would be empty.
    """
    check_fractions(test, valid)
    order = numpy_stream(seed, "split").permutation(len(data))
    part = np.full(len(data), TRAIN, dtype=np.int8)
    n_test, n_valid = round(test * len(data)), round(valid * len(data))
    part[order[:n_test]] = TEST
    part[order[n_test : n_test + n_valid]] = VALID
    return cut(data, part, {"split": "random", "test": test, "valid": valid, "seed": seed})


@checked
def per_user(data: Interactions, *, test: float = 0.2, valid: float = 0.1, seed: int = 0) -> Split:
    """Draw the same fraction of each user's rows at random. Every user keeps at least one row to train on.

    Args:
        data: the log.
        test, valid: fractions of a user's rows, rounded to whole rows. (A user with few rows may have none in a part.)
        seed: the same seed gives the same split.

    Raises:
        SettingsError: a fraction is out of range, or the two leave nothing to train on.
        DataError: a part that was asked for would be empty.
    """
    check_fractions(test, valid)
    order = np.lexsort((numpy_stream(seed, "split").permutation(len(data)), data.users))
    n_test = np.floor(test * data.user_counts + 0.5)
    n_held = np.floor((test + valid) * data.user_counts + 0.5)
    part = hold_out(data, order, n_test, n_held)
    return cut(data, part, {"split": "per_user", "test": test, "valid": valid, "seed": seed})


@checked
def leave_last_out(data: Interactions, *, n: int = 1, valid: int = 1) -> Split:
    """Take the latest ``n`` rows of each user for the test, and the latest ``valid`` rows before them for validation.

    Of rows with the same time, the item with the greater index counts as later. Every user keeps at least one row to
    train on. A user with too few rows has test rows first, then validation rows.

    Args:
        data: a log with times.
        n, valid: number of rows per user; ``valid=0`` gives no validation part.

    Raises:
        SettingsError: ``n`` is below 1 or ``valid`` below 0.
        DataError: the log has no times, or a part that was asked for would be empty.
    """
    if n < 1 or valid < 0:
        raise SettingsError(f"leave_last_out needs n of 1 or more and valid of 0 or more, got n={n} and valid={valid}")
    latest_first = np.lexsort((-data.items, -_times(data, "leave_last_out"), data.users))
    everyone = np.ones(data.n_users)
    part = hold_out(data, latest_first, n * everyone, (n + valid) * everyone)
    return cut(data, part, {"split": "leave_last_out", "n": n, "valid": valid})


@checked
def by_time(data: Interactions, *, test: Moment = 0.1, valid: Moment = 0.1) -> Split:
    """Train on the past, and test on the rows after it.

    Rows with the same time stay in the same part. So the fractions are met as closely as possible (of two equally close
    cuts, the one with the smaller part), and each part that is asked for has at least one point in time.

    Args:
        data: a log with times.
        test: a fraction of all rows (the latest ones), or the time at which the test begins: a date, a datetime, a
            string such as ``"2003-02-01"`` or ``"2003-02-01T12:30"``, or whole seconds since 1970. Without a time zone
            it is read as UTC.
        valid: the same for the part before the test; ``0`` gives no validation part.

    Raises:
        SettingsError: a fraction is out of range, a time cannot be read, or validation begins after the test.
        DataError: the log has no times or too few different ones, or a part would be empty.

    Example:
        >>> log = Interactions.from_arrays([1, 1, 2], [1, 2, 2], times=[0, 86_400, 200_000])
        >>> split = by_time(log, test="1970-01-03", valid=0)
        >>> split.test.times.tolist(), split.train.times.tolist()
        ([200000], [0, 86400])
    """
    times = _times(data, "by_time")
    order = np.lexsort((data.items, data.users, times))
    starts = np.flatnonzero(np.diff(times[order], prepend=times.min(initial=0) - 1))  # first row of each time
    before = 1 if valid == 0 else 2
    test_from = _begin(times[order], "test", test, starts=starts, end=len(data), before=before)
    valid_from = _begin(times[order], "valid", valid, starts=starts, end=test_from, before=1)
    part = np.full(len(data), TRAIN, dtype=np.int8)
    part[order[valid_from:test_from]] = VALID
    part[order[test_from:]] = TEST
    shown = {
        name: when if isinstance(when, float | int) else str(when) for name, when in (("test", test), ("valid", valid))
    }
    return cut(data, part, {"split": "by_time", **shown})


@checked
def published(
    train: Interactions,
    test: Interactions,
    *,
    valid: float = 0.0,
    seed: int = 0,
    name: str = "published",
    unknown: Literal["keep", "leave out"] = "keep",
) -> Split:
    """Use a given train and test part, and draw a validation part from the train part.

    Args:
        train, test: the two parts. If their id maps differ, they get shared ones with the ids of both.
        valid: fraction of the *train* rows, drawn at random; 0 gives no validation part.
        seed: the same seed gives the same validation part.
        name: of the split, for reports.
        unknown: what becomes of test rows whose user or item has no row in train, which no model can know: ``"keep"``,
            or ``"leave out"``: how many those are is logged, and in the protocol as ``left_out``.

    Raises:
        SettingsError: the fraction is out of range.
        DataError: the two have a (user, item) pair in common, ids of different kinds, or a part would be empty.

    Example:
        >>> split = published(Interactions.from_arrays(list("aab"), [1, 2, 1]), Interactions.from_arrays(["b"], [3]))
        >>> split.train.n_items, split.test.items.tolist(), split.valid is None
        (3, [2], True)
    """
    check_fraction("valid", valid)
    left_out = {}
    if unknown == "leave out":
        rows = len(test)
        test = _known_to(train, test)
        left_out = {"left_out": rows - len(test)} if rows > len(test) else {}
    train, test = with_shared_ids(train, test)
    check_disjoint("train", train, "test", test)
    order = numpy_stream(seed, "split").permutation(len(train))
    n_valid = round(valid * len(train))
    held, kept = (train.select(np.sort(rows)) for rows in np.split(order, [n_valid]))
    protocol = {"split": name, "valid": valid, "seed": seed, **left_out}
    check_filled(protocol, train=kept, test=test, **({"valid": held} if valid else {}))
    return Split(kept, held if valid else None, test, protocol)


def _known_to(train: Interactions, test: Interactions) -> Interactions:
    """The rows of ``test`` whose user and item have a row in ``train``, with the ids of ``train``.

    The number of rows that are left out is logged. If one of two files has an id that is not a number, its ids are
    texts and the other file's may be numbers; then 5 is found by its text.
    """
    users, items = (
        _indices_in(ours, theirs, met)
        for ours, theirs, met in (
            (train.user_ids, test.user_ids, train.user_counts),
            (train.item_ids, test.item_ids, train.item_counts),
        )
    )
    known = (users[test.users] >= 0) & (items[test.items] >= 0)
    if not known.all():
        logger.warning(
            "%s of %s test rows are left out: they are of %s users and %s items that have no row in train",
            f"{len(test) - int(known.sum()):,}",
            f"{len(test):,}",
            f"{int((users[np.unique(test.users)] < 0).sum()):,}",
            f"{int((items[np.unique(test.items)] < 0).sum()):,}",
        )
    kept = test.select(known)
    return replace(
        kept, users=users[kept.users], items=items[kept.items], user_ids=train.user_ids, item_ids=train.item_ids
    )


def _indices_in(ours: IdMap, theirs: IdMap, met: NDArray[np.int64]) -> NDArray[np.int32]:
    """The index in ``ours`` of each id of ``theirs``; -1 for an id that is not there or has no row."""
    ids = theirs.ids if theirs.ids.dtype == ours.ids.dtype else theirs.ids.cast(pl.String)
    indices = ours.encode(ids, unknown="mark")
    return np.where((indices >= 0) & (met[np.maximum(indices, 0)] > 0), indices, -1).astype(np.int32)


def _times(data: Interactions, split: str) -> NDArray[np.int64]:
    if data.times is None:
        raise DataError(
            f"{split} needs times, and this log has none; take the split random or per-user, or name their column: "
            "time=…"
        ).about("data")
    return data.times


def _begin(
    times: NDArray[np.int64], name: str, when: Moment, *, starts: NDArray[np.intp], end: int, before: int
) -> int:
    """The row at which a part begins that ends before row ``end``, in the order of time.

    Args:
        times: of all rows, sorted.
        name: of the part.
        when: see :func:`by_time`.
        starts: the first row of each time.
        end: end of the part.
        before: how many different times must be left for the parts before it.
    """
    if not isinstance(when, str | date | np.datetime64) and (when < 1 or isinstance(when, float | bool)):
        check_fraction(name, when)
        if when == 0:
            return end
        possible = starts[(starts < end)][before:]
        if not len(possible):
            raise DataError(
                f"the log has rows at {len(starts)} moment{'s' * (len(starts) != 1)}, and rows of one moment are not "
                f"parted, so nothing is left for {name} beside the other parts; take split.random or split.per_user"
            )
        wanted = end - when * len(times)
        return int(possible[len(possible) - 1 - np.argmin(np.abs(possible - wanted)[::-1])])
    begin = int(np.searchsorted(times, seconds_of(name, when)))
    if not 0 < begin < len(times):
        first, last = (str(np.datetime64(int(times[at]), "s")) for at in (0, -1)) if len(times) else ("", "")
        side = f"after all rows, and leaves {name} empty" if begin else "before all rows, and leaves train empty"
        raise DataError(f"{name} begins at {when!s}, {side}; the log runs from {first} to {last} (UTC)").about(name)
    if begin > end:
        raise SettingsError(f"{name} begins at {when!s}, after the part that should follow it")
    return begin
