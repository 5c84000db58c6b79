"""From clean columns of outside ids to :class:`~fillrank.data.interactions.Interactions`."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data.ids import IdMap, as_id_column
from fillrank.data.interactions import Interactions
from fillrank.data.ordering import merge_pairs
from fillrank.errors import SettingsError

__all__ = ["DUPLICATES", "Duplicates", "Rows", "assemble", "merge_duplicates"]

Duplicates = Literal["error", "last", "first", "mean", "sum"]
DUPLICATES: tuple[Duplicates, ...] = ("error", "last", "first", "mean", "sum")


class Rows(NamedTuple):
    """The columns of a log as arrays of one length: places of users and items, and what goes with each pair."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float64] | None
    times: NDArray[np.int64] | None


def assemble(
    frame: pl.DataFrame,
    *,
    user_ids: IdMap | None = None,
    item_ids: IdMap | None = None,
    titles: pl.DataFrame | None = None,
    duplicates: Duplicates = "error",
    relevant_from: float | None = None,
    name: str = "",
) -> tuple[Interactions, int]:
    """A log from a frame whose rows are all good.

    Args:
        frame: the columns ``user`` and ``item`` (ids), and where there are any ``value`` (finite numbers) and ``time``
            (int64 seconds).
        user_ids, item_ids: the maps to use; made from what stands in the frame where not given.
        titles: the columns ``item`` and ``label``; an item may be absent from it.
        duplicates: what becomes of a pair that stands more than once: see :func:`merge_duplicates`.
        relevant_from, name: as in :class:`Interactions`.

    Returns:
        The log, and the number of rows that went into another row of their pair.

    Example:
        >>> twice = pl.DataFrame({"user": ["a", "a"], "item": [1, 1], "value": [2, 4]})
        >>> log, merged = assemble(twice, duplicates="mean")
        >>> log.values.tolist(), merged
        ([3.0], 1)
    """
    users, items = (as_id_column(frame[kind]) for kind in ("user", "item"))
    user_ids = IdMap(users.unique()) if user_ids is None else user_ids
    item_ids = _item_map(items, titles) if item_ids is None else item_ids
    rows = Rows(
        users=user_ids.encode(users),
        items=item_ids.encode(items),
        values=frame["value"].cast(pl.Float64).to_numpy() if "value" in frame.columns else None,
        times=frame["time"].to_numpy() if "time" in frame.columns else None,
    )
    merged = merge_duplicates(rows, len(item_ids), duplicates)
    log = Interactions(
        users=merged.users,
        items=merged.items,
        values=merged.values,  # type: ignore[arg-type]  # Interactions narrows them, and checks that they fit
        times=merged.times,
        user_ids=user_ids,
        item_ids=item_ids,
        relevant_from=relevant_from,
        name=name,
    )
    return log, len(users) - len(log)


def merge_duplicates(rows: Rows, n_items: int, duplicates: Duplicates) -> Rows:
    """The same rows with each (user, item) pair once, in the order of (user, item).

    Args:
        rows: the rows as they came.
        n_items: places of items run from 0 to ``n_items - 1``.
        duplicates: ``"last"`` and ``"first"`` keep one row of a pair, by time where there are times and else by the
            order of the rows; ``"mean"`` and ``"sum"`` join the values and keep the latest time. In a log without
            values ``"sum"`` counts: the value of a pair becomes its number of rows. ``"error"`` allows none.

    Raises:
        DuplicateError: a pair stands twice, and ``duplicates`` is ``"error"``. (Raised by :class:`Interactions`, which
            can name the ids.)
        SettingsError: ``duplicates`` is none of these words.
    """
    if duplicates not in DUPLICATES:
        raise SettingsError(f"duplicates must be one of {', '.join(map(repr, DUPLICATES))}, got {duplicates!r}")
    return Rows(*merge_pairs((rows.users, rows.items, rows.values, rows.times), max(n_items, 1), duplicates))


def _item_map(items: pl.Series, titles: pl.DataFrame | None) -> IdMap:
    ids = items.unique().alias("item")
    if titles is None:
        return IdMap(ids)
    known = pl.DataFrame({"item": as_id_column(titles["item"]).cast(ids.dtype), "label": titles["label"]})
    known = known.filter(pl.col("label").str.strip_chars() != "").unique("item", keep="first", maintain_order=True)
    return IdMap(ids, labels=ids.to_frame().join(known, on="item", how="left", maintain_order="left")["label"])
