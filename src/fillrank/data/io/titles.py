"""Collect the title of each item: the first that stands beside it, unless the column does not hold titles."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["Titles"]

_SHARE = 0.8  # in a column of titles, at least this share of an item's further rows repeat its first title
_PATIENCE = 10_000  # after so many rows with another text, more rows would not change the answer


class Titles:
    """The title of each item, by code.

    Args:
        is_named: whether the caller said that this column holds titles. If not, and more than a fifth of the further
            rows of items have another text than the first row, the texts are not titles (but headlines of reviews).

    Example:
        >>> titles = Titles(is_named=False)
        >>> titles.add(np.array([0, 0, 1]), pl.Series(["Lovely", "Broke after a day", "Fine"]))
        >>> titles.are_titles, titles.finish(2) is None
        (False, True)
    """

    def __init__(self, *, is_named: bool) -> None:
        self._is_named = is_named
        self._first = pl.DataFrame(schema={"item": pl.Int32, "label": pl.String, "plain": pl.String})
        self._n_same = self._n_other = 0

    def add(self, items: NDArray[np.int32], labels: pl.Series) -> None:
        """Add the titles of some rows; empty texts are ignored."""
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
        """Count the rows that repeat the first title of their item, and those with another one."""
        known = pairs.join(self._first, on="item", how="left", suffix="_before", maintain_order="left")
        first = pl.col("plain").first().over("item")
        counts = known.select(
            same=pl.col("len").filter(pl.coalesce("plain_before", first) == pl.col("plain")).sum(),
            new=pl.col("item").filter(pl.col("plain_before").is_null()).n_unique(),
            all=pl.col("len").sum(),
        ).row(0)
        self._n_same += int(counts[0]) - int(counts[1])
        self._n_other += int(counts[2]) - int(counts[0])

    def _is_decided(self) -> bool:
        return not self._is_named and self._n_other >= _PATIENCE and not self.are_titles

    @property
    def are_titles(self) -> bool:
        """Whether the texts seen so far are titles of items."""
        return self._is_named or self._n_same >= _SHARE * (self._n_same + self._n_other)

    def finish(self, n_items: int) -> pl.Series | None:
        """The title of each code, null if it has none; None if the texts are not titles."""
        if not self.are_titles or not len(self._first):
            return None
        labels = pl.Series("label", [None], dtype=pl.String).new_from_index(0, n_items)
        first = self._first.sort("item")
        return labels.scatter(first["item"].cast(pl.UInt32), first["label"])
