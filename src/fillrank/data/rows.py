"""From raw columns to clean ones: every row that cannot be read is set aside, with its reason."""

from __future__ import annotations

import polars as pl

from fillrank.data.ids import as_id_column
from fillrank.data.times import to_seconds
from fillrank.errors import DataError

__all__ = ["clean_rows"]

_LARGEST = 3.4028234e38  # of a 32-bit floating-point number
_WANTED = {"user": "an id", "item": "an id", "value": "a finite number", "time": "a time"}


def clean_rows(raw: pl.DataFrame, *, from_text: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The good rows, typed, and the bad ones with their reasons.

    Args:
        raw: the columns ``user, item`` and where there are any ``value, time, label``; the others are handed through.
        from_text: whether ids that are strings only say what stands in a text file: if all of them are whole numbers as
            such are usually written (no leading zeros, within 64 bits), they become whole numbers.

    Returns:
        The good rows, with ids as whole numbers or strings, values as float64 and times as int64 seconds; and the bad
        rows as they came with a column ``reason``.

    Raises:
        DataError: a column has a type that cannot be what it should.

    Example:
        >>> raw = pl.DataFrame({"user": ["7", "8", ""], "item": ["a", "b", "c"], "value": ["1.5", "x", "2"]})
        >>> good, bad = clean_rows(raw, from_text=True)
        >>> good.rows(), bad["reason"].to_list()
        ([(7, 'a', 1.5)], ["value 'x' is not a finite number", 'no user'])
    """
    convert = {"user": _ids, "item": _ids, "value": _values, "time": to_seconds}
    roles = [role for role in convert if role in raw.columns]
    try:
        typed = raw.with_columns(convert[role](raw[role]).alias(role) for role in roles)
    except pl.exceptions.InvalidOperationError as error:
        raise DataError(f"a column cannot be read as ids, numbers or times: {error}") from error
    is_bad = pl.any_horizontal(pl.col(role).is_null() for role in roles)
    mask = typed.select(is_bad).to_series()
    bad = raw.filter(mask)
    good = typed.filter(~mask) if mask.any() else typed
    if from_text:
        good = good.with_columns(_whole_numbers_if_all(good["user"]), _whole_numbers_if_all(good["item"]))
    return good, bad.with_columns(reason=_reasons(bad, typed.filter(mask), roles))


def _ids(column: pl.Series) -> pl.Series:
    if column.dtype.is_nested() or column.dtype.is_temporal() or column.dtype == pl.Binary:
        raise DataError(f"the column {column.name!r} holds {column.dtype}; ids are whole numbers or strings")
    ids = as_id_column(column)
    return ids if ids.dtype != pl.String else ids.set(ids.str.contains(r"^\s*$"), None)


def _whole_numbers_if_all(ids: pl.Series) -> pl.Series:
    if ids.dtype != pl.String or not ids.str.contains(r"^(?:0|-?[1-9][0-9]{0,18})$").all():
        return ids
    numbers = ids.cast(pl.Int64, strict=False)
    return ids if numbers.null_count() else numbers


def _values(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    elif not (column.dtype.is_numeric() or column.dtype in {pl.Boolean, pl.Null}):
        raise DataError(f"the column {column.name!r} holds {column.dtype}; values are numbers")
    numbers = column.cast(pl.Float64, strict=False)
    return numbers.set(~(numbers.abs() <= _LARGEST), None)  # NaN compares as the largest of all


def _reasons(raw: pl.DataFrame, typed: pl.DataFrame, roles: list[str]) -> pl.Series:
    """The first thing that is wrong with each row."""
    both = raw.with_columns(typed[role].is_null().alias(f"{role} is bad") for role in roles)
    reasons = []
    for role in roles:
        shown = pl.col(role).cast(pl.String)
        is_absent = shown.str.strip_chars().fill_null("") == ""
        reason = pl.format(f"{role} '{{}}' is not {_WANTED[role]}", shown)
        reasons.append(pl.when(f"{role} is bad").then(pl.when(is_absent).then(pl.lit(f"no {role}")).otherwise(reason)))
    return both.select(reason=pl.coalesce(reasons)).to_series()
