"""``IdMap``: maps the ids of users or items to consecutive indices, and back."""

from __future__ import annotations

import difflib
import re
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.arguments import checked, naming, shown
from fillrank.data.id_lookup import id_column, indices_of, sorted_indices, spelled_like
from fillrank.data.id_values import as_id_column, is_missing, is_single, keys_like, text_of, values_of
from fillrank.errors import DataError, UnknownIdError
from fillrank.runtime.forks import polars_is_lost

__all__ = ["IdMap", "as_id_column"]

_YEAR = re.compile(r"\s*\(\d{4}\)\s*$")


@checked
class IdMap:
    """The ids of users or of items, each with its index 0 … n-1.

    Ids are whole numbers or strings; :mod:`fillrank.data.id_values` has a table of how other values are converted. The
    indices follow the sorted order of the ids, so they do not depend on the order of rows in a file; ids that came
    later follow (:meth:`followed_by`). An id may have a *label*: the name that people read, such as a film's title.

    Args:
        ids: unique ids. Whole numbers are kept as 64-bit integers, all other values become strings.
        labels: one name for each id, in the same order as ``ids``; None for an id without a name.

    Raises:
        DataError: an id is not a single value, is missing or is there twice, or the number of labels is not that of
            the ids.

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

    def __init__(self, ids: Iterable[Any], labels: Iterable[Any] | None = None) -> None:
        with naming("ids"):
            column = id_column(ids) if polars_is_lost() else as_id_column(ids)
        if column.null_count():
            raise DataError(f"{column.null_count()} of {len(column)} ids are missing; every user and item needs an id")
        if (len(set(column.to_list())) if polars_is_lost() else column.n_unique()) != len(column):
            twice = next(one for one, count in Counter(column.to_list()).items() if count > 1)
            raise DataError(f"id {twice!r} stands more than once among {len(column)} ids; an IdMap holds each id once")
        order = sorted_indices(column) if polars_is_lost() else column.arg_sort()
        self.ids = column.gather(order).alias("id")
        if labels is None:
            self.labels = None
            return
        with naming("labels"):
            names = _as_labels(labels)
        if len(names) != len(column):
            raise DataError(f"{len(names)} labels came for {len(column)} ids; give one label for each id")
        self.labels = names.gather(order)

    @classmethod
    @checked
    def in_order(cls, ids: pl.Series, labels: pl.Series | None = None) -> IdMap:
        """A map of ids that stay in the order in which they come, each there once: 64-bit integers or texts."""
        made = cls.__new__(cls)
        made.ids = ids.alias("id")
        made.labels = None if labels is None else labels.alias("label")
        return made

    @checked
    def followed_by(self, ids: Iterable[Any], labels: Iterable[Any] | None = None) -> IdMap:
        """The same ids at the same indices, and after them ``ids``, none of which may be here yet.

        Raises:
            DataError: one of them is here already, is there twice, or is of another type.

        Example:
            >>> IdMap([6, 1214]).followed_by([9, 3]).encode([6, 1214, 3, 9]).tolist()
            [0, 1, 2, 3]
        """
        new = IdMap(ids, labels)
        if not len(new):
            return self
        if new.ids.dtype != self.ids.dtype:
            raise DataError(f"ids of {new.ids.dtype} cannot follow ids of {self.ids.dtype}; give ids of one kind")
        if (known := self.encode(new.ids, unknown="mark") >= 0).any():
            raise DataError(f"id {new.ids[int(known.argmax())]!r} is in the map already")
        names = [
            pl.Series([None] * len(one), dtype=pl.String) if one.labels is None else one.labels for one in (self, new)
        ]
        unnamed = self.labels is None and new.labels is None
        return IdMap.in_order(pl.concat([self.ids, new.ids]), None if unnamed else pl.concat(names))

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

    @checked
    def encode(self, ids: Iterable[Any], *, unknown: Literal["raise", "mark"] = "raise") -> NDArray[np.int32]:
        """The indices of ``ids``: int32, with the same length and order.

        An id is found by its value or by its text: 5 by ``"5"`` (but not by ``"05"``, ``"+5"`` or ``"5.0"``), a date by
        an equal date, ``"2.0"`` by 2.0.

        Args:
            ids: outside ids.
            unknown: ``"raise"``, or ``"mark"`` to get -1 for an unknown id.

        Raises:
            UnknownIdError: some ids are not known; the message shows the first of them.
        """
        with naming("ids"):
            asked = values_of(ids)
        indices = self._indices(asked)
        if unknown == "raise" and (indices < 0).any():
            strangers = asked.gather(np.flatnonzero(indices < 0)).to_list()
            first = ", ".join(shown_id(i) for i in strangers[:3])
            raise UnknownIdError(
                f"{len(strangers)} of {len(asked)} ids are not in the data: {first}"
                f"{', …' if len(strangers) > 3 else ''}; known ids look like {shown_id(self.ids[0])}"
                if len(self)
                else f"id {shown_id(strangers[0])} asked of an empty id map"
            )
        return indices

    def spelled(self, ids: Iterable[Any]) -> pl.Series:
        """Convert ``ids``, known or not, to the type of this map if all of them can be; else all become text.

        Example:
            >>> IdMap([5, 6]).spelled(["6", "7"]).to_list(), IdMap([5, 6]).spelled(["6", "x"]).to_list()
            ([6, 7], ['6', 'x'])
        """
        with naming("ids"):
            asked = values_of(ids)
        if polars_is_lost():
            return spelled_like(asked, self._lookup, numbers=self.ids.dtype == pl.Int64)
        keys = keys_like(asked, self.ids)
        return keys if not keys.null_count() else pl.Series([None if i is None else text_of(i) for i in asked])

    @checked
    def decode(self, indices: NDArray[np.integer[Any]] | Sequence[int]) -> pl.Series:
        """The outside ids at ``indices``.

        Raises:
            DataError: an index is not among 0 … n-1.
        """
        wanted = np.asarray(indices, dtype=np.int64)
        if wanted.ndim != 1 or (len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(self)):
            raise DataError(f"indices are a list of numbers from 0 to {len(self) - 1}, got {shown(indices)}")
        return self.ids.gather(wanted)

    @checked
    def label(self, index: int) -> str:
        """The name to show for one index: its label, or the id itself if it has no label.

        Raises:
            DataError: the index is not among 0 … n-1.
        """
        if not 0 <= index < len(self):
            raise DataError(f"index is a number from 0 to {len(self) - 1}, got {index}")
        name = None if self.labels is None else self.labels[index]
        return str(self.ids[index]) if name is None else str(name)

    def resolve(self, name: Any) -> int:
        """The index of an id *or* a label, as a person would type it.

        A text is compared with ids and with labels. For labels, upper and lower case and the year in brackets do not
        matter. An id in square brackets is compared with ids only. So is a value that is not a text; its text is tried
        if no id is equal to it.

        Raises:
            UnknownIdError: nothing fits (the message suggests close names), or the text fits several items (the message
                lists them).

        Example:
            >>> films = IdMap([300, 7], labels=["Quiz Show (1994)", "300 (2007)"])
            >>> films.label(films.resolve("300 (2007)")), films.label(films.resolve("[300]"))
            ('300 (2007)', 'Quiz Show (1994)')
            >>> films.resolve("300")
            Traceback (most recent call last):
            fillrank.errors.UnknownIdError: '300' may be any of: Quiz Show (1994) [300], 300 (2007) [7]; give ...
        """
        if not is_single(name) or is_missing(name):
            raise UnknownIdError(f"one id or name was wanted, got {shown(name)}")
        index = int(self.encode([name], unknown="mark")[0])
        if index >= 0 and not isinstance(name, str):
            return index
        key = text_of(name).strip().casefold()
        named = next((indices for lookup in self._names if (indices := lookup.get(key))), [])
        fitting = list(dict.fromkeys(([index] if index >= 0 else []) + named))
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            several = ", ".join(f"{self.label(p)} [{self.ids[p]}]" for p in fitting[:6])
            raise UnknownIdError(
                f"{shown_id(name)} may be any of: {several}{', …' if len(fitting) > 6 else ''}; "
                f"give the full name, or the id in its brackets: '[{self.ids[fitting[0]]}]'"
            )
        if key.startswith("[") and key.endswith("]"):
            return int(self.encode([text_of(name).strip()[1:-1]])[0])
        raise UnknownIdError(f"{shown_id(name)} is neither an id nor a name in the data{self._hint(key)}")

    def _hint(self, key: str) -> str:
        """Names that are close to a mistyped one, for a message."""
        known = [k for lookup in self._names for k in lookup]
        close = dict.fromkeys(difflib.get_close_matches(key[:200], known, n=3, cutoff=0.6))
        labels = [self.label(next(lk[c][0] for lk in self._names if c in lk)) for c in close]
        texts = self.ids.cast(pl.String).str.to_lowercase()
        same_number = self.ids.filter(texts.str.strip_chars_start("0") == key.lstrip("0"))  # 3 for 000003
        labels += [text_of(one) for one in same_number.head(3)]
        if labels:
            return f"; did you mean {' or '.join(repr(c) for c in dict.fromkeys(labels))}?"
        return f"; known ids look like {shown_id(self.ids[0])}" if len(self) else ""

    def _indices(self, asked: pl.Series) -> NDArray[np.int32]:
        """The index of each id; -1 for an unknown one."""
        if polars_is_lost():
            return np.array(indices_of(asked, self._lookup, numbers=self.ids.dtype == pl.Int64), dtype=np.int32)
        column = keys_like(asked, self.ids)
        if len(column) <= 64:  # for a few ids a dictionary is faster than a join
            return np.array([self._index(i) for i in column], dtype=np.int32)
        table = pl.DataFrame({"id": self.ids, "index": np.arange(len(self), dtype=np.int32)})
        joined = column.alias("id").to_frame().join(table, on="id", how="left", maintain_order="left")
        return joined["index"].fill_null(-1).to_numpy().astype(np.int32)

    @cached_property
    def _lookup(self) -> dict[Any, int]:
        return {one: index for index, one in enumerate(self.ids.to_list())}

    def _index(self, one: Any) -> int:
        if one is None:
            return -1
        ids, order = self._ordered
        place = int(ids.search_sorted(one))
        if place >= len(ids) or ids[place] != one:
            return -1
        return place if order is None else int(order[place])

    @cached_property
    def _ordered(self) -> tuple[pl.Series, pl.Series | None]:
        """The ids in sorted order, and the index of each; None where that is where it stands."""
        if self.ids.is_sorted():
            return self.ids, None
        order = self.ids.arg_sort()
        return self.ids.gather(order), order

    @cached_property
    def _names(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        whole: dict[str, list[int]] = {}
        short: dict[str, list[int]] = {}
        for index, name in enumerate([] if self.labels is None else self.labels):
            if name is not None:
                whole.setdefault(name.strip().casefold(), []).append(index)
                short.setdefault(_YEAR.sub("", name).strip().casefold(), []).append(index)
        return whole, short


def shown_id(one: Any) -> str:
    """An id for a message: as Python writes it, shortened if it is long."""
    if not isinstance(one, int | float | str | bytes | uuid.UUID):
        return shown(one)
    try:
        text = repr(one)
    except ValueError:  # an integer of thousands of digits
        return shown(one)
    return text if len(text) <= 80 else f"{text[:60]}…{text[-10:]}"


def _as_labels(labels: Iterable[Any]) -> pl.Series:
    """Names as text; missing ones are null."""
    names = values_of(labels)
    if names.dtype != pl.String:
        names = pl.Series([None if is_missing(name) else text_of(name) for name in names.to_list()], dtype=pl.String)
    return names.alias("label")
