"""Complete a table in a file: the work of ``fillrank complete``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fillrank.completion.choosing import KeptBack, errors_kept_back
from fillrank.completion.completer import Completer
from fillrank.completion.fitting import seed_from
from fillrank.completion.long import looks_long, read_long
from fillrank.completion.reading import Layout, Reading, TextCells
from fillrank.completion.settings import Settings, check_bounds
from fillrank.completion.table import Table
from fillrank.completion.text import Text
from fillrank.completion.typed_table import TYPED, as_text, typed_table, write_typed
from fillrank.completion.wide import read_wide
from fillrank.data.io.files import unpacked
from fillrank.errors import DataError, FillrankError, SettingsError
from fillrank.runtime.atomic_write import check_file, replacing
from fillrank.runtime.paths import expanded
from fillrank.solvers.dense.cells import Array

__all__ = ["CompletedFile", "Finish", "complete_file"]


@dataclass(frozen=True)
class CompletedFile:
    """The report of a completed file.

    Attributes:
        layout, header, row_ids: how the file was read.
        n_rows, n_columns: size of the table.
        n_known: number of cells with a number.
        n_filled: number of cells that were filled.
        notes: notes on how the file was read.
        rmse_kept_back, rmse_of_means: root mean squared errors on held-out cells, of the model and of the columns'
            means; in standard deviations of the columns if each column has its own scale. None if there are too few
            cells.
    """

    layout: Layout
    header: bool
    row_ids: bool
    n_rows: int
    n_columns: int
    n_known: int
    n_filled: int
    notes: tuple[str, ...] = ()
    rmse_kept_back: float | None = None
    rmse_of_means: float | None = None


def complete_file(
    source: str | Path,
    target: str | Path,
    estimator: Completer,
    *,
    reading: Reading | None = None,
    digits: int = 6,
    force: bool = False,
    finish: Finish | None = None,
) -> CompletedFile:
    """Fill the missing cells of the table in ``source``, and write it to ``target``.

    Everything but the missing cells is kept exactly as it is: header, ids, order, quotes, line ends, encoding, and the
    text of each known number. ``target`` is written in one step. It may be ``source`` itself, or a table that was
    filled before: one with the same header and without missing cells.

    Args:
        source: comma-, tab-, semicolon- or bar-separated text, perhaps compressed (``target`` is not); or a Parquet or
            Arrow file, which is read as if it were such a text with a header.
        target: a file; its folder is created if needed. If the source is a Parquet or Arrow file and the name ends in
            ``.parquet``, ``.arrow`` or ``.feather``, so is the target; it has the same types, but columns that had
            missing cells become floating-point. Otherwise it is a text file.
        estimator: a :class:`~fillrank.MatrixCompletion` or :class:`~fillrank.MatrixCompletionCV`; it is fitted here.
        reading: how to read the file; see :class:`~fillrank.completion.reading.Reading`.
        digits: significant digits of the filled numbers.
        force: also overwrite a file of another kind.
        finish: changes of the filled numbers, such as rounding; see :class:`Finish`.

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
    frame = typed_table(origin)
    if frame is None and place.suffix.lower() in TYPED:
        raise SettingsError(
            f"{origin.name} is a text file, so the result is one too; give a name that ends in .csv, for example"
        )
    text = Text.decoded(unpacked(origin), how.separator) if frame is None else as_text(frame)
    how = how if frame is None else replace(how, header=True, separator=None)
    if not force:
        _check_kind(place, origin, text, how)
    grid = _read(text, how)
    filled = estimator.fit_transform(grid.table.values)
    filled = filled if finish is None else finish.applied(filled, grid.table)
    errors = _errors(estimator, grid.table)
    n_filled = grid.write(filled, lambda value: how.notation.written(value, digits))
    with replacing(place) as fresh:
        if frame is not None and place.suffix.lower() in TYPED:
            write_typed(frame, text, fresh, place.suffix.lower())
        else:
            fresh.write_bytes(text.encoded())
    m, n = filled.shape
    n_known = int(grid.table.observed.sum())
    return CompletedFile(grid.layout, grid.header, grid.row_ids, m, n, n_known, n_filled, grid.notes, *errors)


def _errors(estimator: Completer, table: Table) -> tuple[float | None, float | None]:
    """How well held-out cells are predicted, by the model and by the columns' means."""
    settings = Settings(
        estimator.rank_,
        estimator.solver,
        "auto" if estimator.regularization_ is None else estimator.regularization_,
        estimator.bias,
        getattr(estimator, "learning_rate", "auto"),
        estimator.max_iter,
        estimator.tol,
        estimator.scaled_by_,
    )
    weights = np.ones(len(table.values))
    kept_back = KeptBack(table, weights, seed_from(estimator.random_state), check_bounds(estimator.bounds))
    return errors_kept_back(settings, kept_back) or (None, None)


@dataclass(frozen=True)
class Finish:
    """Changes of numbers before they are filled in, such as rounding.

    Attributes:
        whole: round them in columns whose known values are all whole numbers.
        within: clip them to the known values of their column: to its smallest and its largest.
    """

    whole: bool = False
    within: bool = False

    def applied(self, filled: Array, table: Table) -> Array:
        """The full table ``[m, n]`` with the changes applied to its filled cells."""
        known = np.where(table.observed, table.values, np.nan)
        some = table.observed.any(axis=0)
        changed = filled.copy()
        if self.within:
            low, high = (
                np.where(some, edge(np.where(table.observed, known, other), axis=0), other)
                for edge, other in ((np.min, np.inf), (np.max, -np.inf))
            )
            changed[:, some] = np.clip(changed, low, high)[:, some]
        if self.whole:
            are_whole = some & np.where(table.observed, table.values == np.round(table.values), True).all(axis=0)
            changed[:, are_whole] = np.round(changed[:, are_whole])
        return np.where(table.observed, filled, changed)


def _check_kind(target: Path, source: Path, text: Text, reading: Reading) -> None:
    """Refuse to overwrite a file, unless it is the source or an earlier completion of such a table."""
    if not target.is_file() or not target.stat().st_size or target.samefile(source):
        return
    try:
        frame = typed_table(target)
        there = Text.decoded(target.read_bytes(), text.separator) if frame is None else as_text(frame)
        grid = _read(there, replace(reading, all_pairs=False))
        same = not grid.header or there.rows[0].fields == text.rows[0].fields
        n_holes = grid.write(np.zeros(grid.table.values.shape), str)
    except FillrankError:
        same, n_holes = False, 0
    if not same or n_holes:
        raise DataError(
            f"the file to write {target} exists already and is not a table like {source.name} that was filled "
            "before; give another name, or --force to overwrite it"
        )


def _read(text: Text, reading: Reading) -> TextCells:
    if reading.layout == "long" or (reading.layout == "auto" and reading.header is not False and looks_long(text)):
        return read_long(text, reading)
    return read_wide(text, reading)
