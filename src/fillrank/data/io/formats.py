"""The names of the file formats, and the result that each reader gives: ``Part`` and ``Chunk``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["ENDINGS", "FORMATS", "TYPED_FORMATS", "Chunk", "Format", "Part"]

Format = Literal["csv", "tsv", "dat", "ml-100k", "lightgcn", "mtx", "parquet", "arrow", "jsonl"]
FORMATS: tuple[Format, ...] = ("csv", "tsv", "dat", "ml-100k", "lightgcn", "mtx", "parquet", "arrow", "jsonl")
TYPED_FORMATS = frozenset({"parquet", "arrow", "jsonl"})
ENDINGS: dict[str, Format] = {
    **dict.fromkeys((".csv",), "csv"),
    **dict.fromkeys((".tsv", ".tab", ".inter"), "tsv"),
    **dict.fromkeys((".dat",), "dat"),
    **dict.fromkeys((".data", ".base", ".test"), "ml-100k"),
    **dict.fromkeys((".mtx", ".mm"), "mtx"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".arrow", ".feather", ".ipc"), "arrow"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
}


class Chunk(NamedTuple):
    """Some rows of a file.

    Attributes:
        frame: the columns that were asked for, named by their roles; those of a delimited text are strings.
        lines: the line on which each row begins (the first line is 1), or the number of the row in formats without
            lines.
        broken: the lines that could not be read into ``frame`` at all.
    """

    frame: pl.DataFrame
    lines: NDArray[np.int64]
    broken: NDArray[np.int64]


@dataclass
class Part:
    """One file whose layout is known, before its rows are read.

    Attributes:
        header: the names of the columns, in order; ``"column 0", …`` for a text without a header.
        read: a function that gets the position of each column to read, and reads the rows chunk by chunk.
        is_text: whether strings that look like numbers can be numbers.
        guessed: whether it is only a guess that the first line names the columns.
        is_number: whether the column at a position holds numbers, as far as the first rows show.
        noun: what ``Chunk.lines`` counts: ``"line"`` or ``"row"``.
        broken_as: what is wrong with broken lines.
        notes: what was left out or guessed, in words; complete when all chunks are read.
    """

    header: list[str]
    read: Callable[[Mapping[str, int]], Iterator[Chunk]]
    is_text: bool = False
    guessed: bool = False
    is_number: Callable[[int], bool] = lambda _: True
    noun: Literal["line", "row"] = "line"
    broken_as: str = ""
    notes: list[str] = field(default_factory=list)
