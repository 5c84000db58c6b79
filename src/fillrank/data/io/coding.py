"""Replace ids by consecutive codes while a file is read, so that each id is stored only once.

A *code* is the number of an id in the order in which ids were first met. When all rows are read, :meth:`Coder.finish`
gives the final *index* of each code: the position of the id among all sorted ids.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data.id_values import as_id_column
from fillrank.data.io.encoding import DAMAGED
from fillrank.data.io.missing import missing_mask
from fillrank.errors import DataError

__all__ = ["Coder", "RawIds", "in_final_order"]

_DENSE = 1 << 26  # whole-number ids below this are looked up in a table
_WHOLE = r"^(?:0|-?[1-9][0-9]{0,18})$"  # the usual form of a whole number
_INVISIBLE = "\ufeff\u200b"  # a byte-order mark (of a file that was appended to another) and a zero-width blank
_POWERS = 10 ** np.arange(1, 19, dtype=np.int64)


class Coder:
    """Gives ids the codes 0, 1, 2 …, chunk by chunk.

    Example:
        >>> coder = Coder()
        >>> coder.encode(pl.Series([7, 3])).tolist(), coder.encode(pl.Series(["x", "3"])).tolist()
        ([1, 0], [2, 0])
        >>> ids, indices = coder.finish(from_text=True)
        >>> ids.to_list(), indices.tolist()
        (['3', '7', 'x'], [0, 1, 2])
    """

    def __init__(self) -> None:
        self._ids: list[pl.Series] = []  # in the order of their codes
        self._known: pl.DataFrame | None = None  # ids with their codes; None while a table is used
        self._table = np.full(1 << 12, -1, dtype=np.int32)
        self._n = 0
        self._dtype: pl.DataType | type[pl.DataType] | None = None

    def __len__(self) -> int:
        return self._n

    def encode(self, ids: pl.Series) -> NDArray[np.int32]:
        """The codes of ids (whole numbers or strings, none missing); new ones are added."""
        dtype = pl.Int64 if ids.dtype.is_integer() else pl.String
        if self._dtype is None:
            self._dtype = dtype
        elif self._dtype != dtype:  # from now on, whole numbers are the strings that they are written as
            if self._dtype == pl.Int64:
                self._ids = [part.cast(pl.String) for part in self._ids]
                self._dtype, self._known = pl.String, None
            else:
                ids = ids.cast(pl.String)
        if self._dtype == pl.Int64 and self._known is None:
            numbers = ids.cast(pl.Int64).to_numpy()
            if not len(numbers) or (numbers.min() >= 0 and numbers.max() < _DENSE):
                return self._by_table(numbers)
        return self._by_join(ids)

    def finish(self, *, from_text: bool) -> tuple[pl.Series, NDArray[np.int32]]:
        """All ids in ascending order, and the final index of each code.

        Args:
            from_text: whether strings become whole numbers if all of them are.
        """
        if not self._ids:
            return pl.Series("id", [], dtype=pl.Int64), np.empty(0, dtype=np.int32)
        return in_final_order(self.ids, from_text=from_text)

    @property
    def ids(self) -> pl.Series:
        """The ids in the order of their codes."""
        return pl.concat(self._ids) if self._ids else pl.Series([], dtype=self._dtype or pl.Int64)

    def _by_table(self, numbers: NDArray[np.int64]) -> NDArray[np.int32]:
        largest = int(numbers.max()) if len(numbers) else 0
        if largest >= len(self._table):
            longer = np.full(max(largest + 1, min(2 * len(self._table), _DENSE)), -1, dtype=np.int32)
            longer[: len(self._table)] = self._table
            self._table = longer
        codes = self._table[numbers]
        strange = codes < 0
        if strange.any():
            fresh = np.unique(numbers[strange])
            self._table[fresh] = np.arange(self._n, self._n + len(fresh), dtype=np.int32)
            self._add(pl.Series("id", fresh))
            codes = self._table[numbers]
        return codes

    def _by_join(self, ids: pl.Series) -> NDArray[np.int32]:
        asked = ids.alias("id").to_frame()
        if self._known is None:
            codes = pl.Series("code", np.arange(self._n, dtype=np.int32))
            self._known = pl.DataFrame(
                [pl.concat(self._ids) if self._ids else pl.Series("id", [], dtype=ids.dtype), codes]
            )
        fresh = asked.unique(maintain_order=True).join(self._known, on="id", how="anti", maintain_order="left")["id"]
        if len(fresh):
            codes = pl.Series("code", np.arange(self._n, self._n + len(fresh), dtype=np.int32))
            self._known = pl.concat([self._known, pl.DataFrame([fresh, codes])])
            self._add(fresh)
        return asked.join(self._known, on="id", how="left", maintain_order="left")["code"].to_numpy()

    def _add(self, fresh: pl.Series) -> None:
        self._ids.append(fresh)
        self._n += len(fresh)
        if self._n >= 2**31:
            raise DataError("there are more than 2³¹ ids; a log of so many is not read")


def in_final_order(ids: pl.Series, *, from_text: bool) -> tuple[pl.Series, NDArray[np.int32]]:
    """Ids in ascending order, and the index there of each as it came.

    Args:
        ids: each once, whole numbers or strings.
        from_text: whether strings become whole numbers if all of them are.

    Example:
        >>> [one.tolist() for one in map(np.asarray, in_final_order(pl.Series(["10", "9"]), from_text=True))]
        [[9, 10], [1, 0]]
    """
    ids = ids.alias("id")
    if from_text and ids.dtype == pl.String and ids.str.contains(_WHOLE).all():
        numbers = ids.cast(pl.Int64, strict=False)
        ids = ids if numbers.null_count() else numbers
    order = ids.arg_sort().to_numpy()
    indices = np.empty(len(order), dtype=np.int32)
    indices[order] = np.arange(len(order), dtype=np.int32)
    return ids.gather(order), indices


@dataclass(frozen=True)
class RawIds:
    """The ids of a chunk of rows, checked but not yet coded.

    Attributes:
        missing: which rows have no usable id; None: no row.
        numbers: the ids, if all are whole numbers; else None.
        distinct: otherwise the distinct ids of the column, cleaned; null for a missing one.
        local: and the index in ``distinct`` of each row; -1 for null.
    """

    missing: NDArray[np.bool_] | None
    numbers: NDArray[np.int64] | None = None
    distinct: pl.Series | None = None
    local: NDArray[np.int32] | None = None

    @classmethod
    def of(cls, column: pl.Series, words: frozenset[str], *, from_text: bool) -> RawIds:
        """Check a column.

        Args:
            column: whole numbers, strings, or other values that can be ids.
            words: words that mean a missing id.
            from_text: see :class:`~fillrank.data.io.clean.Rules`.

        Raises:
            DataError: the column holds values that cannot be ids.
        """
        if from_text and column.dtype == pl.String:
            numbers = _whole(column)
            if numbers is not None:
                return cls(None, numbers=numbers)
        if column.dtype != pl.String:
            column = _typed(column)
        if column.dtype == pl.Int64:
            missing = column.is_null().to_numpy() if column.null_count() else None
            return cls(missing, numbers=column.fill_null(0).to_numpy())
        return cls._of_strings(column, words, from_text=from_text)

    @classmethod
    def _of_strings(cls, column: pl.Series, words: frozenset[str], *, from_text: bool) -> RawIds:
        distinct = column.drop_nulls().unique()
        local = column.cast(pl.Enum(distinct)).to_physical().cast(pl.Int32).fill_null(-1).to_numpy()
        cleaned = distinct.str.strip_chars().str.strip_chars(_INVISIBLE) if from_text else distinct
        gone = missing_mask(cleaned, words) | cleaned.str.contains(f"\0|{DAMAGED}")
        cleaned = cleaned.set(gone, None)
        missing = None
        if cleaned.null_count() or column.null_count():
            missing = np.append(gone.to_numpy(), True)[local]
        return cls(missing, distinct=cleaned, local=local)

    def encode(self, coder: Coder, keep: NDArray[np.bool_] | None) -> NDArray[np.int32]:
        """The codes of the rows to keep."""
        if self.numbers is not None:
            return coder.encode(pl.Series("id", self.numbers if keep is None else self.numbers[keep]))
        if self.distinct is None or self.local is None:
            return np.empty(0, dtype=np.int32)
        local = self.local if keep is None else self.local[keep]
        used = np.zeros(len(self.distinct), dtype=bool)
        used[local] = True
        codes = np.full(len(self.distinct), -1, dtype=np.int32)
        codes[used] = coder.encode(self.distinct.filter(pl.Series(used)))
        return codes[local]


def _typed(column: pl.Series) -> pl.Series:
    try:
        return as_id_column(column)
    except DataError as error:
        raise DataError(f"the column {column.name!r}: {error}") from error


def _whole(column: pl.Series) -> NDArray[np.int64] | None:
    """The numbers in a column of strings, if all are whole numbers in their usual form; else None."""
    if column.null_count():
        return None
    for text in (column, None):
        text = column.str.strip_chars() if text is None else text
        numbers = text.cast(pl.Int64, strict=False)
        if not numbers.null_count():
            found = numbers.to_numpy()
            return found if (text.str.len_bytes().to_numpy() == _lengths(found)).all() else None
    return None


def _lengths(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of characters of each number."""
    if not len(numbers):
        return np.zeros(0, dtype=np.int64)
    if numbers.min() < 0:
        negative = numbers < 0
        size = np.where(numbers == np.iinfo(np.int64).min, np.iinfo(np.int64).max, np.abs(numbers))
        return _lengths(size) + negative
    lengths = np.ones(len(numbers), dtype=np.int64)
    largest = int(numbers.max())
    for power in _POWERS:
        if power > largest:
            break
        lengths += numbers >= power
    return lengths
