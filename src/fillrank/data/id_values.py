"""Convert ids of any kind to integers or strings, in the same way everywhere.

``docs/reference/ids.md`` has the complete table, and each line of it has a test. In short:

| what came | what it becomes |
|---|---|
| whole numbers within 64 bits; floating-point numbers and decimals, where all of a column are whole | 64-bit integers |
| text, categories, enumerations | the text, as it stands |
| other numbers | `1.5`, `2.0`; decimals without trailing zeros; integers beyond 64 bits by their digits |
| truth values | `True`, `False` |
| bytes | the text that they are in UTF-8, or else `0x` and hexadecimal digits |
| dates and moments | `2020-01-31`, `2020-01-31 10:00:00`, with `+02:00` where there is a zone |
| UUIDs, periods, intervals, and other single values with a readable text | the text that `str` gives |
| columns of several kinds | the text of each |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from fillrank.arguments import shown
from fillrank.errors import DataError

__all__ = [
    "as_id_column",
    "is_missing",
    "is_single",
    "is_whole",
    "keys_like",
    "of_column",
    "text_of",
    "texts_of",
    "values_of",
]

EXACT = 2**53  # up to here a floating-point number can hold every whole number exactly
_WHOLE_TEXT = r"^(?:0|-?[1-9][0-9]{0,18})$"
_NUMBERS = (int, float, np.integer, np.floating, Decimal)
_MISSING = {"NoneType", "NAType", "NaTType"}


def as_id_column(ids: Iterable[Any]) -> pl.Series:
    """Convert ``ids`` to a column of 64-bit integers, or else of strings: see the table at the top of this module.

    Whole numbers become integers, even if they came as floating-point numbers (a table with gaps stores them so).
    None, NaN and similar values become null.

    Raises:
        DataError: ``ids`` is a single id, a mapping or a table; an id is itself a list or a table; or floating-point
            ids are too large to distinguish neighbours.

    Example:
        >>> as_id_column([3.0, 1.0]).to_list(), as_id_column([1.5, 2.0]).to_list(), as_id_column([1, "a"]).to_list()
        ([3, 1], ['1.5', '2.0'], ['1', 'a'])
    """
    values = values_of(ids)
    if values.dtype.is_integer():
        whole = values.cast(pl.Int64, strict=False)
        return whole if whole.null_count() == values.null_count() else values.cast(pl.String)
    if values.dtype.is_float() or values.dtype.is_decimal():
        values = values.fill_nan(None) if values.dtype.is_float() else values
        if values.dtype.is_float() and (values.abs() > EXACT).any():
            raise DataError(
                f"some ids are floating-point numbers beyond {EXACT}, which no longer distinguish neighbours; "
                "give them as integers or strings"
            )
        whole = _whole(values)
        return whole if whole.null_count() == values.null_count() else texts_of(values)
    return texts_of(values)


def keys_like(ids: Iterable[Any], known: pl.Series) -> pl.Series:
    """Convert ``ids`` to the type of the column ``known`` (integers or strings); null if an id cannot be in it.

    If the known ids are integers, a text matches only if it is the usual form of the number: ``"5"`` matches 5, but
    ``"05"``, ``"+5"``, ``"5.0"`` and ``" 5"`` do not. If the known ids are strings, an id matches by its text, and a
    number also by the text of an equal number (2 and 2.0).
    """
    values = values_of(ids)
    if known.dtype == pl.Int64:
        return _whole(values)
    keys = texts_of(values)
    if values.dtype.is_numeric():
        keys = _equal_numbers(values, keys, known)
    return keys


def values_of(ids: Iterable[Any], what: str = "ids") -> pl.Series:
    """Convert a list, array or column of ids to a column of one type; ids of mixed kinds become texts.

    Raises:
        DataError: ``ids`` is not a list of single values.
    """
    if isinstance(ids, pl.Series):
        return _of_objects(ids.to_list()) if ids.dtype == pl.Object else ids
    if is_single(ids):
        raise DataError(f"a list of {what} was wanted, got {shown(ids)}; write a list, also for a single one")
    if isinstance(ids, Mapping) or not isinstance(ids, Iterable) or hasattr(ids, "columns"):
        raise DataError(f"a list of {what} was wanted, got {shown(ids)}")
    if isinstance(ids, np.ndarray):
        if ids.ndim != 1:
            raise DataError(f"a list of {what} was wanted, got {shown(ids)}")
        return _of_array(ids)
    column = nw.from_native(ids, series_only=True, pass_through=True)
    if isinstance(column, nw.Series):
        return of_column(column)
    return _of_objects(list(ids))


def of_column(column: nw.Series[Any]) -> pl.Series:
    """Convert a column of a table, which may hold any Python objects (UUIDs, intervals)."""
    if column.dtype not in {nw.Object, nw.Unknown}:
        try:
            return column.to_polars()
        except ImportError:  # pandas passes most of its columns through pyarrow, which may not be installed
            missing = column.is_null().to_list()
            values = [None if gone else value for gone, value in zip(missing, column.to_list(), strict=True)]
            return _of_objects(values).alias(column.name)
    native = column.to_native()
    return _of_objects(native.tolist() if hasattr(native, "tolist") else column.to_list()).alias(str(column.name))


def is_single(value: Any) -> bool:
    """Whether a value is a single id, and not a list of ids.

    Example:
        >>> [is_single(value) for value in ("Heat", 5, np.int64(5), np.array(5), [5], ("a", "b"))]
        [True, True, True, True, False, False]
    """
    if isinstance(value, str | bytes | bytearray | np.generic):
        return True
    if getattr(value, "shape", None) == ():
        return True
    return not isinstance(value, Iterable) and _says_what_it_is(value)


def text_of(value: Any) -> str:
    """The text of an id that is not missing: see the table at the top of this module.

    Raises:
        DataError: the value is not a single value, or its text does not tell it from others.

    Example:
        >>> from datetime import date
        >>> [text_of(value) for value in (7, 2.0, True, b"ann", Decimal("1.50"), date(2020, 1, 31))]
        ['7', '2.0', 'True', 'ann', '1.5', '2020-01-31']
    """
    if isinstance(value, str):
        return str.__str__(value)  # for a member of a string enumeration: its value
    if getattr(value, "shape", None) == () and hasattr(value, "item") and not isinstance(value, np.floating):
        value = _moment(value) if isinstance(value, np.datetime64 | np.timedelta64) else value.item()
    if isinstance(value, bool) or not isinstance(value, int | bytes | bytearray | Decimal):
        if isinstance(value, str | bool | float | np.floating) or _says_what_it_is(value):
            return str(value)
        raise DataError(f"a single value was wanted, such as a number or a text, got {shown(value)}")
    if isinstance(value, int):
        return _digits(int(value))
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if abs(value.adjusted()) < 40 else str(value)
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        return f"0x{bytes(value).hex()}"


def is_missing(value: Any) -> bool:
    """Whether a value means "missing": None, NaN, and the missing values of pandas and NumPy."""
    if type(value).__name__ in _MISSING:
        return True
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, np.datetime64 | np.timedelta64) and bool(np.isnat(value))


def _digits(number: int) -> str:
    try:
        return str(number)
    except ValueError as error:
        raise DataError("an id is a whole number of thousands of digits; give it as a text") from error


def _says_what_it_is(value: Any) -> bool:
    """Whether the text of an object is more than its address in memory."""
    kind: Any = type(value)
    described = kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__
    if isinstance(value, np.ndarray | pl.Series | tuple | list | set | frozenset | Mapping | type):
        return False
    if kind.__module__.partition(".")[0] == "fillrank":  # a log or a model in place of its ids
        return False
    return described and not callable(value) and not isinstance(value, Iterable) and value is not Ellipsis


def _moment(value: np.datetime64 | np.timedelta64) -> Any:
    kind = "datetime64" if isinstance(value, np.datetime64) else "timedelta64"
    fine = np.datetime_data(value.dtype)[0] in {"ns", "ps", "fs", "as"}
    return (value.astype(f"{kind}[us]") if fine else value).item()


def _of_array(array: np.ndarray[Any, Any]) -> pl.Series:
    if isinstance(array, np.ma.MaskedArray) or array.dtype.kind not in "biufUM" or array.dtype == np.float16:
        return _of_objects(list(array) if array.dtype == np.float16 else array.tolist())
    if array.dtype.kind == "M":
        is_date = np.datetime_data(array.dtype)[0] in {"Y", "M", "W", "D"}  # as one of its members is
        return pl.Series(array.astype("datetime64[D]" if is_date else "datetime64[us]"))
    return pl.Series(array)


def _of_objects(values: list[Any]) -> pl.Series:
    """Convert a list of Python objects: to numbers if all are numbers, else to the text of each."""
    if any(type(value).__name__ in {"Tensor", "ndarray"} and value.shape == () for value in values[:1]):
        try:
            values = [value.item() if getattr(value, "shape", None) == () else value for value in values]
        except RuntimeError as error:  # a tensor without data
            raise DataError(f"the members of a tensor cannot be looked at: {error}") from error
    kinds = set(map(type, values))
    if kinds <= {str, type(None)}:
        return _as_strings(values)
    given = [None if is_missing(value) else value for value in values]
    if any(isinstance(value, np.timedelta64) for value in given):  # to NumPy a duration is a kind of integer
        given = [_moment(value) if isinstance(value, np.timedelta64) else value for value in given]
    kinds = {type(value) for value in given if value is not None}
    if not kinds:
        return pl.Series(given, dtype=pl.Null)
    if kinds <= {bool, np.bool_}:
        return pl.Series([None if value is None else bool(value) for value in given], dtype=pl.Boolean)
    numbers = all(issubclass(kind, _NUMBERS) and not issubclass(kind, bool) for kind in kinds)
    if numbers and all(issubclass(kind, int | np.integer) for kind in kinds):
        whole = [None if value is None else int(value) for value in given]
        fits = all(value is None or -(2**63) <= value < 2**63 for value in whole)
        return (
            pl.Series(whole, dtype=pl.Int64) if fits else _as_strings([v if v is None else _digits(v) for v in whole])
        )
    if numbers and not any(issubclass(kind, Decimal | np.float32 | np.float16) for kind in kinds):
        try:
            return pl.Series([None if value is None else float(value) for value in given], dtype=pl.Float64)
        except OverflowError:
            return _as_strings([None if value is None else text_of(value) for value in given])
    if numbers and all(value is None or is_whole(value) for value in given):
        return pl.Series([None if value is None else int(value) for value in given], dtype=pl.Int64)
    return _as_strings([None if value is None else text_of(value) for value in given])


def is_whole(value: Any) -> bool:
    """Whether a number of any class is a whole number within 64 bits."""
    if isinstance(value, Decimal):
        return value.is_finite() and value.adjusted() < 18 and value == value.to_integral_value()
    return math.isfinite(value) and float(value).is_integer() and -(2**63) <= int(value) < 2**63


def _as_strings(values: list[Any]) -> pl.Series:
    try:
        return pl.Series(values, dtype=pl.String)
    except UnicodeEncodeError as error:
        raise DataError(f"an id cannot be written as text (it holds half of a pair of surrogates): {error}") from error


def _whole(values: pl.Series) -> pl.Series:
    """Convert to int64; null for a value that is neither a whole number within 64 bits nor the text of one."""
    if values.dtype.is_integer():
        return values.cast(pl.Int64, strict=False)
    if values.dtype.is_float():
        numbers = values.cast(pl.Float64)
        return numbers.set(~(numbers.is_finite() & (numbers == numbers.floor())), None).cast(pl.Int64, strict=False)
    if values.dtype.is_decimal():
        return _one_by_one(values, lambda value: int(value) if is_whole(value) else None, pl.Int64)
    if values.dtype in {pl.Categorical, pl.Enum}:
        values = values.cast(pl.String)
    if values.dtype == pl.String:
        return values.set(~values.str.contains(_WHOLE_TEXT), None).cast(pl.Int64, strict=False)
    return pl.Series(values.name, [None] * len(values), dtype=pl.Int64)


def texts_of(values: pl.Series) -> pl.Series:
    """The text of each value.

    Raises:
        DataError: the values are lists or tables.
    """
    if values.dtype.is_nested():
        raise DataError(f"{values.dtype} in place of ids; ids are whole numbers, strings or other single values")
    if values.dtype in {pl.String, pl.Categorical, pl.Enum, pl.Null} or values.dtype.is_integer():
        return values.cast(pl.String)
    if values.dtype.is_float():
        kind: Callable[[float], Any] = np.float32 if values.dtype == pl.Float32 else np.float64  # for the shortest text
        return _one_by_one(values.fill_nan(None), lambda value: str(kind(value)), pl.String)
    return _one_by_one(values, text_of, pl.String)


def _one_by_one(values: pl.Series, change: Callable[[Any], Any], dtype: Any) -> pl.Series:
    """Change each value by a Python function, which is called once for each distinct value."""
    distinct = values.unique().drop_nulls()
    changed = pl.Series([change(value) for value in distinct.to_list()], dtype=dtype)
    table = pl.DataFrame({"old": distinct, "new": changed})
    joined = values.alias("old").to_frame().join(table, on="old", how="left", maintain_order="left")
    return joined["new"].alias(values.name)


def _equal_numbers(values: pl.Series, keys: pl.Series, known: pl.Series) -> pl.Series:
    """For a number whose text is unknown: the text of an equal number that is known (2 for 2.0, 2.0 for 2)."""
    other = keys.str.strip_suffix(".0") if values.dtype.is_float() else keys + ".0"
    among = known.implode()
    return keys.zip_with(keys.is_in(among) | ~other.is_in(among), other)
