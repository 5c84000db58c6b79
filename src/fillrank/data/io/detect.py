"""Find out the format, the encoding and the layout of one file, and open it with the reader of that format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import IO

import numpy as np
import polars as pl

from fillrank.data.io.chunks import chunks_of
from fillrank.data.io.compression import Unpacked, unpack
from fillrank.data.io.delimited import delimited_part, takes_quotes
from fillrank.data.io.encoding import Decoder
from fillrank.data.io.files import Input
from fillrank.data.io.formats import FORMATS, Chunk, Format, Part
from fillrank.data.io.jsonl import JsonLines, read_json_array
from fillrank.data.io.lightgcn import lightgcn_pairs
from fillrank.data.io.matrix_market import matrix_market_part
from fillrank.data.io.options import ReadOptions
from fillrank.data.io.own_formats import format_of, own_part
from fillrank.data.io.signatures import HEAD
from fillrank.data.io.sniff import looks_like_lightgcn
from fillrank.data.io.typed import frame_part, typed_part
from fillrank.errors import DataError

__all__ = ["open_part"]

_MAGIC: dict[bytes, Format] = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\xff\xff\xff\xff": "arrow"}


def open_part(
    source: Input, stream: IO[bytes], options: ReadOptions, is_name: Callable[[str], bool]
) -> tuple[Part, Decoder | None]:
    """Open a file with the reader of its format. What the options leave open is inferred from its name or its content.

    Args:
        source: the file.
        stream: its bytes; the stream must stay open until all rows are read.
        options: how to read it.
        is_name: whether a field is the name of a column.

    Returns:
        The file as a :class:`~fillrank.data.io.formats.Part`, and for a text its decoder. Only when all rows are read
        does the decoder know whether there were damaged bytes.

    Raises:
        DataError: the file is empty, damaged, not a log, or in an unknown format.
    """
    packed = unpack(stream, member=options.member, max_expansion=options.max_expansion)
    name = Path(packed.member or source.short)
    form = options.format or (None if options.separator else format_of(name))
    blocks = iter(packed)
    head = next(blocks, b"")
    while not head.strip() and (more := next(blocks, b"")):
        head += more
    if not head.strip():
        raise DataError("it is empty; there is nothing to read")
    if form is not None and form not in FORMATS:
        return own_part(form, head + b"".join(blocks)), None
    typed: str | None = form if form in {"parquet", "arrow"} else None
    if form is None:
        typed = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    if typed:
        return _typed(source, packed, chain([head], blocks), typed, options), None
    decoder = Decoder(chain([head], blocks), options.encoding)
    part = _text(decoder, form, options, is_name)
    if packed.member:
        part.notes.append(f"read {packed.member!r} in a zip archive")
    return part, decoder


def _typed(source: Input, packed: Unpacked, blocks: Iterator[bytes], form: str, options: ReadOptions) -> Part:
    on_disk = source.path is not None and not packed.kind
    content = source.path if on_disk and source.path is not None else b"".join(blocks)
    return typed_part(content, form, size=packed.size, max_expansion=options.max_expansion)


def _text(decoder: Decoder, form: Format | None, options: ReadOptions, is_name: Callable[[str], bool]) -> Part:
    chunks = chunks_of(decoder, quotes=takes_quotes(form))
    first = next(chunks, b"")
    if not first.strip():
        raise DataError("it is empty; there is nothing to read")
    begin = first[:HEAD].lstrip()
    rest = chain([first], chunks)
    is_json = begin.startswith((b"{", b"[")) if form is None else begin.startswith((b'{"', b"[{"))
    if form == "jsonl" or (options.format is None and is_json):
        return _json(b"".join(rest), begin)
    if form == "mtx" or (form is None and begin.startswith(b"%%MatrixMarket")):
        return matrix_market_part(rest)
    if form == "lightgcn" or (form is None and options.separator is None and looks_like_lightgcn(first)):
        pairs = lightgcn_pairs(b"".join(rest))
        return Part(["user", "item"], lambda chosen: _pairs(pairs, chosen))
    return delimited_part(rest, form, separator=options.separator, header=options.header, is_name=is_name)


def _pairs(pairs: pl.DataFrame, chosen: Mapping[str, int]) -> Iterator[Chunk]:
    frame = pairs.select(pl.nth(place).alias(role) for role, place in chosen.items())
    yield Chunk(frame, pairs["line"].to_numpy().astype(np.int64), np.empty(0, dtype=np.int64))


def _json(text: bytes, begin: bytes) -> Part:
    first_line = text.lstrip().split(b"\n", 1)[0].strip()
    is_one = first_line == b"{" or len(text.strip()) == len(first_line)
    if begin.startswith(b"[") or is_one:
        return frame_part(read_json_array(text))
    lines = JsonLines(text)

    def read(chosen: Mapping[str, int]) -> Iterator[Chunk]:
        for frame, at, broken in lines.chunks(list(chosen.values())):
            yield Chunk(frame.rename({str(place): role for role, place in chosen.items()}), at, broken)

    return Part(lines.header, read, is_number=lines.is_number, broken_as="not a JSON object")
