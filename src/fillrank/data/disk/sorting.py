"""DuckDB numbers the ids of staged rows, and sorts the rows: on a disk, where the memory does not do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from fillrank.data.disk.budget import Budget
from fillrank.errors import DataError, DiskFullError, MissingExtraError, SettingsError
from fillrank.runtime.atomic_write import full_disk_reason

if TYPE_CHECKING:
    import duckdb

__all__ = ["StagedFile", "distinct_ids", "open_duckdb", "sorted_rows", "staged"]

_GROUP = 1 << 20  # rows of a group in a Parquet file, which is what is read of it at once
_FURTHER = ("value", "time", "weight")


@dataclass(frozen=True)
class StagedFile:
    """A Parquet file of rows: ``user, item, row``, and what else the log has.

    Attributes:
        path: of the file.
        n_rows: in it.
        columns: their names.
        texts: which of users and items are texts.
    """

    path: Path
    n_rows: int
    columns: tuple[str, ...]
    texts: frozenset[str]

    @classmethod
    def of(cls, path: Path, frame: pl.DataFrame) -> StagedFile:
        texts = frozenset(role for role in ("user", "item") if frame.schema[role] == pl.String)
        return cls(path, len(frame), tuple(frame.columns), texts)


@contextmanager
def open_duckdb(folder: Path, budget: Budget, n_threads: int | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that keeps to the budget, and puts in ``folder`` what does not fit.

    Raises:
        MissingExtraError: DuckDB is not installed.
        SettingsError: the budget is too small for the rows.
        DiskFullError: the disk is full.
    """
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtraError('a store is built by DuckDB: pip install "fillrank[big]"') from error
    config: dict[str, Any] = {
        "memory_limit": f"{budget.duckdb}B",
        "temp_directory": str(folder / "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if n_threads is not None:
        config["threads"] = n_threads
    try:
        with duckdb.connect(":memory:", config=config) as engine:
            engine.execute("SET enable_progress_bar = false")
            yield engine
    except duckdb.OutOfMemoryException as error:
        if reason := full_disk_reason(error):
            raise DiskFullError(f"the rows cannot be sorted: {reason}") from error
        raise SettingsError(
            f"memory: {budget.whole:,} bytes are too few to sort the rows; give more, or fewer threads (n_threads=1)"
        ) from error
    except duckdb.Error as error:
        if reason := full_disk_reason(error):
            raise DiskFullError(f"the rows cannot be sorted: {reason}") from error
        raise DataError(f"DuckDB cannot sort the rows: {error}") from error


def staged(engine: duckdb.DuckDBPyConnection, files: list[StagedFile]) -> duckdb.DuckDBPyRelation:
    """The rows of all files; if the ids of one file are texts, so are those of all."""
    texts = {role for one in files for role in one.texts}
    further = ", ".join(column for column in _FURTHER if column in files[0].columns)
    whole: duckdb.DuckDBPyRelation | None = None
    for kinds in sorted({one.texts for one in files}, key=sorted):
        same = [str(one.path) for one in files if one.texts == kinds]
        roles = ", ".join(
            f'CAST("{role}" AS VARCHAR) AS "{role}"' if role in texts else f'"{role}"' for role in ("user", "item")
        )
        rows = engine.read_parquet(same).project(f'{roles}, "row"{", " if further else ""}{further}')
        whole = rows if whole is None else whole.union(rows)
    if whole is None:
        raise DataError("there are no rows; there is nothing to store")
    return whole


def distinct_ids(rows: duckdb.DuckDBPyRelation, role: str, folder: Path) -> pl.Series:
    """The ids of users or items, each once, in the order of the texts or numbers that they are among the rows."""
    file = folder / f"{role}s.parquet"
    rows.project(f'"{role}" AS id').distinct().order("id").to_parquet(str(file))
    ids = pl.read_parquet(file)["id"]
    file.unlink()
    return ids


def sorted_rows(
    engine: duckdb.DuckDBPyConnection, rows: duckdb.DuckDBPyRelation, keys: Mapping[str, pl.DataFrame], folder: Path
) -> Path:
    """A Parquet file of the rows with indices in place of ids, in the order of (user, item, row).

    Args:
        engine: the database.
        rows: see :func:`staged`.
        keys: of users and items: ``id`` as it is among the rows, and ``index``.
        folder: for the file.
    """
    further = "".join(f", r.{column}" for column in _FURTHER if column in rows.columns)
    rows.create_view("rows")
    for role, frame in keys.items():
        file = folder / f"{role}-keys.parquet"
        frame.write_parquet(file)
        engine.read_parquet(str(file)).create_view(f"{role}_keys")
    result = folder / "sorted.parquet"
    query = (  # all names are our own
        f'SELECT u.index AS "user", i.index AS item{further} FROM rows r '  # noqa: S608
        'JOIN user_keys u ON r."user" = u.id JOIN item_keys i ON r.item = i.id ORDER BY u.index, i.index, r."row"'
    )
    engine.sql(query).to_parquet(str(result), compression="lz4", row_group_size=_GROUP)
    return result
