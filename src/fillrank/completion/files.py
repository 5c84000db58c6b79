"""Completing a table in a file: what ``fillrank complete`` does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fillrank.completion.completer import Completer
from fillrank.completion.long import looks_long, read_long
from fillrank.completion.reading import Layout, Reading, TextCells
from fillrank.completion.text import Text
from fillrank.completion.wide import read_wide
from fillrank.data.io.files import unpacked
from fillrank.errors import DataError, FillrankError, SettingsError
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
    source: str | Path,
    target: str | Path,
    estimator: Completer,
    *,
    reading: Reading | None = None,
    digits: int = 6,
    force: bool = False,
) -> CompletedFile:
    """Fill the holes of the table in ``source`` and write it to ``target``.

    Everything but the holes stays as it is written: header, ids, order, quotes, line ends, encoding, and each known
    number to the letter. ``target`` is written in one step and may be ``source`` itself, or a table that was filled
    before: one with the same header and without a hole.

    Args:
        source: comma-, tab-, semicolon- or bar-separated text, perhaps compressed; ``target`` is not.
        target: a file; its folder is made if it is not there.
        estimator: a :class:`~fillrank.MatrixCompletion` or :class:`~fillrank.MatrixCompletionCV`; it is fitted.
        reading: how to read; see :class:`~fillrank.completion.reading.Reading`.
        digits: significant digits of what is filled in.
        force: write over any other file as well.

    Raises:
        DataError: the file cannot be read or understood (see :func:`~fillrank.completion.wide.read_wide` and
            :func:`~fillrank.completion.long.read_long`), or no cell is known; or ``target`` is a file of another kind.
        SettingsError: ``digits`` is not from 1 to 17, or a setting of the estimator cannot work.
    """
    if not 1 <= digits <= 17:
        raise SettingsError(f"digits must be from 1 to 17, got {digits}")
    place = check_file(target, "the file to write")
    how = reading or Reading()
    origin = expanded(source, "the table")
    text = Text.decoded(unpacked(origin), how.separator)
    if not force:
        _check_kind(place, origin, text, how)
    grid = _read(text, how)
    filled = estimator.fit_transform(grid.table.values)
    n_filled = grid.write(filled, lambda value: how.notation.written(value, digits))
    with replacing(place) as fresh:
        fresh.write_bytes(text.encoded())
    m, n = filled.shape
    n_known = int(grid.table.observed.sum())
    return CompletedFile(grid.layout, grid.header, grid.row_ids, m, n, n_known, n_filled, grid.notes)


def _check_kind(target: Path, source: Path, text: Text, reading: Reading) -> None:
    """Refuse to write over a file that is neither the source nor a table like it that was filled before."""
    if not target.is_file() or not target.stat().st_size or target.samefile(source):
        return
    try:
        there = Text.decoded(target.read_bytes(), text.separator)
        grid = _read(there, replace(reading, all_pairs=False))
        same = not grid.header or there.rows[0].fields == text.rows[0].fields
        n_holes = grid.write(np.zeros(grid.table.values.shape), str)
    except FillrankError:
        same, n_holes = False, 0
    if not same or n_holes:
        raise DataError(
            f"the file to write {target} is there already and is not a table like {source.name} that was filled "
            "before; give another name, or --force to write over it"
        )


def _read(text: Text, reading: Reading) -> TextCells:
    if reading.layout == "long" or (reading.layout == "auto" and reading.header is not False and looks_long(text)):
        return read_long(text, reading)
    return read_wide(text, reading)
