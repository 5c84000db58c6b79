"""Write sorted rows as the columns of a log: repeated pairs are merged, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data.checks import repeated_pairs
from fillrank.data.disk.arrays import BLOCK, ColumnWriter, mapped
from fillrank.data.duplicates import Duplicates, LogRows, merge_duplicates
from fillrank.data.ids import IdMap

__all__ = ["COLUMNS", "write_rows"]

COLUMNS = {"users": np.int32, "items": np.int32, "values": np.float32, "times": np.int64, "weights": np.float32}
"""The columns of a log, as they are kept."""
_NAMES = {"users": "user", "items": "item", "values": "value", "times": "time", "weights": "weight"}


def write_rows(sorted_file: Path, target: Path, users: IdMap, items: IdMap, duplicates: Duplicates) -> LogRows:
    """Write ``users.npy``, ``items.npy`` and so on from rows in the order of (user, item).

    Args:
        sorted_file: Parquet, see :func:`fillrank.data.disk.sorting.sorted_rows`.
        target: the folder for the columns.
        users, items: the ids, for messages and for the counts.
        duplicates: see :func:`~fillrank.data.duplicates.merge_duplicates`.

    Returns:
        The columns, mapped into memory.

    Raises:
        DuplicateError: pairs are there more than once, and ``duplicates`` is ``"error"``.
    """
    writers: dict[str, ColumnWriter] = {}
    n_repeated, first = 0, None
    for rows in _whole_users(sorted_file, duplicates):
        if duplicates == "error":
            twice = np.flatnonzero((rows.users[1:] == rows.users[:-1]) & (rows.items[1:] == rows.items[:-1]))
            n_repeated += len(twice)
            if first is None and len(twice):
                first = int(rows.users[twice[0]]), int(rows.items[twice[0]])
        merged = merge_duplicates(rows, len(items), duplicates)
        for name, column in merged._asdict().items():
            if column is not None:
                if name not in writers:
                    writers[name] = ColumnWriter(target / f"{name}.npy", np.dtype(COLUMNS[name]))
                with np.errstate(over="ignore"):  # the log itself refuses what is too large for 32 bits
                    writers[name].add(column.astype(COLUMNS[name], copy=False))
    for writer in writers.values():
        writer.close()
    sorted_file.unlink()
    if first is not None:
        raise repeated_pairs(n_repeated, users.ids[first[0]], items.ids[first[1]])
    found: dict[str, Any] = {name: mapped(writer.file) for name, writer in writers.items()}
    return LogRows(found["users"], found["items"], found.get("values"), found.get("times"), found.get("weights"))


def _whole_users(sorted_file: Path, duplicates: Duplicates) -> Iterator[LogRows]:
    """The rows in pieces, none of which ends within the rows of a user."""
    narrow = np.float64 if duplicates in {"mean", "sum"} else np.float32
    scan = pl.scan_parquet(sorted_file)
    n_rows = int(scan.select(pl.len()).collect().item())
    held = scan.collect_schema().to_frame()
    for first in range(0, n_rows, BLOCK):
        held = pl.concat([held, scan.slice(first, BLOCK).collect()])
        last = first + BLOCK >= n_rows
        cut = len(held) if last else int(held["user"].search_sorted(held["user"][-1], side="left"))
        if cut:
            yield _as_rows(held[:cut], narrow)
            held = held[cut:]


def _as_rows(frame: pl.DataFrame, narrow: type[np.floating[Any]]) -> LogRows:
    def column(name: str, dtype: Any) -> NDArray[Any] | None:
        return frame[_NAMES[name]].to_numpy().astype(dtype) if _NAMES[name] in frame.columns else None

    values, weights = column("values", narrow), column("weights", narrow)
    users, items = (frame[_NAMES[name]].to_numpy().astype(np.int32) for name in ("users", "items"))
    return LogRows(users, items, values, column("times", np.int64), weights)
