"""A whole store in one file: a line of JSON for each row, and a last line that tells whether the file is whole."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from sqlalchemy import func, insert, select, text

from fillrank.errors import DataError, StoreError
from fillrank.runtime.atomic_write import replacing
from fillrank.runtime.paths import expanded
from fillrank.store.migrate import LOCK
from fillrank.store.store import Store
from fillrank.store.tables import metadata

__all__ = ["dump", "holds_a_dump", "restore"]

_MARK, _FORMAT = "fillrank store", 1
_ROWS = 1_000
_TABLES = [table for table in metadata.sorted_tables if table.name != "counters"]


def dump(store: Store, path: str | os.PathLike[str]) -> dict[str, int]:
    """Write all of a store, as it is at one moment, to a file (gzip where its name ends in ``.gz``).

    Keys are in it as digests, as they are in the store. Readable by its owner alone.

    Returns:
        How many rows of each table.
    """
    counts: dict[str, int] = {}
    with replacing(expanded(path)) as temporary:
        temporary.touch(mode=0o600)
        temporary.chmod(0o600)
        with _opened(temporary, "wt", packed=str(path).endswith(".gz")) as file, store.reading() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            _write(file, {"type": _MARK, "format": _FORMAT})
            for table in _TABLES:
                rows = connection.execution_options(yield_per=_ROWS).execute(select(table)).mappings()
                counts[table.name] = sum(_write(file, {"table": table.name, "row": dict(row)}) for row in rows)
            _write(file, {"end": counts})
    return counts


def restore(store: Store, path: str | os.PathLike[str]) -> dict[str, int]:
    """Fill an empty store from what :func:`dump` has written: all of it, or nothing.

    Raises:
        DataError: the file is no dump, or is torn.
        StoreError: the store is not empty.
    """
    file = expanded(path)
    counts = {table.name: 0 for table in _TABLES}
    by_name = {table.name: table for table in _TABLES}
    with store.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK})
        for table in _TABLES:
            if connection.execute(select(func.count()).select_from(table)).scalar_one():
                raise StoreError(f"{store!r} has rows in {table.name}; restore into an empty one")
        due: dict[str, list[Any]] = {name: [] for name in by_name}
        for name, row in _rows(file, counts):
            due[name].append(row)
            if len(due[name]) >= _ROWS:
                connection.execute(insert(by_name[name]), due[name])
                due[name] = []
        for name, rows in due.items():
            if rows:
                connection.execute(insert(by_name[name]), rows)
        if connection.dialect.name == "postgresql":
            highest = "SELECT setval(pg_get_serial_sequence('events', 'seq'), (SELECT max(seq) FROM events))"
            connection.execute(text(highest))
    return counts


def holds_a_dump(path: Path) -> bool:
    """Whether a file is one that :func:`dump` has written."""
    try:
        with _opened(path, "rt", packed=_is_packed(path)) as file:
            return bool(json.loads(file.readline(1000)).get("type") == _MARK)
    except (OSError, ValueError, AttributeError, EOFError):
        return False


def _rows(path: Path, counts: dict[str, int]) -> Iterator[tuple[str, Any]]:
    """The rows of a dump with the names of their tables.

    Raises:
        DataError: there is no such file, it is no dump, is of a newer format, or is torn.
    """
    torn = DataError(f"{path} is torn, or no dump of a store; nothing was restored from it")
    columns = {table.name: set(table.c.keys()) for table in _TABLES}
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    try:
        with _opened(path, "rt", packed=_is_packed(path)) as file:
            head = json.loads(file.readline())
            if not isinstance(head, dict) or head.get("type") != _MARK:
                raise torn
            if head.get("format") != _FORMAT:
                raise DataError(
                    f"{path} is of format {head.get('format')!r}, this fillrank reads {_FORMAT}; upgrade it"
                )
            for line in file:
                found = json.loads(line)
                if "end" in found:
                    if found["end"] != counts or file.readline():
                        raise torn
                    return
                if set(found["row"]) != columns[found["table"]]:
                    raise torn
                counts[found["table"]] += 1
                yield found["table"], found["row"]
    except (OSError, EOFError, ValueError, LookupError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise torn from error
    raise torn


def _opened(path: Path, mode: str, *, packed: bool) -> IO[str]:
    return cast("IO[str]", (gzip.open if packed else open)(path, mode, encoding="utf-8"))


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _write(file: IO[str], record: dict[str, Any]) -> int:
    file.write(json.dumps(record, ensure_ascii=True) + "\n")
    return 1
