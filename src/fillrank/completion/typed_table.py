"""Read tables in Parquet and Arrow files as text, and write them back with their types."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import polars as pl

from fillrank.completion.text import Text, plain
from fillrank.data.io.guard import torn
from fillrank.data.io.quiet import without_panic_text
from fillrank.errors import DataError, SettingsError
from fillrank.runtime.paths import refuse_special

__all__ = ["TYPED", "as_text", "typed_table", "write_typed"]

TYPED: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".arrow": lambda frame, path: frame.write_ipc(path),
    ".feather": lambda frame, path: frame.write_ipc(path),
    ".ipc": lambda frame, path: frame.write_ipc(path),
}
"""Endings of files with typed columns, and how they are written."""

_HEADS: dict[bytes, Callable[[Path], pl.DataFrame]] = {
    b"PAR1": lambda path: pl.read_parquet(path, glob=False),
    b"ARROW1": pl.read_ipc,
}


def typed_table(path: Path) -> pl.DataFrame | None:
    """The table in a Parquet or Arrow file, known by its first bytes; None for any other file.

    Raises:
        DataError: the file is damaged, or is a device or another special file.
    """
    refuse_special(path, "the table")
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        head = stream.read(8)
    read = next((read for mark, read in _HEADS.items() if head.startswith(mark)), None)
    if read is None:
        return None
    with torn(), without_panic_text():
        return read(path)


def as_text(frame: pl.DataFrame) -> Text:
    """Convert the table to a comma-separated text with a header.

    Raises:
        DataError: a column holds lists or tables.
    """
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested() or dtype in {pl.Object, pl.Binary}]
    if nested:
        raise DataError(f"the column {nested[0]!r} holds {frame.schema[nested[0]]}, no single values; leave it out")
    buffer = io.BytesIO()
    frame.write_csv(buffer)
    return Text.decoded(buffer.getvalue(), ",")


def write_typed(frame: pl.DataFrame, filled: Text, place: Path, ending: str) -> None:
    """Convert the filled text to a table like ``frame``: complete columns unchanged, filled ones as 64-bit floats.

    Raises:
        SettingsError: there is no such ending.
    """
    if ending not in TYPED:
        raise SettingsError(f"a table with types is written to {', '.join(TYPED)}, or as text to .csv; got {ending!r}")
    rows = filled.rows[1:]
    columns = []
    for number, column in enumerate(frame.get_columns()):
        holes = column.null_count() + (int(column.is_nan().sum()) if column.dtype.is_float() else 0)
        if len(rows) == len(column) and (not holes or not column.dtype.is_numeric()):
            columns.append(column)
            continue
        said = pl.Series(column.name, [plain(row.fields[number]) or None for row in rows], dtype=pl.String)
        columns.append(said.cast(pl.Float64 if column.dtype.is_numeric() and holes else column.dtype))
    TYPED[ending](pl.DataFrame(columns), place)
