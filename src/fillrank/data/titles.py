"""Items' titles as they are met beside the items: the first of each, unless they are no titles of items at all."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["Titles"]

_SHARE = 0.1  # of the items met more than once: so many may have several titles, as by renaming
_PATIENCE = 1_000  # items with several titles, after which more rows would not change the answer


class Titles:
    """The title of each item, by code.

    Args:
        is_named: whether the caller said that this column holds titles. If not, and the texts beside one item differ
            for more than a tenth of the items that have several rows, they are no titles (but headlines of reviews).

    Example:
        >>> titles = Titles(is_named=False)
        >>> titles.add(np.array([0, 0, 1]), pl.Series(["Lovely", "Broke after a day", "Fine"]))
        >>> titles.are_titles, titles.finish(2) is None
        (False, True)
    """

    def __init__(self, *, is_named: bool) -> None:
        self._is_named = is_named
        self._first = pl.DataFrame(schema={"item": pl.Int32, "label": pl.String, "plain": pl.String})
        self._met = np.zeros(0, dtype=np.int8)  # 1: once, 2: more often, 3: with another title

    def add(self, items: NDArray[np.int32], labels: pl.Series) -> None:
        """The titles that stand beside items in some rows; empty ones are none."""
        if self._is_decided():
            return
        rows = pl.DataFrame(
            {"item": items.astype(np.int32), "label": labels.cast(pl.String, strict=False).str.strip_chars()}
        ).filter(pl.col("label") != "")
        if not len(rows):
            return
        pairs = rows.group_by("item", "label", maintain_order=True).len()
        pairs = pairs.with_columns(plain=pl.col("label").str.to_lowercase())
        self._count(pairs)
        fresh = pairs.unique("item", keep="first", maintain_order=True).join(self._first, on="item", how="anti")
        self._first = pl.concat([self._first, fresh.select("item", "label", "plain")])

    def _count(self, pairs: pl.DataFrame) -> None:
        largest = int(pairs["item"].max())  # type: ignore[arg-type]
        if largest >= len(self._met):
            self._met = np.concatenate([self._met, np.zeros(largest + 1 + len(self._met), dtype=np.int8)])
        before = pairs.join(self._first, on="item", how="left", suffix="_before", maintain_order="left")
        first = before.select(first=pl.coalesce(pl.col("plain_before"), pl.col("plain").first().over("item")))["first"]
        differs = (first != pairs["plain"]).to_numpy()
        items = pairs["item"].to_numpy()
        several = (pairs["len"].to_numpy() > 1) | (self._met[items] > 0)
        self._met[items] = np.maximum(self._met[items], np.where(several, 2, 1))
        self._met[items[differs]] = 3

    def _is_decided(self) -> bool:
        return not self._is_named and int((self._met == 3).sum()) >= _PATIENCE and not self.are_titles

    @property
    def are_titles(self) -> bool:
        """Whether the texts seen so far are titles of items."""
        several = int((self._met >= 2).sum())
        return self._is_named or int((self._met == 3).sum()) <= _SHARE * several

    def finish(self, n_items: int) -> pl.Series | None:
        """For each code the title, null where there is none; None: they are no titles."""
        if not self.are_titles or not len(self._first):
            return None
        labels = pl.Series("label", [None], dtype=pl.String).new_from_index(0, n_items)
        return labels.scatter(self._first["item"].cast(pl.UInt32), self._first["label"])
