"""Logs from tables and matrices in memory: the work behind the class methods of ``Interactions``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import narwhals as nw
import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from fillrank.data.assemble import Duplicates, Rows, merge_duplicates
from fillrank.data.columns import Columns
from fillrank.data.ids import IdMap, as_id_column
from fillrank.data.interactions import Interactions
from fillrank.data.options import LogOptions
from fillrank.data.result import ReadResult, result_of
from fillrank.errors import DataError

__all__ = ["log_from_csr", "scan_frame"]


def scan_frame(frame: Any, columns: Columns, options: LogOptions) -> ReadResult:
    """A log from a pandas, polars or pyarrow table; see :meth:`Interactions.from_frame`."""
    try:
        table = nw.from_native(frame)
    except TypeError as error:
        raise DataError(f"a pandas, polars or pyarrow table was wanted, got {type(frame).__name__}") from error
    if isinstance(table, nw.LazyFrame):
        table = table.collect()
    chosen = columns.choose([str(name) for name in table.columns])
    raw = pl.DataFrame({role: _column(table[:, place]) for role, place in chosen.items()})
    raw = raw.with_columns(file=pl.lit(""), line=pl.int_range(1, len(raw) + 1, dtype=pl.Int64, eager=True))
    nothing = pl.DataFrame(schema={"file": pl.String, "line": pl.Int64, "reason": pl.String})
    return result_of(raw, nothing, options, from_text=False, noun="row", source="the table")


def log_from_csr(
    matrix: Any,
    *,
    user_ids: Iterable[Any] | None = None,
    item_ids: Iterable[Any] | None = None,
    item_labels: Iterable[str | None] | None = None,
    duplicates: Duplicates = "sum",
    relevant_from: float | None = None,
    name: str = "",
) -> Interactions:
    """A log from a sparse matrix; see :meth:`Interactions.from_csr`."""
    if not sp.issparse(matrix):
        raise DataError(
            f"a scipy sparse matrix was wanted, got {type(matrix).__name__}; in a dense one nothing tells which cells "
            "are missing: take out the observed cells yourself"
        )
    cells: Any = sp.coo_array(cast(Any, matrix))
    n_users, n_items = cells.shape
    users = _axis("user", user_ids, n_users, None)
    items = _axis("item", item_ids, n_items, item_labels)
    rows = merge_duplicates(
        Rows(users.places[cells.row], items.places[cells.col], cells.data.astype(np.float64), None), n_items, duplicates
    )
    return Interactions(
        users=rows.users,
        items=rows.items,
        values=rows.values,  # type: ignore[arg-type]  # Interactions narrows them, and checks that they fit
        times=None,
        user_ids=users.ids,
        item_ids=items.ids,
        relevant_from=relevant_from,
        name=name,
    )


class _Axis(NamedTuple):
    """The ids of the rows or columns of a matrix, and the place of each."""

    ids: IdMap
    places: NDArray[np.int32]


def _axis(kind: str, ids: Iterable[Any] | None, n: int, labels: Iterable[str | None] | None) -> _Axis:
    column = as_id_column(pl.int_range(n, eager=True) if ids is None else ids)
    if len(column) != n:
        raise DataError(f"{len(column)} {kind} ids came for a matrix with {n} of them; give one for each")
    known = IdMap(column, labels=labels)
    return _Axis(known, known.encode(column))


def _column(column: nw.Series[Any]) -> pl.Series:
    """A column in polars, whatever Python objects (such as UUIDs) it holds."""
    if column.dtype != nw.Object:
        try:
            return column.to_polars()
        except ImportError:  # pandas hands most of its columns over by way of pyarrow, which need not be there
            missing = column.is_null().to_list()
            values = [None if gone else value for gone, value in zip(missing, column.to_list(), strict=True)]
            return pl.Series(column.name, values, strict=False)
    return as_id_column([None if value is None or value != value else value for value in column.to_list()])
