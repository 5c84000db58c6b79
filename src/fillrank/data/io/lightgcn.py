"""Read the text format of the LightGCN data sets: on each line a user, then the items of this user."""

from __future__ import annotations

import polars as pl

from fillrank.errors import BadRowsError

__all__ = ["lightgcn_pairs"]


def lightgcn_pairs(text: bytes) -> pl.DataFrame:
    """Read the pairs from lines ``user item item …`` of whole numbers.

    Returns:
        The columns ``user`` and ``item`` (int64) and ``line`` (from 1). A user without items has no row.

    Raises:
        BadRowsError: something on a line is not a whole number.

    Example:
        >>> lightgcn_pairs(b"0 5 7\\n1 5\\n2\\n").rows()
        [(0, 5, 1), (0, 7, 1), (1, 5, 2)]
    """
    words = pl.Series("words", text.decode().split("\n")).str.strip_chars().str.replace_all(r"\s+", " ").str.split(" ")
    lines = words.to_frame().with_row_index("line", offset=1)
    pairs = (
        lines.select("line", user=pl.col("words").list.first(), item=pl.col("words").list.slice(1))
        .filter(pl.col("user") != "", pl.col("item").list.len() > 0)
        .explode("item")
    )
    whole = pairs.select(pl.col("user", "item").cast(pl.Int64, strict=False), "line")
    bad = whole.filter(pl.any_horizontal(pl.col("user", "item").is_null()))["line"]
    if len(bad):
        raise BadRowsError(
            f"{bad.n_unique()} lines hold something that is not a whole number, the first of them is line {bad[0]}; "
            "each line should be: user item item …"
        )
    return whole
