"""Ids in a forked process: what :mod:`fillrank.data.id_values` does with columns, done value by value in Python.

Polars' threads are not there (:mod:`fillrank.runtime.forks`), and a lookup that waits for them waits for ever. The
results are the same; a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from fillrank.data.id_values import is_missing, is_whole, text_of, values_of

__all__ = ["id_column", "places_of", "sorted_places", "spelled_like"]

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")


def id_column(ids: Iterable[Any]) -> pl.Series:
    """As :func:`~fillrank.data.id_values.as_id_column`."""
    values = [None if is_missing(value) else value for value in values_of(ids).to_list()]
    numbers = all(value is None or _whole(value) is not None for value in values)
    if numbers and not any(isinstance(value, str) for value in values):
        return pl.Series([None if value is None else _whole(value) for value in values], dtype=pl.Int64)
    return pl.Series([None if value is None else text_of(value) for value in values], dtype=pl.String)


def sorted_places(column: pl.Series) -> list[int]:
    """The places of the ids in their order (of texts: that of their UTF-8, which is that of their characters)."""
    values = column.to_list()
    return sorted(range(len(values)), key=values.__getitem__)


def places_of(asked: pl.Series, places: Mapping[Any, int], *, numbers: bool) -> Sequence[int]:
    """The index of each id, -1 where it has none.

    Args:
        asked: ids as they came.
        places: of the known ids.
        numbers: whether the known ids are numbers, not texts.
    """
    keys = (None if is_missing(one) else _key(one, places, numbers=numbers) for one in asked.to_list())
    return [-1 if key is None else places.get(key, -1) for key in keys]


def spelled_like(asked: pl.Series, places: Mapping[Any, int], *, numbers: bool) -> pl.Series:
    """As :meth:`fillrank.data.IdMap.spelled`; arguments as for :func:`places_of`."""
    values = asked.to_list()
    keys = [None if is_missing(one) else _key(one, places, numbers=numbers) for one in values]
    if None not in keys:
        return pl.Series(keys, dtype=pl.Int64 if numbers else pl.String)
    return pl.Series([None if one is None else text_of(one) for one in values], dtype=pl.String)


def _key(one: Any, places: Mapping[Any, int], *, numbers: bool) -> Any:
    """What an id is called among the known ones, if it is one of them."""
    if numbers:
        return _whole(one)
    text = text_of(one)
    if text in places or isinstance(one, bool) or not isinstance(one, int | float | Decimal):
        return text
    other = text.removesuffix(".0") if isinstance(one, float) else f"{text}.0"  # 2 for 2.0, 2.0 for 2
    return other if other in places else text


def _whole(one: Any) -> int | None:
    """The whole number within 64 bits that a value is, or that a text is as such are usually written."""
    if isinstance(one, str):
        found = int(one) if _WHOLE.fullmatch(one) else None
    elif isinstance(one, bool) or not isinstance(one, int | float | Decimal | np.number):
        found = None
    else:
        found = int(one) if isinstance(one, int) or is_whole(one) else None
    return found if found is not None and -(2**63) <= found < 2**63 else None
