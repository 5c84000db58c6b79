"""A log and what came after it: the ids of the log keep their indices, new ones follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data.ids import IdMap
from fillrank.data.interactions import Interactions
from fillrank.errors import DataError
from fillrank.runtime.notices import say_once

__all__ = ["grown_log"]

_COLUMNS = ("values", "times", "weights")


def grown_log(interactions: Interactions, new: Interactions) -> Interactions:
    """The rows of both logs over the ids of both; of a pair that is in both, the new row counts.

    Args:
        interactions: whose ids keep their indices.
        new: what came after it. Ids without a row in it are not taken over.

    Raises:
        DataError: ``new`` has no rows, or no values where ``interactions`` has some, or its ids are texts and the old
            ids are numbers.
    """
    if not len(new):
        raise DataError("there is nothing new: the log has no rows")
    if interactions.values is not None and new.values is None:
        raise DataError("the new rows have no values, and the log of the model has some; name their column: value=…")
    for column in _COLUMNS:
        if getattr(interactions, column) is None and getattr(new, column) is not None:
            say_once(f"the {column} of the new rows are not used, as the log of the model has none")
        if column != "values" and getattr(interactions, column) is not None and getattr(new, column) is None:
            say_once(f"the new rows have no {column}: those of the model's log are not kept")
    new = new.compact()
    user_ids, item_ids = (
        _grown_ids(getattr(interactions, kind), getattr(new, kind), kind) for kind in ("user_ids", "item_ids")
    )
    rows = {
        "users": [interactions.users, user_ids.encode(new.user_ids.ids)[new.users]],
        "items": [interactions.items, item_ids.encode(new.item_ids.ids)[new.items]],
    }
    keys = [users.astype(np.int64) * len(item_ids) + items for users, items in zip(*rows.values(), strict=True)]
    old = ~np.isin(keys[0], keys[1])
    columns: dict[str, Any] = {name: np.concatenate([both[0][old], both[1]]) for name, both in rows.items()}
    for column in _COLUMNS:
        columns[column] = _joined(getattr(interactions, column), getattr(new, column), old)
    columns |= {
        name: None if kept is None else kept.grown(ids, getattr(new, name))
        for name, kept, ids in (
            ("user_features", interactions.user_features, user_ids),
            ("item_features", interactions.item_features, item_ids),
        )
    }
    return replace(interactions, **columns, user_ids=user_ids, item_ids=item_ids)


def _joined(mine: NDArray[Any] | None, theirs: NDArray[Any] | None, old: NDArray[np.bool_]) -> NDArray[Any] | None:
    return None if mine is None or theirs is None else np.concatenate([mine[old], theirs])


def _grown_ids(known: IdMap, new: IdMap, kind: str) -> IdMap:
    strange = new.encode(new.ids)[known.encode(new.ids, unknown="mark") < 0]
    ids = new.decode(strange)
    if known.ids.dtype == pl.Int64 and ids.dtype != pl.Int64 and len(ids):
        raise DataError(
            f"the {kind} of the new rows are texts, such as {ids[0]!r}, and those of the model are numbers; "
            "give ids of one kind"
        )
    labels = None if known.labels is None else [None] * len(ids) if new.labels is None else new.labels.gather(strange)
    return known.followed_by(ids.cast(known.ids.dtype), labels)
