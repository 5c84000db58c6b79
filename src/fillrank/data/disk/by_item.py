"""Write the rows of a log in the order of (item, user), under a limit of memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fillrank.data.disk.arrays import ColumnWriter, blocks

__all__ = ["item_ranges", "write_by_item"]


def write_by_item(
    items: NDArray[np.int32], item_starts: NDArray[np.int64], columns: Mapping[Path, NDArray[Any]], most_rows: int
) -> None:
    """Write columns in the order of (item, user); a column in a file is gone through once for each range of items.

    Args:
        items: of the rows, which are in the order of (user, item).
        item_starts: int64 ``[n_items + 1]``: where the rows of each item begin in the new order.
        columns: the file that each goes to, and the column in the order of ``items``.
        most_rows: that are sorted in memory at once; an item with more has them at once all the same.
    """
    writers = {file: ColumnWriter(file, column.dtype) for file, column in columns.items()}
    for first, last in item_ranges(item_starts, most_rows):
        rows = _rows_of(items, first, last)
        rows = rows[np.argsort(items[rows], kind="stable")]
        for file, column in columns.items():
            writers[file].add(column[rows])
    for writer in writers.values():
        writer.close()


def item_ranges(item_starts: NDArray[np.int64], most_rows: int) -> Iterator[tuple[int, int]]:
    """Ranges of items with at most ``most_rows`` rows each, or one item with more.

    Example:
        >>> list(item_ranges(np.array([0, 2, 3, 9, 10]), 4))
        [(0, 2), (2, 3), (3, 4)]
    """
    first, n_items = 0, len(item_starts) - 1
    while first < n_items:
        last = int(np.searchsorted(item_starts, item_starts[first] + most_rows, side="right")) - 1
        last = max(last, first + 1)
        yield first, last
        first = last


def _rows_of(items: NDArray[np.int32], first: int, last: int) -> NDArray[np.int64]:
    """The rows of the items from ``first`` to before ``last``."""
    found = []
    for block in blocks(len(items)):
        part = items[block]
        found.append(np.flatnonzero((part >= first) & (part < last)) + block.start)
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
