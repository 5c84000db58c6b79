"""Read Parquet and Arrow files, whose columns have types, some rows at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from fillrank.data.io.compression import FREE_EXPANSION
from fillrank.data.io.formats import Chunk, Part
from fillrank.data.io.guard import torn
from fillrank.data.io.quiet import without_panic_text
from fillrank.errors import DataError

__all__ = ["frame_part", "typed_part"]

_ROWS = 1 << 21  # read at once
_IDS = ("user", "item")


def typed_part(source: Path | bytes, form: str, *, size: int, max_expansion: float) -> Part:
    """A :class:`~fillrank.data.io.formats.Part` for a Parquet or Arrow file.

    Args:
        source: the file, or its bytes.
        form: ``"parquet"`` or ``"arrow"``.
        size: bytes of the file.
        max_expansion: the largest size of its columns in memory, as a multiple of ``size``.

    Raises:
        DataError: the file is damaged or of another kind (this may be noticed only while rows are read), or claims more
            rows than its size allows for.
    """
    place = source if isinstance(source, Path) else io.BytesIO(source)
    with torn(), without_panic_text():
        if form == "parquet":
            lazy = pl.scan_parquet(place, glob=False)
        elif _head(source).startswith(b"ARROW1"):
            lazy = pl.scan_ipc(place)
        else:
            lazy = pl.read_ipc_stream(place).lazy()
        schema = lazy.collect_schema()
        n_rows = int(lazy.select(pl.len()).collect().item())
    if n_rows * 8 > max(FREE_EXPANSION, size * max_expansion):
        raise DataError(
            f"it says that it holds {n_rows:,} rows, more than {max_expansion:g} times its size; if it is meant to, "
            "raise the limit: max_expansion=…"
        )

    def read(chosen: Mapping[str, int]) -> Iterator[Chunk]:
        names = schema.names()
        floating = any(schema[names[chosen[role]]].is_float() for role in _IDS if role in chosen)
        step = n_rows if floating else _ROWS  # floating-point ids: all rows decide whether they are whole numbers
        for first in range(0, n_rows, max(step, 1)):
            rows = lazy.slice(first, step) if step < n_rows else lazy
            with torn(), without_panic_text():
                frame = rows.select(pl.col(names[place]).alias(role) for role, place in chosen.items()).collect()
            yield Chunk(frame, np.arange(first + 1, first + len(frame) + 1), np.empty(0, dtype=np.int64))

    return Part(schema.names(), read, is_number=lambda place: schema.dtypes()[place].is_numeric(), noun="row")


def frame_part(frame: pl.DataFrame) -> Part:
    """A :class:`~fillrank.data.io.formats.Part` for a frame in memory."""

    def read(chosen: Mapping[str, int]) -> Iterator[Chunk]:
        rows = frame.select(pl.nth(place).alias(role) for role, place in chosen.items())
        yield Chunk(rows, np.arange(1, len(rows) + 1), np.empty(0, dtype=np.int64))

    return Part(frame.columns, read, is_number=lambda place: frame.dtypes[place].is_numeric(), noun="row")


def _head(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[:8]
    with source.open("rb") as stream:
        return stream.read(8)
