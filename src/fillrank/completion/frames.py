"""The columns of pandas, polars and pyarrow tables, as arrays of numbers or of objects."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from fillrank.errors import DataError

__all__ = ["column_names", "frame_columns"]


def frame_columns(X: Any) -> list[Any] | None:
    """The columns of a table, each ``[m]``: numbers with NaN for null, or objects; None if it is not a table.

    Raises:
        DataError: the table is lazy.
    """
    pandas = sys.modules.get("pandas")  # who holds one of its frames has imported it
    if pandas is not None and isinstance(X, pandas.DataFrame):  # by place: two columns may have one name
        return [_of_pandas(X.iloc[:, place]) for place in range(X.shape[1])]
    if isinstance(X, np.ndarray | list | tuple):
        return None
    import narwhals as nw

    frame: Any = nw.from_native(X, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        raise DataError("the table is lazy: collect() it first")
    return [_of_narwhals(column) for column in frame.iter_columns()] if isinstance(frame, nw.DataFrame) else None


def column_names(X: Any) -> list[Any] | None:
    """The names of a table's columns; None if it has none.

    Example:
        >>> import pandas as pd
        >>> column_names(pd.DataFrame({"a": [1], "b": [2]})), column_names([[1, 2]])
        (['a', 'b'], None)
    """
    names = getattr(X, "column_names", None) if hasattr(X, "schema") else None  # pyarrow, whose columns are the data
    names = getattr(X, "columns", None) if names is None else names
    return None if names is None else list(names)


def _of_pandas(column: Any) -> Any:
    kind = column.dtype.kind
    if kind in "fiub":  # also the nullable and the sparse ones
        own = column.dtype if isinstance(column.dtype, np.dtype) and kind == "f" else np.float64
        return column.to_numpy(dtype=own, na_value=np.nan)
    return column.to_numpy() if kind in "cMm" else column.to_numpy(dtype=object)


def _of_narwhals(column: Any) -> Any:
    import narwhals as nw

    if column.dtype == nw.Float32:
        return column.to_numpy().astype(np.float32)
    if column.dtype.is_numeric() or column.dtype == nw.Boolean:
        return column.cast(nw.Float64).to_numpy().astype(np.float64)
    objects = np.empty(len(column), dtype=object)
    objects[:] = column.to_list()
    return objects
