"""Completing a table in a file: what ``fillrank complete`` does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fillrank.completion.completer import Completer
from fillrank.completion.long import looks_long, read_long
from fillrank.completion.reading import Grid, Layout, Reading
from fillrank.completion.text import Text
from fillrank.completion.wide import read_wide
from fillrank.data.io.files import unpacked
from fillrank.errors import SettingsError
from fillrank.runtime.atomic_write import check_file, replacing
from fillrank.runtime.paths import expanded

__all__ = ["CompletedFile", "complete_file"]


@dataclass(frozen=True)
class CompletedFile:
    """What was done to a file.

    Attributes:
        layout, header, row_ids: how it was read.
        n_rows, n_columns: size of the table.
        n_known: cells with a number.
        n_filled: numbers that were put in.
        notes: what should be known of how it was read.
    """

    layout: Layout
    header: bool
    row_ids: bool
    n_rows: int
    n_columns: int
    n_known: int
    n_filled: int
    notes: tuple[str, ...] = ()


def complete_file(
    source: str | Path, target: str | Path, estimator: Completer, *, reading: Reading | None = None, digits: int = 6
) -> CompletedFile:
    """Fill the holes of the table in ``source`` and write it to ``target``.

    Everything but the holes stays as it is written: header, ids, order, quotes, line ends, encoding, and each known
    number to the letter. ``target`` is written in one step and may be ``source`` itself.

    Args:
        source: comma-, tab-, semicolon- or bar-separated text, perhaps compressed; ``target`` is not.
        target: a file; its folder is made if it is not there.
        estimator: a :class:`~fillrank.MatrixCompletion` or :class:`~fillrank.MatrixCompletionCV`; it is fitted.
        reading: how to read; see :class:`~fillrank.completion.reading.Reading`.
        digits: significant digits of what is filled in.

    Raises:
        DataError: the file cannot be read or understood (see :func:`~fillrank.completion.wide.read_wide` and
            :func:`~fillrank.completion.long.read_long`), or no cell is known.
        SettingsError: ``digits`` is not from 1 to 17, or a setting of the estimator cannot work.
    """
    if not 1 <= digits <= 17:
        raise SettingsError(f"digits must be from 1 to 17, got {digits}")
    place = check_file(target, "the file to write")
    how = reading or Reading()
    text = Text.decoded(unpacked(expanded(source, "the table")), how.separator)
    grid = _read(text, how)
    filled = estimator.fit_transform(grid.table.values)
    n_filled = grid.write(filled, lambda value: how.notation.written(value, digits))
    with replacing(place) as fresh:
        fresh.write_bytes(text.encoded())
    m, n = filled.shape
    n_known = int(grid.table.observed.sum())
    return CompletedFile(grid.layout, grid.header, grid.row_ids, m, n, n_known, n_filled, grid.notes)


def _read(text: Text, reading: Reading) -> Grid:
    if reading.layout == "long" or (reading.layout == "auto" and reading.header is not False and looks_long(text)):
        return read_long(text, reading)
    return read_wide(text, reading)
