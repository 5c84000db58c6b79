"""What every split is made of: the three parts, and how rows are dealt out to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.arguments import checked
from fillrank.data.ids import IdMap
from fillrank.data.interactions import Interactions
from fillrank.errors import DataError

__all__ = ["TEST", "TRAIN", "VALID", "Split", "check_disjoint", "check_filled", "cut", "hold_out", "with_shared_ids"]

TRAIN, VALID, TEST = 0, 1, 2


@checked
@dataclass(frozen=True, eq=False)
class Split:
    """Three parts of one log.

    Attributes:
        train: what a model learns from.
        valid: what settings and stopping are chosen on; None where there is no such part.
        test: what the final metrics come from.
        protocol: how the split was made (its name, fractions, seed): it goes into reports.

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
        before: dict[str, Interactions] = {}
        for name, part in parts.items():
            if part is None:
                continue
            if part.user_ids != self.train.user_ids or part.item_ids != self.train.item_ids:
                raise DataError(f"train and {name} have different ids; split.published() gives them shared ones")
            for other, seen in before.items():
                check_disjoint(other, seen, name, part)
            before[name] = part


def check_disjoint(one: str, first: Interactions, other: str, second: Interactions) -> None:
    """Refuse two parts, which share their ids, that have a row in common.

    Raises:
        DataError: they have; the message counts the pairs and names the first.
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
    """The split in which row i goes to ``part[i]``."""
    train, valid, test = (data.select(part == one) for one in (TRAIN, VALID, TEST))
    wanted = {"train": train, "test": test} | ({"valid": valid} if protocol["valid"] else {})
    check_filled(protocol, **wanted)
    return Split(train, valid if protocol["valid"] else None, test, protocol)


def check_filled(protocol: Mapping[str, object], **parts: Interactions) -> None:
    """Refuse a split in which a part that was asked for has no rows.

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
    """The part of each row, where the first rows of a user are held out.

    Args:
        data: the log.
        order: its rows, grouped by user; within a user those to hold out come first.
        n_test: for each user, how many rows go to the test.
        n_held: for each user, how many go to the test and to validation together.

    Both counts are cut to the user's rows less one.
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
    """The same two logs, with one map of users and one of items that hold the ids of both.

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
    # a null label goes last, so that a name known to one part only is kept
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
