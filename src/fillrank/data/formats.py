"""Files of every format as raw columns."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data.files import ending, unpacked
from fillrank.data.jsonl import read_jsonl
from fillrank.data.lightgcn import lightgcn_pairs
from fillrank.data.lines import as_utf8, read_records
from fillrank.data.sniff import has_header, looks_like_lightgcn, separator_of
from fillrank.errors import DataError

__all__ = ["ENDINGS", "FORMATS", "Format", "Part", "read_part"]

Format = Literal["csv", "tsv", "dat", "ml-100k", "lightgcn", "parquet", "arrow", "jsonl"]
FORMATS: tuple[Format, ...] = ("csv", "tsv", "dat", "ml-100k", "lightgcn", "parquet", "arrow", "jsonl")
ENDINGS: dict[str, Format] = {
    **dict.fromkeys((".csv",), "csv"),
    **dict.fromkeys((".tsv", ".tab", ".inter"), "tsv"),
    **dict.fromkeys((".dat",), "dat"),
    **dict.fromkeys((".data", ".base", ".test"), "ml-100k"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".arrow", ".feather", ".ipc"), "arrow"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
}
_SEPARATORS: dict[Format, str] = {"csv": ",", "tsv": "\t", "dat": "::", "ml-100k": "\t"}
_MOVIELENS = ("user", "item", "value", "time")
_NO_LINES: NDArray[np.int64] = np.empty(0, dtype=np.int64)


class Part(NamedTuple):
    """One file as it was read.

    Attributes:
        header: the names of the columns, in order; those of a text without a header are ``"column 0", …``.
        fields: the raw columns, in the same order; those of a delimited text are all strings.
        lines: for each row, the line it begins on; None where a format has rows and no lines.
        broken: the lines that could not be read into ``fields`` at all.
        is_text: whether strings that look like numbers may be numbers.
        guessed: whether it was only guessed that the first line names the columns.
    """

    header: list[str]
    fields: pl.LazyFrame
    lines: NDArray[np.int64] | None = None
    broken: NDArray[np.int64] = _NO_LINES
    is_text: bool = False
    guessed: bool = False


def read_part(file: Path, *, form: Format | None, separator: str | None, header: bool | None) -> Part:
    """The raw columns of one file; what is None is told from its name, or else from what it holds.

    Raises:
        DataError: the file is empty, torn, or in none of the formats.
    """
    form = form or (None if separator else ENDINGS.get(ending(file)))
    data = unpacked(file)
    try:
        if form == "parquet" or (form is None and data.startswith(b"PAR1")):
            return _columns(pl.scan_parquet(io.BytesIO(data)))
        if form == "arrow" or (form is None and data.startswith(b"ARROW1")):
            return _arrow(data)
        text = as_utf8(data)
        if form == "jsonl" or (form is None and text.lstrip().startswith(b"{")):
            frame, lines, broken = read_jsonl(text)
            return Part(frame.columns, frame.lazy(), lines, broken)
        if form == "lightgcn" or (form is None and separator is None and looks_like_lightgcn(text)):
            return _lightgcn(text)
        return _delimited(text, form, separator, header)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise DataError(f"{file} is torn, or not in the format that was expected: {error}") from error
    except DataError as error:
        raise type(error)(f"{file}: {error}") from error


def _columns(fields: pl.LazyFrame) -> Part:
    return Part(fields.collect_schema().names(), fields)


def _arrow(data: bytes) -> Part:
    if data.startswith(b"ARROW1"):
        return _columns(pl.scan_ipc(io.BytesIO(data)))
    return _columns(pl.read_ipc_stream(io.BytesIO(data)).lazy())


def _lightgcn(text: bytes) -> Part:
    pairs = lightgcn_pairs(text)
    return Part(["user", "item"], pairs.lazy().select("user", "item"), pairs["line"].to_numpy().astype(np.int64))


def _delimited(text: bytes, form: Format | None, separator: str | None, header: bool | None) -> Part:
    if separator is None:
        separator = separator_of(text, expected=None if form is None else _SEPARATORS[form])
    fields, lines, ragged = read_records(text, separator, quotes=form in {None, "csv", "tsv"})
    names = [f"column {place}" for place in range(fields.width)]
    guessed = header is None and has_header(fields.row(0))
    if header or guessed:
        names = [(name or "").strip() for name in fields.row(0)]
        fields, lines = fields[1:], lines[1:]
    elif form in {"dat", "ml-100k"}:  # MovieLens has its columns in this order, without a header
        names[: len(_MOVIELENS)] = _MOVIELENS[: len(names)]
    return Part(names, fields.lazy(), lines, ragged, is_text=True, guessed=guessed)
