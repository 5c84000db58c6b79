"""``open_store``: a log whose columns stay in the files of a store, and are read page by page as they are needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fillrank.arguments import checked
from fillrank.data.disk.arrays import mapped
from fillrank.data.disk.manifest import Manifest, is_store
from fillrank.data.disk.writing import COLUMNS
from fillrank.data.ids import IdMap
from fillrank.data.interactions import Interactions
from fillrank.data.io.guard import torn
from fillrank.data.io.quiet import without_panic_text
from fillrank.data.sides import Sides
from fillrank.errors import DataError
from fillrank.runtime.forks import refuse_after_fork
from fillrank.runtime.paths import expanded

__all__ = ["ids_file", "is_stored", "open_store"]


@checked
def open_store(
    path: str | os.PathLike[str],
    *,
    verify: bool = True,
    name: str | None = None,
    relevant_from: float | None = None,
) -> Interactions:
    """Open a log that :func:`fillrank.data.write_store` or ``fillrank data store`` has written.

    It is a log like any other: models are fitted to it, it is split, and it gives the same results, to the bit, as the
    same log in memory. Its columns, in both orders (by user and by item), are files mapped into memory: the system
    reads the pages that are used, and drops them when memory is wanted. The ids are in memory, and so is what is
    derived from the log (a split, a selection). Replace a store only by another (``overwrite``): a log that is open
    keeps the old files. Never write into one.

    Args:
        path: the folder of the store.
        verify: compare the SHA-256 of all files with the manifest, which reads the whole store once. False: compare
            their sizes alone.
        name, relevant_from: in place of what the store says; see :class:`~fillrank.data.interactions.Interactions`.

    Raises:
        DataError: there is no store, a file is missing or changed, or the store is from a newer fillrank.

    Example:
        >>> import pathlib, tempfile
        >>> from fillrank.data import write_store
        >>> folder = tempfile.TemporaryDirectory()
        >>> log = pathlib.Path(folder.name, "log.csv")
        >>> _ = log.write_text("user,item\\nbob,Heat\\nann,Heat\\n")
        >>> _ = write_store(log, pathlib.Path(folder.name, "log.store"))
        >>> open_store(pathlib.Path(folder.name, "log.store")).to_frame().rows()
        [('ann', 'Heat'), ('bob', 'Heat')]
        >>> folder.cleanup()
    """
    refuse_after_fork("opening a store")
    folder = expanded(path, "the store")
    manifest = Manifest.read(folder)
    manifest.check(folder, verify=verify)
    try:
        columns = {label: _column(folder, label, dtype, manifest.n_rows) for label, dtype in COLUMNS.items()}
        ids = {side: _ids(folder, side) for side in ("user", "item")}
        log = Interactions(
            **columns,
            user_ids=ids["user"],
            item_ids=ids["item"],
            relevant_from=manifest.relevant_from if relevant_from is None else relevant_from,
            name=manifest.name if name is None else name,
        )
        if (log.n_users, log.n_items) != (manifest.n_users, manifest.n_items):
            raise DataError(f"it has {log.n_users:,} users and {log.n_items:,} items, not those of its manifest")
        object.__setattr__(log, "_sides", _sides(folder, log))
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise DataError(f"{folder} is no whole store ({error}); build it anew with `fillrank data store`") from error
    return log


def is_stored(source: Any) -> bool:
    """Whether ``source`` is the path of a folder with a store in it."""
    if not isinstance(source, str | os.PathLike):
        return False
    try:
        folder = expanded(source)
        return folder.is_dir() and is_store(folder)
    except (DataError, OSError):
        return False


def ids_file(folder: Path, side: str) -> Path:
    """The file of the ids of a side, ``"user"`` or ``"item"``."""
    return folder / f"{side}_ids.parquet"


def _column(folder: Path, label: str, dtype: Any, n_rows: int) -> Any:
    file = folder / f"{label}.npy"
    if label not in {"users", "items"} and not file.exists():
        return None
    column = mapped(file)
    if column.dtype != dtype or column.shape != (n_rows,):
        raise DataError(f"{file.name} has {column.dtype} {list(column.shape)}, not {np.dtype(dtype)} [{n_rows}]")
    return column


def _sides(folder: Path, log: Interactions) -> Sides:
    n = len(log)
    values, weights = (
        _column(folder, f"{label}_by_item", np.float32, n) if getattr(log, label) is not None else None
        for label in ("values", "weights")
    )
    return Sides(
        user_starts=_column(folder, "user_starts", np.int64, log.n_users + 1),
        item_starts=_column(folder, "item_starts", np.int64, log.n_items + 1),
        users_by_item=_column(folder, "users_by_item", np.int32, n),
        ones=_column(folder, "ones", np.float32, n),
        values_by_item=values,
        weights_by_item=weights,
    )


def _ids(folder: Path, side: str) -> IdMap:
    file = ids_file(folder, side)
    with torn(), without_panic_text():
        frame = pl.read_parquet(file)
    if frame.columns not in (["id"], ["id", "label"]) or frame["id"].dtype not in {pl.Int64, pl.String}:
        raise DataError(f"{file.name} has the columns {frame.schema}, not ids and labels")
    return IdMap.in_order(frame["id"], frame["label"] if "label" in frame.columns else None)
