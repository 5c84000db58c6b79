"""``Split``: the train, validation and test parts of a log, and the pieces that all splits are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.arguments import checked
from fillrank.data.held_out_users import HeldOutUsers
from fillrank.data.ids import IdMap
from fillrank.data.interactions import Interactions
from fillrank.errors import DataError, SettingsError

__all__ = [
    "TEST",
    "TRAIN",
    "VALID",
    "Split",
    "check_disjoint",
    "check_filled",
    "check_fraction",
    "check_fractions",
    "cut",
    "hold_out",
    "with_shared_ids",
]

TRAIN, VALID, TEST = 0, 1, 2


@checked
@dataclass(frozen=True, eq=False)
class Split:
    """The three parts of one log.

    Attributes:
        train: the rows that a model learns from.
        valid: the rows for choosing settings and when to stop; None if there are none.
        test: the rows for the final metrics.
            Either may be :class:`~fillrank.data.held_out_users.HeldOutUsers`: rows of users who are not in train, with
            the rows that are known of them.
        protocol: how the split was made (its name, fractions, seed), for reports.

    Raises:
        DataError: the parts do not share their ids, or have a (user, item) pair in common.
    """

    train: Interactions
    valid: Interactions | None
    test: Interactions
    protocol: Mapping[str, object]

    def __post_init__(self) -> None:
        object.__setattr__(self, "protocol", MappingProxyType(dict(self.protocol)))
        parts = {"train": self.train, "valid": self.valid, "test": self.test}
        for name in ("valid", "test"):
            if isinstance(part := parts[name], HeldOutUsers):
                part.check_unknown_to(self.train)
                parts[f"the known rows of {name}"] = part.known
        before: dict[str, Interactions] = {}
        for name, part in parts.items():
            if part is None:
                continue
            if part.user_ids != self.train.user_ids or part.item_ids != self.train.item_ids:
                raise DataError(f"train and {name} have different ids; split.published() gives them shared ones")
            for other, seen in before.items():
                check_disjoint(other, seen, name, part)
            before[name] = part

    @checked
    def with_features(self, *, items: Any = None, users: Any = None) -> Self:
        """The same split with what is known of items, users or both; see :meth:`fillrank.Interactions.with_features`.

        Example:
            >>> from fillrank.data import split, synthetic
            >>> parts = split.random(synthetic(20, 10, 100, seed=0).interactions)
            >>> kinds = pl.DataFrame({"item": range(10), "kind": list("aabbccddee")})
            >>> parts.with_features(items=kinds).valid.item_features
            Features(10 rows; kind: 5 categories)
        """
        train = self.train.with_features(items=items, users=users)
        kept: dict[str, Any] = {"item_features": train.item_features, "user_features": train.user_features}
        valid = None if self.valid is None else replace(self.valid, **kept)
        return replace(self, train=train, valid=valid, test=replace(self.test, **kept))


def check_fraction(name: str, fraction: float) -> None:
    if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 <= fraction < 1:
        raise SettingsError(f"{name} must be a fraction from 0 up to, but not including, 1, got {fraction!r}")


def check_fractions(test: float, valid: float) -> None:
    check_fraction("test", test)
    check_fraction("valid", valid)
    if test == 0:
        raise SettingsError("test must be above 0: a split without a test part is no split")
    if test + valid >= 1:
        raise SettingsError(f"test={test:g} and valid={valid:g} leave nothing to train on; their sum must be below 1")


def check_disjoint(one: str, first: Interactions, other: str, second: Interactions) -> None:
    """Refuse two parts (with the same id maps) that have a row in common.

    Raises:
        DataError: they have a row in common; the message counts the pairs and names the first.
    """
    own, theirs = (part.users.astype(np.int64) * part.n_items + part.items for part in (first, second))
    common = np.intersect1d(own, theirs, assume_unique=True)
    if len(common):
        user, item = divmod(int(common[0]), first.n_items)
        raise DataError(
            f"{one} and {other} have {len(common)} (user, item) pairs in common, the first is "
            f"({first.user_ids.ids[user]!r}, {first.item_ids.ids[item]!r}); parts are disjoint: take them out of one"
        )


def cut(data: Interactions, part: NDArray[np.int8], protocol: Mapping[str, object]) -> Split:
    """Make the split in which row i goes to part ``part[i]``."""
    train, valid, test = (data.select(part == one) for one in (TRAIN, VALID, TEST))
    wanted = {"train": train, "test": test} | ({"valid": valid} if protocol["valid"] else {})
    check_filled(protocol, **wanted)
    return Split(train, valid if protocol["valid"] else None, test, protocol)


def check_filled(protocol: Mapping[str, object], **parts: Interactions) -> None:
    """Refuse a split if a part that was asked for has no rows.

    Raises:
        DataError: a part is empty; the message holds the protocol.
    """
    for name, part in parts.items():
        if not len(part):
            total = sum(map(len, parts.values()))
            settings = ", ".join(f"{key}={value!r}" for key, value in protocol.items() if key != "split")
            raise DataError(
                f"the split {protocol['split']!r} of {total} rows ({settings}) leaves {name} empty; "
                "take more rows or other settings"
            )


def hold_out(
    data: Interactions, order: NDArray[np.int64], n_test: NDArray[np.float64], n_held: NDArray[np.float64]
) -> NDArray[np.int8]:
    """Hold out the first rows of each user, and return the part of each row.

    Args:
        data: the log.
        order: indices of all rows, grouped by user; within a user, the rows to hold out come first.
        n_test: the number of test rows of each user.
        n_held: the number of test and validation rows of each user together.

    Both numbers are limited so that each user keeps a row to train on.
    """
    users = data.users[order]
    first_row = np.cumsum(data.user_counts) - data.user_counts
    rank = np.arange(len(data)) - first_row[users]
    most = np.maximum(data.user_counts - 1, 0)
    part = np.full(len(data), TRAIN, dtype=np.int8)
    part[order[rank < np.minimum(n_held, most)[users]]] = VALID
    part[order[rank < np.minimum(n_test, most)[users]]] = TEST
    return part


def with_shared_ids(train: Interactions, test: Interactions) -> tuple[Interactions, Interactions]:
    """The same two logs with shared id maps, which contain the ids of both.

    Raises:
        DataError: the ids of one are whole numbers and those of the other strings.
    """
    user_ids = _union("user", train.user_ids, test.user_ids)
    item_ids = _union("item", train.item_ids, test.item_ids)
    return _recode(train, user_ids, item_ids), _recode(test, user_ids, item_ids)


def _union(kind: str, first: IdMap, second: IdMap) -> IdMap:
    if first == second:
        return first
    if first.ids.dtype != second.ids.dtype:
        raise DataError(
            f"{kind} ids are {first.ids.dtype} in train and {second.ids.dtype} in test; give both parts ids of one kind"
        )
    both = pl.concat(
        [pl.DataFrame({"id": m.ids, "label": m.labels}, schema_overrides={"label": pl.String}) for m in (first, second)]
    )
    # sort null labels last, so that a label that only one part has is kept
    ids = both.sort("label", nulls_last=True).unique("id", keep="first", maintain_order=True)
    return IdMap(ids["id"], labels=None if first.labels is None and second.labels is None else ids["label"])


def _recode(part: Interactions, user_ids: IdMap, item_ids: IdMap) -> Interactions:
    if part.user_ids is user_ids and part.item_ids is item_ids:
        return part
    return replace(
        part,
        users=user_ids.encode(part.user_ids.ids)[part.users],
        items=item_ids.encode(part.item_ids.ids)[part.items],
        user_ids=user_ids,
        item_ids=item_ids,
    )
