"""Convert columns of Python objects to numbers: decide what is missing, what is a number, and what is neither."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from fillrank.arguments import shown
from fillrank.errors import DataError, SettingsError
from fillrank.solvers.dense.cells import Array

__all__ = ["Missing", "column_of_numbers", "named_missing"]

Missing: TypeAlias = "float | str | Sequence[float | str] | None"
"""Numbers and words that mean a missing value, besides NaN, None, ``pd.NA`` and masked cells."""

_DATES = (dt.date, dt.time, dt.timedelta, np.datetime64, np.timedelta64)


class _NotANumberError(DataError, TypeError):
    """A cell is an object that is not a number. It is a ``TypeError``, as scikit-learn requires."""


_FAR = 10**300  # beyond what a float holds, about


def named_missing(missing: Missing) -> tuple[frozenset[str], Array]:
    """The words and the numbers that a caller gave for missing values.

    Raises:
        SettingsError: one is neither a number nor text.

    Example:
        >>> words, codes = named_missing((99, "?", -1))
        >>> sorted(words), codes.tolist()
        (['?'], [99.0, -1.0])
    """
    several: Any = missing if isinstance(missing, list | tuple | set | frozenset | np.ndarray) else [missing]
    words, codes = set(), []
    for one in several:
        if _is_missing(one):
            continue  # is missing anyway
        if isinstance(one, str):
            words.add(one.strip())
        elif isinstance(one, int | float | np.integer | np.floating) and not isinstance(one, bool):
            if isinstance(one, int) and abs(one) >= _FAR:
                raise SettingsError(f"missing_values: no cell holds a number of so many digits, got {shown(one)}")
            codes.append(float(one))
        else:
            raise SettingsError(f"missing_values must be a number, a word, or a list of them, got {one!r}")
    return frozenset(words), np.array(codes, dtype=np.float64)


def column_of_numbers(column: Array, where: str, words: frozenset[str] = frozenset()) -> Array:
    """Convert a column of objects, text or dates to float64 ``[m]``, with NaN for missing values.

    Args:
        column: ``[m]``; numbers, also as text, Decimals, booleans; None, NaN and ``pd.NA`` are missing.
        where: what to call the column in an error.
        words: texts that stand for a missing value.

    Raises:
        DataError: a cell is text that is no number, a date, or another thing.

    Example:
        >>> column_of_numbers(np.array([None, "2.5", "?", True], dtype=object), "column 0", frozenset({"?"})).tolist()
        [nan, 2.5, nan, 1.0]
    """
    if column.dtype.kind in "Mm":
        raise DataError(f"{where} holds dates or durations ({column.dtype}), no numbers; leave it out")
    return np.array([_number(cell, row, where, words) for row, cell in enumerate(column.tolist())], dtype=np.float64)


def _number(cell: Any, row: int, where: str, words: frozenset[str]) -> float:
    if isinstance(cell, bytes):
        cell = cell.decode(errors="replace")
    if isinstance(cell, str):
        if cell.strip() in words:
            return float("nan")
        try:
            return float(cell)
        except ValueError:
            raise DataError(
                f"row {row}, {where}: {cell[:40]!r} is no number; leave the column out if it holds names, or name what "
                "stands for a missing value: missing_values"
            ) from None
    if _is_missing(cell):
        return float("nan")
    if isinstance(cell, _DATES):
        raise DataError(f"row {row}, {where}: {cell!s} is a date or a duration, no number; leave the column out")
    try:
        return float(cell)
    except (TypeError, ValueError):
        kind = type(cell).__name__
        raise _NotANumberError(
            f"row {row}, {where}: the argument must be a string or a real number, got {kind}"
        ) from None
    except OverflowError:
        raise DataError(f"row {row}, {where}: {str(cell)[:20]}… is too large for a float64") from None


def _is_missing(cell: Any) -> bool:
    """Whether a value is None, NaN, ``pd.NA``, ``pd.NaT`` or NumPy's masked constant."""
    if cell is None or cell is np.ma.masked or type(cell).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(cell, float | np.floating) and bool(np.isnan(cell))
