"""Convert dates and times of many forms to whole seconds since 1970 (UTC)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.errors import DataError

__all__ = ["Moments", "TimeRule", "TimeUnit", "finish_times", "parse_times", "to_seconds"]

TimeUnit = Literal["s", "ms", "us", "ns"]
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_LIMITS = (1e11, 1e14, 1e17)  # from 1973 on, numbers in two different units lie on different sides of these
_TELLS = 1e8  # a smaller number may be a time in early 1970 in any unit
_LATELY = 5 * 10**8  # seconds, of 1985; dates such as 20200131 are smaller numbers
_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S%.f")
_BASIC = ("%Y%m%d %H%M%S%.f", "%Y%m%d %H%M", "%Y%m%d %H:%M:%S%.f", "%Y%m%d %H:%M")
_ZONED = ("%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z", "%Y%m%d %H%M%S%.f%#z")
_CLOCKS = ("", " %H:%M", " %H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p")
_YEAR_FIRST, _YEAR_LAST = r"^\d{4}", r"^\d{1,2}[/.-]\d{1,2}[/.-]\d{4}(?:\D|$)"
_COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # digits of a date that is written as one number


class Moments(NamedTuple):
    """Times of a part of a column, before the unit of the column's numbers is known.

    Attributes:
        numbers: int64; a number as it was read, or seconds if ``known``; 0 if there is none.
        valid: whether there is a time.
        known: whether ``numbers`` already holds seconds, because the cell held a date; None: for no cell.
    """

    numbers: NDArray[np.int64]
    valid: NDArray[np.bool_]
    known: NDArray[np.bool_] | None

    def select(self, rows: NDArray[np.bool_]) -> Moments:
        """The same of some rows."""
        return Moments(self.numbers[rows], self.valid[rows], None if self.known is None else self.known[rows])


def to_seconds(column: pl.Series, *, day_first: bool | None = None, unit: TimeUnit | None = None) -> pl.Series:
    """Convert a column to int64 seconds; null if a time is missing or cannot be read.

    Numbers are seconds, milli-, micro- or nanoseconds since 1970. The unit is inferred for the whole column from the
    median magnitude (the limits are 1e11, 1e14 and 1e17); a number that cannot be in this unit becomes null. If most
    numbers are dates such as ``yyyymmdd`` or ``yyyymmddHHMM[SS]``, the column holds dates, and other numbers become
    null. Strings are such numbers, or ISO 8601 dates and times. A date means its midnight, and a time without a zone is
    read as UTC. Fractions of a second are dropped.

    Args:
        column: numbers, dates or strings.
        day_first: see :class:`~fillrank.data.io.options.LogOptions`.
        unit: of numbers; None: inferred from their magnitudes.

    Raises:
        DataError: the column has a type that cannot hold times.

    Example:
        >>> to_seconds(pl.Series(["1970-01-02", "1970-01-01T01:00:00+01:00", "soon"])).to_list()
        [86400, 0, None]
        >>> to_seconds(pl.Series([1_260_759_144_000, 1_260_759_179_000])).to_list()
        [1260759144, 1260759179]
        >>> to_seconds(pl.Series(["19700102", "19700103"])).to_list()
        [86400, 172800]
    """
    parts = [parse_times(column, day_first=day_first)]
    seconds = finish_times(parts, unit=unit)[0]
    valid = pl.Series(parts[0].valid)
    return pl.Series(column.name, seconds).zip_with(
        valid, pl.Series([None], dtype=pl.Int64).new_from_index(0, len(seconds))
    )


def parse_times(column: pl.Series, *, day_first: bool | None = None) -> Moments:
    """The first step of :func:`to_seconds`: read each cell by itself."""
    if column.dtype == pl.String:
        return _from_text(column, day_first)
    if column.dtype.is_numeric() or column.dtype == pl.Null:
        return _from_numbers(column)
    if column.dtype == pl.Date or column.dtype == pl.Datetime:
        seconds = column.dt.epoch("us") // 1_000_000
        valid = seconds.is_not_null().to_numpy()
        return Moments(seconds.fill_null(0).to_numpy(), valid, np.ones(len(valid), dtype=bool))
    raise DataError(f"the column {column.name!r} holds {column.dtype}; times are numbers, dates or ISO 8601 strings")


def finish_times(parts: Iterable[Moments], *, unit: TimeUnit | None = None) -> list[NDArray[np.int64]]:
    """The second step: the seconds of all parts of a column. Numbers in another unit than the rest become invalid.

    Args:
        parts: of one column; ``valid`` is changed in place.
        unit: of the numbers; None: inferred from their magnitudes.
    """
    rule = TimeRule.of(parts, unit)
    return [rule.seconds(part) for part in parts]


@dataclass(frozen=True)
class TimeRule:
    """How the numbers of a whole column become seconds.

    Attributes:
        place: of their unit, from 0 for seconds; None: they are dates without separators.
        inferred: the unit was inferred, so that a number in another one is invalid.
        dates_too: dates such as 20200131 are among seconds of today, and are invalid as well.
    """

    place: int | None
    inferred: bool
    dates_too: bool = False

    @classmethod
    def of(cls, parts: Iterable[Moments], unit: TimeUnit | None) -> Self:
        """The rule for a column; ``parts`` are gone through up to three times, and need not be in memory at once."""
        if unit is not None:
            return cls(get_args(TimeUnit).index(unit), inferred=False)
        if _hold_dates(parts):
            return cls(None, inferred=True)
        place = _unit_of(parts)
        return cls(place, inferred=True, dates_too=place == 0 and _mix_dates_with_seconds(parts))

    def seconds(self, part: Moments) -> NDArray[np.int64]:
        """The seconds of one part; its ``valid`` is changed in place."""
        if self.place is None:
            return _from_compact(part)
        if self.inferred:
            part.valid[_is_alien(part, self.place)] = False
            if self.dates_too:
                part.valid[_are_dates(part.numbers) & (True if part.known is None else ~part.known)] = False
        divisor, known = _PER_SECOND[get_args(TimeUnit)[self.place]], part.known
        if divisor == 1:
            return part.numbers
        return part.numbers // divisor if known is None else np.where(known, part.numbers, part.numbers // divisor)


def _from_numbers(column: pl.Series) -> Moments:
    if not column.dtype.is_integer():
        column = column.cast(pl.Float64)
        column = column.set(~(column.is_finite() & (column.abs() < 9.2e18)), None).floor()
    column = column.cast(pl.Int64, strict=False)
    valid = column.is_not_null().to_numpy().copy() if column.null_count() else np.ones(len(column), dtype=bool)
    return Moments(column.fill_null(0).to_numpy(), valid, None)


def _from_text(column: pl.Series, day_first: bool | None) -> Moments:
    whole = column.cast(pl.Int64, strict=False)
    if whole.null_count() == 0:
        return Moments(whole.to_numpy(), np.ones(len(whole), dtype=bool), None)
    text = column.str.strip_chars()
    numbers = _from_numbers(text.cast(pl.Float64, strict=False))
    exact = text.cast(pl.Int64, strict=False)
    if numbers.valid.any():  # read large whole numbers as integers, because floats are inexact beyond 2^53
        numbers = numbers._replace(numbers=np.where(exact.is_not_null(), exact.fill_null(0), numbers.numbers))
        if numbers.valid.all():
            return numbers
    moments = _moments(text, day_first)
    seconds = moments.dt.epoch("us") // 1_000_000
    known = seconds.is_not_null().to_numpy() & ~numbers.valid
    return Moments(
        np.where(known, seconds.fill_null(0), numbers.numbers), numbers.valid | known, known if known.any() else None
    )


def _moments(text: pl.Series, day_first: bool | None) -> pl.Series:
    spaced = text.str.replace(r"^(\d[\d/-]*)T(\d)", "$1 $2").str.replace(r"\s?(?:Z|UTC|GMT)$", "+00:00")
    found = pl.Series(text.name, [None], dtype=pl.Datetime("us")).new_from_index(0, len(text))
    found = _first_that_fits(found, spaced, _YEAR_FIRST, (*_FORMATS, *_BASIC, *_ZONED))
    if day_first is not None:
        date = "%d{0}%m{0}%Y" if day_first else "%m{0}%d{0}%Y"
        found = _first_that_fits(
            found, spaced, _YEAR_LAST, [date.format(mark) + clock for mark in "/.-" for clock in _CLOCKS]
        )
    return found


def _first_that_fits(found: pl.Series, text: pl.Series, pattern: str, formats: Sequence[str]) -> pl.Series:
    """Parse texts that are not parsed yet, with the first format that fits.

    Only texts that match ``pattern`` are tried. Otherwise a year with two digits would be read as a year of antiquity.
    """
    fits = text.str.contains(pattern).fill_null(False)
    for form in formats:
        left = found.is_null() & fits
        if not left.any():
            break
        places = left.arg_true()
        parsed = text.gather(places).str.to_datetime(form, time_unit="us", strict=False, ambiguous="null")
        if parsed.null_count() < len(parsed):
            found = found.scatter(places, parsed.dt.replace_time_zone(None))
    return found


def _open(part: Moments) -> NDArray[np.int64]:
    """The numbers whose unit must be inferred."""
    if part.known is not None:
        return part.numbers[part.valid & ~part.known]
    return part.numbers if part.valid.all() else part.numbers[part.valid]


def _unit_of(parts: Iterable[Moments]) -> int:
    """The unit by the median magnitude: 0 for seconds … 3 for nanoseconds. Small numbers fit all, and are ignored."""
    counts = np.zeros(4, dtype=np.int64)
    for part in parts:
        size = np.abs(_open(part).astype(np.float64))
        counts += np.bincount(np.digitize(size[size >= _TELLS], _LIMITS), minlength=4)
    return int(np.searchsorted(np.cumsum(counts), counts.sum() / 2)) if counts.any() else 0


def _is_alien(part: Moments, place: int) -> NDArray[np.bool_]:
    """Which numbers have the magnitude of another unit, and cannot be a time in early 1970."""
    lowest = _LIMITS[place - 1] if place else 0.0
    highest = _LIMITS[place] if place < len(_LIMITS) else np.inf
    size = np.abs(part.numbers.astype(np.float64))
    alien = (size >= _TELLS) & ((size < lowest) | (size >= highest)) & part.valid
    return alien if part.known is None else alien & ~part.known


def _hold_dates(parts: Iterable[Moments]) -> bool:
    """Whether most numbers look like dates written without separators, from 1900 to 2100."""
    if not any(_are_dates(_open(part)[:1_000]).any() for part in parts):
        return False
    n_dates = n_all = 0
    for part in parts:
        fit = _are_dates(_open(part))
        n_dates, n_all = n_dates + int(fit.sum()), n_all + len(fit)
    return n_dates > n_all / 2


def _mix_dates_with_seconds(parts: Iterable[Moments]) -> bool:
    """Whether some numbers look like dates without separators, and all others are seconds of 1985 or later."""
    some = False
    for part in parts:
        numbers = _open(part)
        small = numbers[numbers < _LATELY]
        if not _are_dates(small).all():
            return False
        some = some or len(small) > 0
    return some


def _are_dates(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    fits = np.zeros(len(numbers), dtype=bool)
    for digits in _COMPACT:
        day = numbers // 10 ** (digits - 8)
        year, month, of_month = day // 10_000, day // 100 % 100, day % 100
        fit = (year >= 1900) & (year <= 2100) & (month >= 1) & (month <= 12) & (of_month >= 1) & (of_month <= 31)
        if digits > 8:
            fit &= (numbers // 10 ** (digits - 10) % 100 < 24) & (numbers // 10 ** (digits - 12) % 100 < 60)
        fits |= fit
    return fits


def _from_compact(part: Moments) -> NDArray[np.int64]:
    text = pl.Series(part.numbers).cast(pl.String)
    seconds = part.numbers.copy()
    part.valid[~_are_dates(part.numbers) & (True if part.known is None else ~part.known)] = False
    for digits, form in _COMPACT.items():
        mine = ((text.str.len_bytes() == digits).to_numpy()) & part.valid
        if part.known is not None:
            mine &= ~part.known
        # polars needs a time of day to make a datetime: for a date alone it is midnight
        padded = text.filter(pl.Series(mine)) + ("" if digits > 8 else "0000")
        moments = padded.str.to_datetime(form if digits > 8 else form + "%H%M", time_unit="us", strict=False)
        part.valid[mine] = moments.is_not_null().to_numpy()
        seconds[mine] = (moments.dt.epoch("us") // 1_000_000).fill_null(0).to_numpy()
    return seconds
