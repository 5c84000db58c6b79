"""Make the columns of a log from a frame whose rows are known to be good."""

from __future__ import annotations

import polars as pl

from fillrank.data.duplicates import Duplicates, LogRows, merge_duplicates
from fillrank.data.id_values import as_id_column, keys_like
from fillrank.data.ids import IdMap
from fillrank.data.log_columns import LogColumns

__all__ = ["assemble"]


def assemble(
    frame: pl.DataFrame,
    *,
    user_ids: IdMap | None = None,
    item_ids: IdMap | None = None,
    titles: pl.DataFrame | None = None,
    duplicates: Duplicates = "error",
    relevant_from: float | None = None,
    name: str = "",
) -> tuple[LogColumns, int]:
    """Make the columns of a log from a frame whose rows are all good.

    Args:
        frame: the columns ``user`` and ``item`` (ids), and optionally ``value`` (finite numbers), ``time`` (int64
            seconds) and ``weight`` (finite numbers of 0 or more).
        user_ids, item_ids: the id maps to use; None: made from the ids in the frame.
        titles: a frame with the columns ``item`` and ``label``; it need not contain all items.
        duplicates: how repeated pairs are merged: see :func:`merge_duplicates`.
        relevant_from, name: as in :class:`~fillrank.data.interactions.Interactions`.

    Returns:
        The columns, and the number of rows that were merged into another row of their pair.

    Example:
        >>> twice = pl.DataFrame({"user": ["a", "a"], "item": [1, 1], "value": [2, 4]})
        >>> log, merged = assemble(twice, duplicates="mean")
        >>> log.values.tolist(), merged
        ([3.0], 1)
    """
    users, items = (as_id_column(frame[kind]) for kind in ("user", "item"))
    user_ids = IdMap(users.unique()) if user_ids is None else user_ids
    item_ids = _item_map(items, titles) if item_ids is None else item_ids
    rows = LogRows(
        users=user_ids.encode(users),
        items=item_ids.encode(items),
        values=frame["value"].cast(pl.Float64).to_numpy() if "value" in frame.columns else None,
        times=frame["time"].to_numpy() if "time" in frame.columns else None,
        weights=frame["weight"].cast(pl.Float64).to_numpy() if "weight" in frame.columns else None,
    )
    merged = merge_duplicates(rows, len(item_ids), duplicates)
    interactions = LogColumns(
        users=merged.users,
        items=merged.items,
        values=merged.values,
        times=merged.times,
        weights=merged.weights,
        user_ids=user_ids,
        item_ids=item_ids,
        relevant_from=relevant_from,
        name=name,
    )
    return interactions, len(users) - len(interactions)


def _item_map(items: pl.Series, titles: pl.DataFrame | None) -> IdMap:
    ids = items.unique().alias("item")
    if titles is None:
        return IdMap(ids)
    known = pl.DataFrame({"item": keys_like(titles["item"], ids), "label": titles["label"]})
    known = known.filter(pl.col("label").str.strip_chars() != "").unique("item", keep="first", maintain_order=True)
    return IdMap(ids, labels=ids.to_frame().join(known, on="item", how="left", maintain_order="left")["label"])
