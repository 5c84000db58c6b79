"""Open data by name or by path, and split it.

Nothing here imports NumPy or PyTorch at module level: the command line takes :data:`SplitName` from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fillrank.errors import SettingsError

if TYPE_CHECKING:
    from fillrank.data import Interactions, Split
    from fillrank.data.split import Moment

__all__ = [
    "Data",
    "Place",
    "SplitName",
    "default_split",
    "fraction",
    "is_known",
    "named_or_read",
    "open_log",
    "open_split",
    "open_to_fit",
    "split_data",
]

SplitName = Literal["auto", "random", "per-user", "leave-last-out", "by-time", "strong"]
"""``auto``: the published split, if the data set has one (or is named ``DATA/SPLIT``); a split by time, if ``test`` is
a date; else a random split."""
Place: TypeAlias = str | tuple[str, str]
"""The name of a data set, the path of a file, or the paths of a train and a test file."""
Data: TypeAlias = "str | Interactions | tuple[Interactions, Interactions]"
"""The name of a data set, a log, or a train and a test log."""


def is_known(data: str) -> bool:
    """Whether ``data`` is the name of a known data set, or ``NAME/SPLIT``, and no path that exists.

    Example:
        >>> is_known("ml-100k/u1"), is_known("log.csv")
        (True, False)
    """
    from fillrank.data import list_datasets

    name, slash, _ = data.partition("/")
    return name in list_datasets() and not (slash and Path(data).exists())


def named_or_read(data: Place, read: Mapping[str, Any]) -> Data:
    """Return the name of a known data set, or read the log of a file, or the two logs of two files.

    Args:
        data: a name, a path, or the paths of a train and a test file.
        read: options of :func:`fillrank.read`, for a file.

    Raises:
        SettingsError: options came for a data set that is known by name.
        DataError: there is no such data set or file, or it cannot be read.
    """
    from fillrank.data import read as read_log

    if isinstance(data, tuple):
        return read_log(data[0], **read), read_log(data[1], **read)
    if not is_known(data):
        return read_log(data, **read)
    if read:
        raise SettingsError(
            f"{data!r} is a data set known by name; leave the options of reading ({', '.join(read)}) out"
        )
    return data


def open_log(data: str, read: Mapping[str, Any]) -> Interactions:
    """The whole log of a data set or a file; errors as in :func:`named_or_read`."""
    from fillrank.data import Interactions, load

    interactions = named_or_read(data, read)
    return interactions if isinstance(interactions, Interactions) else load(str(interactions).partition("/")[0])


def open_split(
    data: Place, read: Mapping[str, Any], how: SplitName, test: float | str, valid: float | str, seed: int
) -> Split:
    """Open a data set or a file, and split it as ``how`` says.

    Args:
        data, read: see :func:`named_or_read`. Two files are a split already.
        how: see :data:`SplitName`.
        test, valid: fractions of the rows (of ``"strong"``, of the users), or of a split by time the moments at which
            they begin; of a published split and of two files, ``valid`` is a fraction of the train part.
        seed: of the rows drawn.

    Raises:
        DataError: as :func:`named_or_read`, or the log cannot be split so.
        SettingsError: a fraction is out of range, a moment or two files come with another way to split, or one of the
            two is asked for that this way does not have.
    """
    _check_way(how, test, pair=isinstance(data, tuple))
    return split_data(named_or_read(data, read), how, test=test, valid=valid, seed=seed)


def _check_way(how: SplitName, test: Moment, *, pair: bool) -> None:
    """Refuse a way to split that does not go with a moment, or with a train and a test part.

    Raises:
        SettingsError: it does not.
    """
    timed = _is_moment(test) and not pair
    if how not in ("auto", "by-time" if timed else how) or (pair and how != "auto"):
        what = f"test = {test!r} is a moment, which goes with by-time" if timed else "train and test files are a split"
        raise SettingsError(f"split: {how!r} does not go with that, as {what}; leave it out").about("split")


def split_data(data: Data, how: SplitName, *, test: Moment, valid: Moment, seed: int) -> Split:
    """Data that are open, split in a way that has a name; see :func:`open_split`."""
    from fillrank.data import load, split

    _check_way(how, test, pair=isinstance(data, tuple))
    if how == "auto" or isinstance(data, tuple):
        return default_split(data, test=test, valid=valid, seed=seed)
    interactions = load(data.partition("/")[0]) if isinstance(data, str) else data
    if how == "by-time":
        return split.by_time(interactions, test=test, valid=valid)
    share, held = fraction("test", test), fraction("valid", valid)
    if how == "strong":
        return split.strong(interactions, test=share, valid=held, seed=seed)
    if how == "per-user":
        return split.per_user(interactions, test=share, valid=held, seed=seed)
    if how == "leave-last-out":
        return split.leave_last_out(interactions, valid=int(held > 0))
    return split.random(interactions, test=share, valid=held, seed=seed)


def default_split(data: Data, *, test: Moment, valid: Moment, seed: int) -> Split:
    """The published split of a data set (with several, the one named after a slash); else a random split.

    Args:
        data: the name of a data set, a log, or a train and a test log; of the latter, test rows whose user or item has
            no row in train are left out, which is logged and in the protocol.
        test: fraction of a random split; a published one brings its own test part. A moment makes it a split by time.
        valid: fraction for the validation part; of a published split, of its train part.
        seed: of the random parts.
    """
    from fillrank.data import info, load, load_split, split

    if isinstance(data, tuple):
        train, own_test = data
        name = f"{train.name} and {own_test.name}" if train.name and own_test.name else "published"
        held = fraction("valid", valid)
        return split.published(train, own_test, valid=held, seed=seed, name=name, unknown="leave out")
    name, _, part = data.partition("/") if isinstance(data, str) else ("", "", "")
    timed = _is_moment(test)
    if name and (part or (len(info(name).splits) == 1 and not timed)):
        if timed:
            raise SettingsError(f"{data} is a published split with a test part of its own; leave test={test!s} out")
        return load_split(name, part or None, valid=fraction("valid", valid), seed=seed)
    interactions = load(name) if isinstance(data, str) else data
    if timed:
        return split.by_time(interactions, test=test, valid=valid)
    return split.random(interactions, test=fraction("test", test), valid=fraction("valid", valid), seed=seed)


def _is_moment(when: Moment) -> bool:
    return not isinstance(when, float | int)


def open_to_fit(
    data: Place, read: Mapping[str, Any], how: SplitName, test: float | str, valid: float | str, seed: int
) -> Split:
    """As :func:`open_split`, but ``test=0`` holds nothing out, for a model that will be used.

    Raises:
        SettingsError: ``test=0`` with a way to split that lives by its test part.
    """
    if test or isinstance(data, tuple):
        return open_split(data, read, how, test, valid, seed)
    if how not in {"auto", "random"}:
        raise SettingsError(f"test = 0 keeps nothing back, and that goes with split 'random', not {how!r}")
    import numpy as np

    from fillrank.data import Split, split

    interactions = open_log(data, read)
    nothing = interactions.select(np.zeros(len(interactions), dtype=bool))
    if (
        valid == 0 or round(fraction("valid", valid) * len(interactions)) == 0
    ):  # of a handful of rows none can be spared
        return Split(interactions, None, nothing, {"split": "none"})
    cut = split.random(interactions, test=fraction("valid", valid), valid=0, seed=seed)
    return Split(cut.train, cut.test, nothing, {**cut.protocol, "test": 0, "valid": valid})


def fraction(name: str, given: Moment) -> float:
    """Return ``given`` if it is a fraction, for a split that is not by time.

    Raises:
        SettingsError: it is a moment.
    """
    if not isinstance(given, float | int):
        raise SettingsError(f"{name}={given!s} is a moment, and only a split by time has moments; give a fraction")
    return given
