"""Outside ids at the edge, consecutive integers within."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.errors import DataError, UnknownIdError

__all__ = ["IdMap"]

_EXACT = 2**53  # up to here every whole number has a floating-point number of its own
_YEAR = re.compile(r"\s*\(\d{4}\)\s*$")


class IdMap:
    """The ids of one kind (users or items), each with its place 0 … n-1.

    Ids are whole numbers or strings (a UUID is kept as its string). The places follow the sorted order of the ids, so
    they do not depend on the order of the rows in a file. An id may carry a *label*: the name that people read, such
    as a film's title.

    Args:
        ids: the ids; unique. Whole numbers are kept as 64-bit integers, all else becomes a string.
        labels: one name for each id, in the same order as ``ids``, or None where an id has none.

    Raises:
        DataError: an id is missing or stands twice, or there are not as many labels as ids.

    Example:
        >>> films = IdMap([6, 1214], labels=["Heat (1995)", "Alien (1979)"])
        >>> films.encode([1214, 6]).tolist()
        [1, 0]
        >>> films.resolve("alien")
        1
        >>> films.label(1)
        'Alien (1979)'
    """

    __slots__ = ("__dict__", "ids", "labels")

    ids: pl.Series
    labels: pl.Series | None

    def __init__(self, ids: Iterable[Any], labels: Iterable[str | None] | None = None) -> None:
        column = as_id_column(ids)
        if column.null_count():
            raise DataError(f"{column.null_count()} of {len(column)} ids are missing; every user and item needs an id")
        if column.n_unique() != len(column):
            twice = column.filter(column.is_duplicated())[0]
            raise DataError(f"id {twice!r} stands more than once among {len(column)} ids; an IdMap holds each id once")
        order = column.arg_sort()
        self.ids = column.gather(order).alias("id")
        if labels is None:
            self.labels = None
            return
        names = pl.Series("label", list(labels), dtype=pl.String)
        if len(names) != len(column):
            raise DataError(f"{len(names)} labels came for {len(column)} ids; give one label for each id")
        self.labels = names.gather(order)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        first = ", ".join(repr(i) for i in self.ids.head(3))
        return f"IdMap({len(self)} ids: {first}{', …' if len(self) > 3 else ''})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IdMap):
            return NotImplemented
        return self.ids.dtype == other.ids.dtype and self.ids.equals(other.ids)

    __hash__ = None  # type: ignore[assignment]

    def encode(self, ids: Iterable[Any], *, unknown: Literal["raise", "mark"] = "raise") -> NDArray[np.int32]:
        """The places of ``ids``: int32, the same length and order.

        Args:
            ids: outside ids.
            unknown: ``"raise"``, or ``"mark"`` to get -1 where an id is not known.

        Raises:
            UnknownIdError: some ids are not known; the message shows the first of them.
        """
        asked = as_id_column(ids)
        same = asked.dtype == self.ids.dtype
        column = asked if same else asked.cast(self.ids.dtype, strict=False)  # "42" for 42, 42 for "42"
        if len(column) <= 64:  # a lookup for one request should not pay for a join
            codes = np.array([self._place(i) for i in column], dtype=np.int32)
        else:
            table = pl.DataFrame({"id": self.ids, "code": np.arange(len(self), dtype=np.int32)})
            joined = column.alias("id").to_frame().join(table, on="id", how="left", maintain_order="left")
            codes = joined["code"].fill_null(-1).to_numpy().astype(np.int32)
        if unknown == "raise" and (codes < 0).any():
            strangers = asked.gather(np.flatnonzero(codes < 0)).to_list()
            shown = ", ".join(repr(i) for i in strangers[:3])
            raise UnknownIdError(
                f"{len(strangers)} of {len(asked)} ids are not in the data: {shown}"
                f"{', …' if len(strangers) > 3 else ''}; known ids look like {self.ids[0]!r}"
                if len(self)
                else f"id {strangers[0]!r} asked of an empty id map"
            )
        return codes

    def decode(self, codes: NDArray[np.integer[Any]] | Sequence[int]) -> pl.Series:
        """The outside ids at the places ``codes``."""
        return self.ids.gather(np.asarray(codes, dtype=np.int64))

    def label(self, code: int) -> str:
        """The name to show for one place: its label, or the id itself where it has none."""
        name = None if self.labels is None else self.labels[int(code)]
        return str(self.ids[int(code)]) if name is None else str(name)

    def resolve(self, name: Any) -> int:
        """The place of an id *or* a label, as a person would type it.

        Tried in this order: the id; the label, upper and lower case alike; the label without its year in brackets.

        Raises:
            UnknownIdError: nothing fits (the message suggests close names), or a label fits several ids.
        """
        place = int(self.encode([name], unknown="mark")[0])
        if place >= 0:
            return place
        key = str(name).strip().casefold()
        for lookup in self._names:
            places = lookup.get(key, ())
            if len(places) == 1:
                return places[0]
            if places:
                several = ", ".join(f"{self.label(p)} [{self.ids[p]}]" for p in places[:6])
                raise UnknownIdError(f"{name!r} may be any of: {several}; give the full name or the id in brackets")
        known = [k for lookup in self._names for k in lookup]
        close = dict.fromkeys(difflib.get_close_matches(key, known, n=3, cutoff=0.6))
        labels = [self.label(next(lk[c][0] for lk in self._names if c in lk)) for c in close]
        hint = f"; did you mean {' or '.join(repr(c) for c in dict.fromkeys(labels))}?" if labels else ""
        raise UnknownIdError(f"{name!r} is neither an id nor a name in the data{hint}")

    def _place(self, one: Any) -> int:
        if one is None:
            return -1
        place = self.ids.search_sorted(one)
        return int(place) if place < len(self.ids) and self.ids[int(place)] == one else -1

    @cached_property
    def _names(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        whole: dict[str, list[int]] = {}
        short: dict[str, list[int]] = {}
        for place, name in enumerate([] if self.labels is None else self.labels):
            if name is not None:
                whole.setdefault(name.strip().casefold(), []).append(place)
                short.setdefault(_YEAR.sub("", name).strip().casefold(), []).append(place)
        return whole, short


def as_id_column(ids: Iterable[Any]) -> pl.Series:
    """``ids`` as a column of 64-bit integers, or else of strings.

    Whole numbers stay whole numbers, also those that came as floating-point numbers (as a table with gaps gives them).
    Integers beyond 64 bits become strings, so that none is changed.

    Raises:
        DataError: floating-point ids too large to tell neighbours apart.
    """
    column = ids if isinstance(ids, pl.Series) else _series(ids)
    if column.dtype.is_integer():
        whole = column.cast(pl.Int64, strict=False)
        return whole if whole.null_count() == column.null_count() else column.cast(pl.String)
    if column.dtype.is_float():
        return _whole(column)
    return column.cast(pl.String)


def _series(ids: Iterable[Any]) -> pl.Series:
    if isinstance(ids, np.ndarray) and ids.dtype != object:
        return pl.Series(ids)
    items = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
    if all(isinstance(i, int | np.integer) and not isinstance(i, bool) for i in items):
        fits = all(-(2**63) <= i < 2**63 for i in items)
        return pl.Series([int(i) if fits else str(i) for i in items], dtype=pl.Int64 if fits else pl.String)
    if all(isinstance(i, float | int | np.number) and not isinstance(i, bool) for i in items):
        return pl.Series(items, dtype=pl.Float64)
    return pl.Series([None if i is None else str(i) for i in items], dtype=pl.String)


def _whole(column: pl.Series) -> pl.Series:
    """Floating-point ids as whole numbers where all are; NaN is missing."""
    column = column.cast(pl.Float64).fill_nan(None)
    if (column.abs() > _EXACT).any():
        raise DataError(
            f"some ids are floating-point numbers beyond {_EXACT}, which no longer tell neighbours apart; "
            "give them as integers or strings"
        )
    return column.cast(pl.Int64) if (column == column.floor()).all() else column.cast(pl.String)
