"""Moments as whole seconds since 1970, UTC."""

from __future__ import annotations

import polars as pl

from fillrank.errors import DataError

__all__ = ["to_seconds"]

_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f")
_ZONED = "%Y-%m-%d %H:%M:%S%.f%#z"


def to_seconds(column: pl.Series) -> pl.Series:
    """Int64 seconds; null where a time is missing or cannot be read.

    Numbers count seconds, milli-, micro- or nanoseconds since 1970: which of them is told by the median of their
    magnitudes (below 1e11, 1e14, 1e17 or not), for the whole column. Strings hold such numbers or ISO 8601 dates and
    times. A date is its midnight, and a time without a zone is read as UTC. Parts of a second are dropped.

    Raises:
        DataError: the column holds something that is no time.

    Example:
        >>> to_seconds(pl.Series(["1970-01-02", "1970-01-01T01:00:00+01:00", "soon"])).to_list()
        [86400, 0, None]
        >>> to_seconds(pl.Series([1_260_759_144_000, 1_260_759_179_000])).to_list()
        [1260759144, 1260759179]
    """
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        numbers = _scaled(text.cast(pl.Float64, strict=False))
        return (
            numbers
            if numbers.null_count() == column.null_count()
            else numbers.zip_with(numbers.is_not_null(), _iso(text))
        )
    if column.dtype.is_numeric() or column.dtype == pl.Null:
        return _scaled(column)
    if column.dtype == pl.Date or column.dtype == pl.Datetime:
        return column.dt.epoch("us") // 1_000_000
    raise DataError(f"the column {column.name!r} holds {column.dtype}; times are numbers, dates or ISO 8601 strings")


def _scaled(numbers: pl.Series) -> pl.Series:
    if not numbers.dtype.is_integer():
        numbers = numbers.cast(pl.Float64)
        numbers = numbers.set(~numbers.is_finite(), None)
    median = numbers.cast(pl.Float64).abs().median()
    size = 0.0 if median is None else float(median)  # type: ignore[arg-type]
    unit = next((unit for limit, unit in ((1e11, 1), (1e14, 10**3), (1e17, 10**6)) if size < limit), 10**9)
    return (numbers // unit).cast(pl.Int64, strict=False)


def _iso(text: pl.Series) -> pl.Series:
    spaced = text.str.replace("T", " ", literal=True).str.replace(r"Z$", "+00:00")
    local = [spaced.str.to_datetime(form, time_unit="us", strict=False) for form in _FORMATS]
    zoned = spaced.str.to_datetime(_ZONED, time_unit="us", strict=False).dt.replace_time_zone(None)
    moments = pl.select(pl.coalesce([*local, zoned])).to_series()
    return moments.dt.epoch("us") // 1_000_000
