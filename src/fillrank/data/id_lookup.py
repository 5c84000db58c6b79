"""Look up ids in a forked process: the same as :mod:`fillrank.data.id_values`, value by value in Python.

A forked process lacks the threads of Polars (:mod:`fillrank.runtime.forks`), so a lookup by Polars would wait for ever.
A test checks that both ways give the same results.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from fillrank.data.id_values import is_missing, is_whole, text_of, values_of

__all__ = ["id_column", "indices_of", "sorted_indices", "spelled_like"]

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")


def id_column(ids: Iterable[Any]) -> pl.Series:
    """As :func:`~fillrank.data.id_values.as_id_column`."""
    values = [None if is_missing(value) else value for value in values_of(ids).to_list()]
    numbers = all(value is None or _whole(value) is not None for value in values)
    if numbers and not any(isinstance(value, str) for value in values):
        return pl.Series([None if value is None else _whole(value) for value in values], dtype=pl.Int64)
    return pl.Series([None if value is None else text_of(value) for value in values], dtype=pl.String)


def sorted_indices(column: pl.Series) -> list[int]:
    """The indices that sort the ids. Texts are sorted by their characters, which is also the order of their UTF-8."""
    values = column.to_list()
    return sorted(range(len(values)), key=values.__getitem__)


def indices_of(asked: pl.Series, known: Mapping[Any, int], *, numbers: bool) -> Sequence[int]:
    """The index of each id; -1 for an unknown one.

    Args:
        asked: the ids to look up.
        known: the index of each known id.
        numbers: whether the known ids are numbers, not texts.
    """
    keys = (None if is_missing(one) else _key(one, known, numbers=numbers) for one in asked.to_list())
    return [-1 if key is None else known.get(key, -1) for key in keys]


def spelled_like(asked: pl.Series, known: Mapping[Any, int], *, numbers: bool) -> pl.Series:
    """As :meth:`fillrank.data.IdMap.spelled`; arguments as for :func:`indices_of`."""
    values = asked.to_list()
    keys = [None if is_missing(one) else _key(one, known, numbers=numbers) for one in values]
    if None not in keys:
        return pl.Series(keys, dtype=pl.Int64 if numbers else pl.String)
    return pl.Series([None if one is None else text_of(one) for one in values], dtype=pl.String)


def _key(one: Any, known: Mapping[Any, int], *, numbers: bool) -> Any:
    """The form in which an id is known, or None if it is unknown."""
    if numbers:
        return _whole(one)
    text = text_of(one)
    if text in known or isinstance(one, bool) or not isinstance(one, int | float | Decimal):
        return text
    other = text.removesuffix(".0") if isinstance(one, float) else f"{text}.0"  # 2 for 2.0, 2.0 for 2
    return other if other in known else text


def _whole(one: Any) -> int | None:
    """A value as a whole number within 64 bits, if it is one or is the usual text of one; else None."""
    if isinstance(one, str):
        found = int(one) if _WHOLE.fullmatch(one) else None
    elif isinstance(one, bool) or not isinstance(one, int | float | Decimal | np.number):
        found = None
    else:
        found = int(one) if isinstance(one, int) or is_whole(one) else None
    return found if found is not None and -(2**63) <= found < 2**63 else None
