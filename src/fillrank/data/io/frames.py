"""Make the columns of a log from a table, arrays or a matrix in memory, for the class methods of ``Interactions``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple, cast

import narwhals as nw
import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from fillrank.arguments import naming
from fillrank.data.duplicates import Duplicates, LogRows, merge_duplicates
from fillrank.data.id_values import as_id_column, of_column, texts_of, values_of
from fillrank.data.ids import IdMap
from fillrank.data.io.assemble import assemble
from fillrank.data.io.columns import Columns
from fillrank.data.io.options import LogOptions
from fillrank.data.io.result import Scan, Source, result_of
from fillrank.data.log_columns import LogColumns
from fillrank.errors import DataError
from fillrank.runtime.forks import refuse_after_fork

__all__ = ["columns_of_arrays", "columns_of_csr", "columns_of_frame", "scan_frame"]


def scan_frame(frame: Any, columns: Columns, options: LogOptions) -> Scan:
    """Make a log from a pandas, polars or pyarrow table; see :meth:`Interactions.from_frame`."""
    with naming("frame"):
        table = _opened(frame)
    chosen = columns.choose(table.names, table.further)
    raw = _raw({role: (repr(table.named(place)), table.column(place)) for role, place in chosen.items()})
    return result_of(raw, _NOTHING_BROKEN, options, from_text=False, source=Source("the table", "row"))


def columns_of_frame(frame: Any) -> list[tuple[Any, pl.Series]]:
    """The columns of a pandas, polars or pyarrow table with their names, those of a named index of pandas first.

    Raises:
        DataError: it is no such table.
    """
    table = _opened(frame)
    n = len(table.names)
    places = [*range(n, n + len(table.further)), *range(n)]
    return [(table.named(place), table.column(place)) for place in places]


def columns_of_arrays(
    columns: Mapping[str, Any], *, relevant_from: float | None, name: str, duplicates: Duplicates = "error"
) -> LogColumns:
    """Make a log from arrays by role; see :meth:`Interactions.from_arrays`."""
    given = {role: (f"{role}s", values) for role, values in columns.items() if values is not None}
    read: dict[str, tuple[str, pl.Series]] = {}
    for role, (kind, values) in given.items():
        with naming(kind):
            read[role] = (repr(kind), values_of(values, kind))
    raw = _raw(read)
    if len(raw):
        options = LogOptions(relevant_from=relevant_from, name=name, duplicates=duplicates)
        named = " and ".join(kind for kind, _ in given.values())
        source = Source("the arrays", "row", way_out=f"Correct {named}, or leave such rows out of all of them")
        return result_of(raw, _NOTHING_BROKEN, options, from_text=False, source=source).interactions
    nothing = {"value": pl.Float64, "time": pl.Int64, "weight": pl.Float64}
    empty = raw.select("user", "item", *(pl.col(role).cast(nothing[role]) for role in nothing if role in raw.columns))
    return assemble(empty, relevant_from=relevant_from, name=name)[0]


def columns_of_csr(
    matrix: Any,
    *,
    user_ids: Iterable[Any] | None = None,
    item_ids: Iterable[Any] | None = None,
    item_labels: Iterable[str | None] | None = None,
    duplicates: Duplicates = "sum",
    relevant_from: float | None = None,
    name: str = "",
) -> LogColumns:
    """Make a log from a sparse matrix; see :meth:`Interactions.from_csr`."""
    if not sp.issparse(matrix):
        raise DataError(
            f"a scipy sparse matrix was wanted, got {type(matrix).__name__}; in a dense one nothing tells which cells "
            "are missing: take out the observed cells yourself"
        )
    cells: Any = sp.coo_array(cast(Any, matrix))
    n_users, n_items = cells.shape
    with naming("user_ids"):
        users = _axis("user", user_ids, n_users, None)
    with naming("item_ids" if item_labels is None else "item_labels"):
        items = _axis("item", item_ids, n_items, item_labels)
    rows = merge_duplicates(
        LogRows(users.indices[cells.row], items.indices[cells.col], cells.data.astype(np.float64), None),
        n_items,
        duplicates,
    )
    return LogColumns(
        users=rows.users,
        items=rows.items,
        values=rows.values,
        times=None,
        user_ids=users.ids,
        item_ids=items.ids,
        relevant_from=relevant_from,
        name=name,
    )


class _IdAxis(NamedTuple):
    """The ids of the rows or columns of a matrix, and the index of each."""

    ids: IdMap
    indices: NDArray[np.int32]


def _axis(kind: str, ids: Iterable[Any] | None, n: int, labels: Iterable[str | None] | None) -> _IdAxis:
    column = as_id_column(pl.int_range(n, eager=True) if ids is None else ids)
    if len(column) != n:
        raise DataError(f"{len(column)} {kind} ids came for a matrix with {n} of them; give one for each")
    known = IdMap(column, labels=labels)
    return _IdAxis(known, known.encode(column))


@dataclass(frozen=True)
class _Frame:
    """A table of any library: the names of its columns and of its index, and access to each column by position."""

    names: list[Any]
    native: Callable[[int], Any]
    further: list[Any] = field(default_factory=list)

    def named(self, place: int) -> Any:
        return [*self.names, *self.further][place]

    def column(self, place: int) -> pl.Series:
        return of_column(nw.from_native(self.native(place), series_only=True))


def _opened(frame: Any) -> _Frame:
    if hasattr(frame, "iloc") and hasattr(frame, "columns"):  # pandas: columns by position, as names may repeat
        levels = [level for level, name in enumerate(frame.index.names) if name is not None]
        n = frame.shape[1]
        return _Frame(
            list(frame.columns),
            lambda place: frame.iloc[:, place] if place < n else _level(frame, levels[place - n]),
            [frame.index.names[level] for level in levels],
        )
    if hasattr(frame, "column_names") and hasattr(frame, "combine_chunks"):  # pyarrow, where names may repeat
        return _Frame(list(frame.column_names), frame.column)
    if hasattr(frame, "read_next_batch") or hasattr(frame, "to_struct_array"):  # batches of rows
        return _opened(_table_of_batches(frame))
    try:
        table = nw.from_native(frame)
    except TypeError as error:
        raise DataError(f"a pandas, polars or pyarrow table was wanted, got {type(frame).__name__}") from error
    if isinstance(table, nw.LazyFrame):
        try:
            table = table.collect()
        except pl.exceptions.PolarsError as error:
            raise DataError(f"the lazy table cannot be worked out: {error}") from error
    return _Frame(table.columns, lambda place: table[:, place].to_native())


def _table_of_batches(frame: Any) -> Any:
    """A table of pyarrow from a batch of its rows, or from a reader of batches."""
    pyarrow = import_module("pyarrow")
    return frame.read_all() if hasattr(frame, "read_next_batch") else pyarrow.Table.from_batches([frame])


def _level(frame: Any, level: int) -> Any:
    """A level of the index of a pandas table, as a column."""
    return frame.index.get_level_values(level).to_series()


def _raw(columns: Mapping[str, tuple[str, pl.Series]]) -> pl.DataFrame:
    """Join columns by role (each with its name for messages) to one table, with the number of each row."""
    refuse_after_fork("making a log from a table or from arrays")
    lengths = {called: len(column) for called, column in columns.values()}
    if len(set(lengths.values())) > 1:
        raise DataError(
            f"columns of one length are wanted, got {', '.join(f'{c} with {n}' for c, n in lengths.items())}"
        )
    ready = {}
    for role, (called, column) in columns.items():
        try:
            ready[role] = (
                as_id_column(column) if role in {"user", "item"} else _as_text(column) if role == "label" else column
            )
        except DataError as error:
            raise DataError(f"the column {called}: {error}") from error
    raw = pl.DataFrame(ready)
    return raw.with_columns(file=pl.lit(""), line=pl.int_range(1, len(raw) + 1, dtype=pl.Int64, eager=True))


def _as_text(column: pl.Series) -> pl.Series:
    """Convert a column of titles, which may be numbers, to text."""
    return column if column.dtype == pl.String else pl.Series(texts_of(column))


_NOTHING_BROKEN = pl.DataFrame(schema={"file": pl.String, "line": pl.Int64, "reason": pl.String})
