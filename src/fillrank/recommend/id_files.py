"""Write and read ``users.parquet`` and ``items.parquet`` of a saved model: the ids in order, and their labels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl

from fillrank.data import IdMap
from fillrank.errors import DataError
from fillrank.runtime.forks import polars_is_lost, refuse_after_fork

__all__ = ["read_ids", "write_ids"]

_TYPES: dict[str, tuple[type[pl.DataType], ...]] = {"id": (pl.Int64, pl.String), "label": (pl.String,)}

_READING = """
import json, sys, polars
frame = polars.read_parquet(json.load(sys.stdin)["file"])
json.dump([[one.name, str(one.dtype), one.to_list()] for one in frame], sys.stdout)
"""
_WRITING = """
import json, sys, polars
task = json.load(sys.stdin)
columns = [polars.Series(name, values, dtype=getattr(polars, kind)) for name, kind, values in task["columns"]]
polars.DataFrame(columns).write_parquet(task["file"])
"""
# Code for another process: polars reads and writes Parquet with threads, which a forked process does not have.


def write_ids(ids: IdMap, file: Path) -> None:
    """Write ids and labels to a Parquet file."""
    columns = [ids.ids] if ids.labels is None else [ids.ids, ids.labels.alias("label")]
    if polars_is_lost():
        task = [[one.name, str(one.dtype), one.to_list()] for one in columns]
        _elsewhere(_WRITING, {"file": str(file), "columns": task}, "saving a model")
    else:
        pl.DataFrame(columns).write_parquet(file)


def read_ids(file: Path) -> IdMap:
    """The ids in a Parquet file.

    Raises:
        DataError: the file has other columns or types, or an id is missing or there twice.
    """
    for column in (columns := _columns(file)):
        if column.dtype not in _TYPES.get(column.name, ()):
            raise DataError(f"{file.name} has a column {column.name!r} of {column.dtype}")
    by_name = {column.name: column for column in columns}
    if "id" not in by_name:
        raise DataError(f"{file.name} has no column of ids")
    labels = by_name.get("label")
    IdMap(by_name["id"], labels=labels)  # refuses what is missing or there twice
    return IdMap.in_order(by_name["id"], labels)


def _columns(file: Path) -> list[pl.Series]:
    if not polars_is_lost():
        return pl.read_parquet(file).get_columns()
    found = json.loads(_elsewhere(_READING, {"file": str(file)}, "loading a model"))
    kinds = {"Int64": pl.Int64, "String": pl.String}
    return [pl.Series(name, values, dtype=kinds.get(kind, pl.Object)) for name, kind, values in found]


def _elsewhere(code: str, task: Any, what: str) -> str:
    """Run ``code`` on ``task`` in a new process, and return what it prints.

    Raises:
        ForkedError: no process can be started.
        DataError: the process failed.
    """
    if not sys.executable:
        refuse_after_fork(what)
    path = os.pathsep.join(entry for entry in sys.path if entry)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": path},
        )
    except OSError:
        refuse_after_fork(what)
        raise
    if done.returncode:
        raise DataError(f"{what} in another process failed: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout
