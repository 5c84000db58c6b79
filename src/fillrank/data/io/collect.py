"""Collect the rows of a log chunk by chunk. Only codes, values and times are kept, not the text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data.duplicates import Duplicates, LogRows, merge_duplicates
from fillrank.data.ids import IdMap
from fillrank.data.io.clean import Clean, Rules, clean_rows
from fillrank.data.io.coding import Coder
from fillrank.data.io.titles import Titles
from fillrank.data.times import Moments, TimeUnit, finish_times

__all__ = ["Collected", "Collector", "RowCollector", "compact_lines"]


class Collected(NamedTuple):
    """The collected rows.

    Attributes:
        rows: sorted by (user, item); each pair once if duplicates were merged.
        user_ids, item_ids: the ids of the rows.
        n_good: number of good rows before pairs were merged.
    """

    rows: LogRows
    user_ids: IdMap
    item_ids: IdMap
    n_good: int


class RowCollector(ABC):
    """Takes chunks of raw rows, cleans them, and gives the columns of a log when all are there.

    Args:
        label_is_named: whether the caller named the column of titles.

    Attributes:
        bad: frames ``file, line, reason`` of the rows that cannot be read.
        n_rows: number of rows, good and bad.
        titles: titles of the items.
    """

    def __init__(self, *, label_is_named: bool = False) -> None:
        self.bad: list[pl.DataFrame] = []
        self.n_rows = 0
        self.titles = Titles(is_named=label_is_named)
        self._from_text = True

    def add(self, raw: pl.DataFrame, lines: NDArray[np.int64], file: str, rules: Rules) -> None:
        """Add rows of a file with their line numbers: columns by :data:`~fillrank.data.io.columns.ROLES`."""
        self.n_rows += len(raw)
        self._from_text &= rules.from_text
        coders = self._coders_of_chunk()
        clean = clean_rows(raw, lines, coders, rules)
        if len(clean.bad):
            self.add_bad(file, clean.bad)
        if len(clean.users):
            self._keep(clean, file, coders)

    def add_bad(self, file: str, bad: pl.DataFrame) -> None:
        """Add rows that cannot be read: columns ``line, reason``."""
        self.bad.append(bad.select(pl.lit(file).alias("file"), "line", "reason"))

    def _add_alien(self, file: str, lines: NDArray[np.int64] | range, part: Moments) -> None:
        """Add the rows of a part whose time turned out to be in another unit than the rest of the column."""
        wrong = ~part.valid
        if wrong.any():
            self.add_bad(file, _alien(np.asarray(lines)[wrong], part.numbers[wrong]))

    @abstractmethod
    def _coders_of_chunk(self) -> dict[str, Coder]:
        """The coders of users and items for the next chunk."""

    @abstractmethod
    def _keep(self, clean: Clean, file: str, coders: dict[str, Coder]) -> None:
        """Keep the good rows of a chunk."""

    @abstractmethod
    def finish(self, duplicates: Duplicates, *, time_unit: TimeUnit | None = None) -> Collected:
        """Return the columns of the log, and empty the collector."""


class Collector(RowCollector):
    """Collects the rows in memory.

    Example:
        >>> collector = Collector()
        >>> raw = pl.DataFrame({"user": ["b", "a"], "item": ["7", "7"]})
        >>> collector.add(raw, np.array([2, 3]), "log.csv", Rules(from_text=True))
        >>> found = collector.finish("error")
        >>> found.user_ids.ids.to_list(), found.rows.users.tolist(), found.rows.items.tolist()
        (['a', 'b'], [0, 1], [0, 0])
    """

    def __init__(self, *, label_is_named: bool = False) -> None:
        super().__init__(label_is_named=label_is_named)
        self._coders = {"user": Coder(), "item": Coder()}
        self._users: list[NDArray[np.int32]] = []
        self._items: list[NDArray[np.int32]] = []
        self._values: list[NDArray[np.float64]] = []
        self._times: list[Moments] = []
        self._weights: list[NDArray[np.float64]] = []
        self._places: list[tuple[str, NDArray[np.int64] | range]] = []

    def _coders_of_chunk(self) -> dict[str, Coder]:
        return self._coders

    def _keep(self, clean: Clean, file: str, coders: dict[str, Coder]) -> None:  # noqa: ARG002 -- they are our own
        self._users.append(clean.users)
        self._items.append(clean.items)
        if clean.values is not None:
            self._values.append(clean.values)
        if clean.times is not None:
            self._times.append(clean.times)
            self._places.append((file, compact_lines(clean.lines)))
        if clean.weights is not None:
            self._weights.append(clean.weights)
        if clean.labels is not None:
            self.titles.add(clean.items, clean.labels)

    def finish(self, duplicates: Duplicates, *, time_unit: TimeUnit | None = None) -> Collected:
        """See :meth:`RowCollector.finish`."""
        keep, times = self._finished_times(time_unit)
        users, items = _joined(self._users), _joined(self._items)
        narrow = np.float64 if duplicates in {"mean", "sum"} else np.float32
        values = _joined(self._values, narrow) if self._values else None
        weights = _joined(self._weights, narrow) if self._weights else None
        if keep is not None:
            users, items = users[keep], items[keep]
            values = None if values is None else values[keep]
            times = None if times is None else times[keep]
            weights = None if weights is None else weights[keep]
        from_text = self._from_text
        user_ids, users = _finished(self._coders["user"], users, None, from_text=from_text, shrink=keep is not None)
        labels = self.titles.finish(len(self._coders["item"]))
        item_ids, items = _finished(self._coders["item"], items, labels, from_text=from_text, shrink=keep is not None)
        n_good = len(users)
        rows = LogRows(users, items, values, times, weights)
        del users, items, values, times, weights
        return Collected(merge_duplicates(rows, len(item_ids), duplicates), user_ids, item_ids, n_good)

    def _finished_times(self, unit: TimeUnit | None) -> tuple[NDArray[np.bool_] | None, NDArray[np.int64] | None]:
        if not self._times:
            return None, None
        seconds = finish_times(self._times, unit=unit)
        keep = None
        if not all(part.valid.all() for part in self._times):
            for part, (file, lines) in zip(self._times, self._places, strict=True):
                self._add_alien(file, lines, part)
            keep = np.concatenate([part.valid for part in self._times])
        self._times.clear()
        self._places.clear()
        return keep, _joined(seconds)


def _alien(lines: NDArray[np.int64], numbers: NDArray[np.int64]) -> pl.DataFrame:
    """Bad rows whose time is in another unit than the rest of the column."""
    words = pl.format("time {} is in another unit than the others; if it is not, name the unit: time_unit=…", "number")
    return pl.DataFrame({"line": lines, "number": numbers}).select("line", reason=words)


def compact_lines(lines: NDArray[np.int64]) -> NDArray[np.int64] | range:
    """Store consecutive line numbers as a range, which takes no memory."""
    first, last = int(lines[0]), int(lines[-1])
    in_a_row = last - first == len(lines) - 1 and bool((np.diff(lines) == 1).all())
    return range(first, last + 1) if in_a_row else lines


def _joined(parts: list[NDArray[Any]], dtype: type[np.generic] | None = None) -> NDArray[Any]:
    """Join the parts into one array. Each part is freed as soon as it is copied, to save memory."""
    n = sum(map(len, parts))
    whole = np.empty(n, dtype=dtype or (parts[0].dtype if parts else np.int32))
    parts.reverse()
    place = 0
    while parts:
        part = parts.pop()
        whole[place : place + len(part)] = part
        place += len(part)
    return whole


def _finished(
    coder: Coder, codes: NDArray[np.int32], labels: pl.Series | None, *, from_text: bool, shrink: bool
) -> tuple[IdMap, NDArray[np.int32]]:
    """The sorted ids, and the codes as indices into them."""
    ids, indices = coder.finish(from_text=from_text)
    if labels is not None:
        labels = labels.gather(np.argsort(indices))
    codes = indices[codes] if len(indices) else codes
    if shrink:  # rows were left out after coding, so some ids may have no row any more
        used, inverse = np.unique(codes, return_inverse=True)
        ids, codes = ids.gather(used), inverse.astype(np.int32)
        labels = None if labels is None else labels.gather(used)
    return IdMap(ids, labels=labels), codes
