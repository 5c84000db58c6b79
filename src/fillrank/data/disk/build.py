"""``write_store``: files of any number become a log on a disk, under a limit of memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fillrank.arguments import Own, checked, count
from fillrank.data.disk.arrays import ColumnWriter, blocks, starts_of
from fillrank.data.disk.budget import Budget
from fillrank.data.disk.by_item import write_by_item
from fillrank.data.disk.manifest import MANIFEST, Manifest, digest_of, is_store
from fillrank.data.disk.staging import DiskCollector
from fillrank.data.disk.stored import ids_file, open_store
from fillrank.data.ids import IdMap
from fillrank.data.interactions import Interactions
from fillrank.data.io.options import ReadOptions
from fillrank.data.io.read import COLUMN_OPTIONS, PathOrFile, gather
from fillrank.data.io.read_result import ReadResult, read_result
from fillrank.data.io.result import finished
from fillrank.errors import DataError
from fillrank.runtime.atomic_write import beside, check_folder, put_folder, sync, sync_folder
from fillrank.runtime.forks import refuse_after_fork

__all__ = ["check_store", "write_store"]


@checked
def write_store(
    parts: Own[PathOrFile | Sequence[PathOrFile]],
    path: str | os.PathLike[str],
    *,
    memory: float | str = "2GB",
    n_threads: int | None = None,
    overwrite: bool = False,
    **options: Any,
) -> ReadResult:
    """Read a log from files that need not fit in memory, and write it as a store; see :func:`open_store`.

    Cells are read by the rules of :func:`fillrank.read`, so the log has the same ids, rows and numbers, to the bit.
    The cleaned rows go to temporary files beside ``path``; DuckDB numbers their ids and sorts them. The store appears
    whole or not at all: it is built beside its place, brought to the disk, and moved there in one step.

    Nothing is appended to a store: new rows change the order of ids and rows. Build it anew from all parts.

    Args:
        parts: files, as for :func:`fillrank.read`: paths, folders, patterns.
        path: the folder of the store.
        memory: what the build may take, such as ``"2GB"`` or a number of bytes. Beyond it, rows go to the disk. What
            does not go there: the distinct ids, and the chunk that is being read (a JSON part, or a compressed one in
            Parquet, is in memory whole: give several).
        n_threads: of DuckDB; None: as many as there are cores. The result has the same bits with any number.
        overwrite: replace a store that is there.
        **options: ``user``, ``item``, ``value``, ``time``, ``label`` and ``weight``, the columns, and the options of
            reading: see :func:`fillrank.read`.

    Returns:
        The log, opened from the store, with the counts of bad and of repeated rows.

    Raises:
        DataError, SettingsError: as :func:`fillrank.read`; or the folder holds something else, or a store that is not
            to be replaced; or ``memory`` is too little.
        MissingExtraError: DuckDB is not installed.
        DiskFullError: the disk is full; nothing is left of the store.

    Example:
        >>> import pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> log = pathlib.Path(folder.name, "log.csv")
        >>> _ = log.write_text("user,item,rating\\nbob,Heat,4\\nann,Heat,5\\n")
        >>> write_store(log, pathlib.Path(folder.name, "log.store")).interactions
        Interactions(log: 2 rows, 2 users, 1 items)
        >>> folder.cleanup()
    """
    refuse_after_fork("building a store")
    roles = {role: options.pop(role, None) for role in COLUMN_OPTIONS}
    how = ReadOptions.of(options, beside=COLUMN_OPTIONS)
    columns, budget = how.columns(**roles), Budget.of(memory)
    if n_threads is not None:
        count("n_threads", n_threads)
    target = check_store(path, overwrite=overwrite)
    with beside(target) as folder:
        fresh, temporary = folder / "store", folder / "temporary"
        fresh.mkdir()
        temporary.mkdir()
        collector = DiskCollector(
            fresh, temporary, budget, n_threads=n_threads, label_is_named=columns.label is not None
        )
        found = read_result(finished(collector, how, gather(parts, columns, how, collector)))
        _finish(found.interactions, fresh, budget)
        put_folder(fresh, target)
    return replace(found, interactions=open_store(target, verify=False))


def check_store(path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """The folder of a store if it can be written there: it is new or empty, or holds a store that is to be replaced.

    Raises:
        DataError: it holds something else, or cannot be written.
    """

    def foreign(folder: Path) -> str | None:
        if not is_store(folder):
            return "exists and is no store"
        if others := sorted(file.name for file in folder.iterdir() if file.suffix not in {".npy", ".parquet", ".json"}):
            return f"holds what is no part of a store ({', '.join(others[:3])})"
        if overwrite:
            return None
        return (
            "holds a store, and nothing is appended to one: build another from all parts, old and new, or replace it "
            "(overwrite=True)"
        )

    return check_folder(path, "the store", DataError, foreign=foreign)


def _finish(log: Interactions, folder: Path, budget: Budget) -> None:
    """Write what else belongs to a store (the other order, the ids, the manifest), and bring all of it to the disk."""
    n_items = log.n_items
    starts = {"user": starts_of(log.users, log.n_users), "item": starts_of(log.items, n_items)}
    for side, column in starts.items():
        np.save(folder / f"{side}_starts.npy", column)
    by_item = {"users_by_item": log.users, "values_by_item": log.values, "weights_by_item": log.weights}
    given = {folder / f"{name}.npy": column for name, column in by_item.items() if column is not None}
    write_by_item(log.items, starts["item"], given, budget.rows)
    ones = ColumnWriter(folder / "ones.npy", np.dtype(np.float32))
    for block in blocks(len(log)):
        ones.add(np.ones(block.stop - block.start, dtype=np.float32))
    ones.close()
    for side, ids in (("user", log.user_ids), ("item", log.item_ids)):
        _write_ids(ids, ids_file(folder, side))
    files = sorted(folder.iterdir())
    for file in files:
        sync(file)
    found = {file.name: (file.stat().st_size, digest_of(file)) for file in files}
    Manifest(len(log), log.n_users, n_items, log.name, log.relevant_from, found).write(folder)
    sync(folder / MANIFEST)
    sync_folder(folder)


def _write_ids(ids: IdMap, file: Path) -> None:
    columns = [ids.ids] if ids.labels is None else [ids.ids, ids.labels]
    pl.DataFrame(columns).write_parquet(file)
