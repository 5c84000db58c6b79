"""Read a table of any columns from a file, such as what is known of items: the formats are those of a log."""

from __future__ import annotations

import os
from collections import Counter

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data.io.detect import open_part
from fillrank.data.io.encoding import DAMAGED, damaged_byte
from fillrank.data.io.files import Input, find_inputs, naming
from fillrank.data.io.names import is_usual_name
from fillrank.data.io.options import ReadOptions
from fillrank.data.io.own_formats import known_endings
from fillrank.errors import DataError
from fillrank.runtime.forks import refuse_after_fork

__all__ = ["read_table"]

_WHOLE = r"^(?:0|-?[1-9][0-9]{0,17})$"  # a code such as 007 stays a text
_NUMBER = r"^-?[0-9]+\.[0-9]+$"


def read_table(path: str | os.PathLike[str]) -> pl.DataFrame:
    """A table from a file, whose first row names the columns if it is a text.

    Formats, compression, encodings and separators are found as :func:`fillrank.read` finds them. In a text, a column
    becomes whole numbers, numbers or truth values if each of its cells that is not empty is one.

    Raises:
        DataError: the file is not there, is empty or damaged, has two columns of one name, or a row has another number
            of fields than the header.

    Example:
        >>> import pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> file = pathlib.Path(folder.name, "films.csv")
        >>> _ = file.write_text("film;year;genre;seen\\nHeat;1995;Crime;true\\nAlien;1979;;false\\n")
        >>> read_table(file).rows()
        [('Heat', 1995, 'Crime', True), ('Alien', 1979, None, False)]
        >>> folder.cleanup()
    """
    refuse_after_fork("reading a table")
    tables = [_read(one) for one in find_inputs(path, known_endings())]
    if any(table.columns != tables[0].columns for table in tables):
        raise DataError(f"the {len(tables)} parts of {path} do not have the same columns")
    joined = pl.concat(tables, how="vertical_relaxed")
    return joined.select(_typed(column) for column in joined)


def _read(one: Input) -> pl.DataFrame:
    with naming(one.name), one.open() as stream:
        part, decoder = open_part(one, stream, ReadOptions(header=True), is_usual_name)
        twice = [name for name, count in Counter(part.header).items() if count > 1 and name]
        if twice:
            raise DataError(f"two of its columns are called {twice[0]!r}; rename one")
        places = {name: place for place, name in enumerate(part.header) if name}
        frames = []
        for frame, lines, broken in part.read(places):
            if len(broken):
                raise DataError(f"{part.noun} {int(broken[0])} is {part.broken_as}; fix it")
            if decoder is not None and decoder.damaged:
                _refuse_damaged(frame, lines)
            frames.append(frame)
        read = pl.concat(frames, how="vertical_relaxed") if frames else pl.DataFrame()
        if not len(read):
            raise DataError("it holds no rows below its header; there is nothing to read")
        return read


def _refuse_damaged(frame: pl.DataFrame, lines: NDArray[np.int64]) -> None:
    for column in frame.select(pl.col(pl.String)):
        if (found := column.str.contains(DAMAGED).fill_null(False)).any():
            place = int(found.arg_max() or 0)
            byte = damaged_byte(column[place])
            raise DataError(f"line {lines[place]}, column {column.name!r}: the byte {byte:#04x} is not UTF-8; fix it")


def _typed(column: pl.Series) -> pl.Series:
    """A column of texts as numbers or truth values, where all of its cells are such; empty cells become null."""
    if column.dtype != pl.String:
        return column
    text = column.str.strip_chars()
    text = text.set(text == "", None)
    given = text.drop_nulls()
    if not len(given):
        return text
    if given.str.contains(_WHOLE).all():
        return text.cast(pl.Int64)
    if (given.str.contains(_NUMBER) | given.str.contains(_WHOLE)).all():
        return text.cast(pl.Float64)
    if given.str.to_lowercase().is_in(["true", "false"]).all():
        return text.str.to_lowercase() == "true"
    return text
