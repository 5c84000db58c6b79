"""Convert the tables of callers to float arrays with NaN for missing cells, and back to their tensors."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np

from fillrank.arguments import shown
from fillrank.completion.frames import column_names, frame_columns
from fillrank.completion.objects import Missing, column_of_numbers, named_missing
from fillrank.errors import DataError
from fillrank.solvers.dense.cells import Array

__all__ = ["as_array", "as_numbers", "in_the_form_of"]


def as_numbers(X: Any, missing: Missing = None) -> Any:
    """Convert a table to an array with NaN for missing values; other objects are left to scikit-learn's checks.

    Args:
        X: an array (also a masked one), a PyTorch tensor, a list of rows, or a pandas, polars or pyarrow table.
        missing: further values that mean a missing cell; numbers are compared in the precision of ``X``.

    Raises:
        DataError: a cell is text, a date or something else that is no number (the message names row and column); two
            columns have the same name; or ``X`` is the name of a file.
        SettingsError: ``missing`` holds something that is neither a number nor text.
    """
    words, codes = named_missing(missing)
    if isinstance(X, str | bytes | PathLike):
        raise DataError(
            f"X is {X!r}, and must be a table of numbers; for a table in a file: fillrank complete, or "
            "fillrank.completion.files.complete_file"
        )
    if hasattr(X, "toarray") and hasattr(X, "nnz"):
        raise DataError(
            f"X is sparse ({type(X).__name__}). If what it does not store is missing, as in a log of ratings, take a "
            "model for logs: fr.Interactions.from_csr(X) makes one, fr.ALS().fit(log) learns from it. If it is "
            "a table with some holes, give an array with NaN in them: toarray() puts zeros there, which are values"
        )
    if _is_tensor(X):
        return _without(as_array(X), _as_held_by(X, codes))
    hidden = None
    if isinstance(X, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in X):
        X = np.ma.stack([np.ma.asarray(row) for row in X])
    if isinstance(X, np.ma.MaskedArray):
        X, hidden = np.ma.getdata(X), np.ma.getmaskarray(X)
    columns = frame_columns(X)
    names = column_names(X)
    if isinstance(X, np.ndarray) and X.dtype.names and X.ndim == 1:  # records
        names = list(X.dtype.names)
        columns = [np.asarray(X[name]) for name in names]
    if columns is None:
        _refuse_what_is_no_table(X)
        array = _as_plain_array(X)
        if array is None or array.ndim != 2:
            return X
        columns, names = list(array.T) if array.dtype.kind in "OUSMm" else None, None
    if columns:
        if hidden is not None:  # what lies under a mask may be anything
            columns = [np.where(gone, None, column) for gone, column in zip(hidden.T, columns, strict=True)]
        _check_names(names)
        called = names if names is not None else range(len(columns))
        array = np.column_stack([_without(_numbers(*both, words), codes) for both in zip(columns, called, strict=True)])
    elif columns is not None:
        return X  # a table without columns
    else:
        array = _without(array, codes)
    return array if hidden is None or not hidden.any() else np.where(hidden, _nan_for(array), array)


def as_array(X: Any) -> Any:
    """Convert a PyTorch tensor to an array; other objects are returned unchanged.

    Raises:
        DataError: the tensor is sparse.
    """
    if not _is_tensor(X):
        return X
    if X.layout is not sys.modules["torch"].strided:
        raise DataError(
            f"the tensor is sparse ({X.layout}). If what it does not store is missing, as in a log of ratings, take a "
            "model for logs (fr.ALS); if it is a table with some holes, give its .to_dense(), with NaN where a "
            "value is missing"
        )
    X = X.detach().cpu()
    narrow = X.dtype.is_floating_point and X.dtype.itemsize < 4  # NumPy has no bfloat16; float32 holds each of them
    return (X.float() if narrow else X).numpy()


def in_the_form_of(X: Any, filled: Array) -> Any:
    """Convert the array to a tensor like ``X`` (with its dtype if that is floating) if ``X`` is one; else return it."""
    if not _is_tensor(X):
        return filled
    torch = sys.modules["torch"]
    back = torch.from_numpy(filled)
    if X.dtype.is_floating_point:
        largest = torch.finfo(X.dtype).max
        back = back.clamp(-largest, largest).to(X.dtype)
    return back.to(X.device)


def _refuse_what_is_no_table(X: Any) -> None:
    if isinstance(X, list | tuple) or (hasattr(X, "__array__") and not isinstance(X, Mapping)):
        return
    advice = "pandas.DataFrame(X) makes a table of it" if isinstance(X, Mapping) else "give an array or a table"
    if type(X).__module__.startswith("fillrank."):
        advice = "a log goes to a model for logs, such as fr.ALS().fit(log)"
    raise DataError(f"X must be a table of numbers, got {shown(X)}; {advice}")


def _check_names(names: list[Any] | None) -> None:
    twice = [name for place, name in enumerate(names or ()) if name in (names or ())[:place]]
    if twice:
        raise DataError(f"two columns are called {twice[0]!r}; rename one, or give the numbers as an array")


def _numbers(column: Any, name: Any, words: frozenset[str]) -> Array:
    return column if column.dtype.kind in "fiubc" else column_of_numbers(column, f"column {name!r}", words)


def _as_plain_array(X: Any) -> Any:
    """Convert a list of rows, or an array, to an array; None for objects that scikit-learn must check."""
    if isinstance(X, np.ndarray):
        return X
    if not isinstance(X, list | tuple) or not all(isinstance(row, list | tuple | np.ndarray) for row in X):
        return None
    rows = [row.tolist() if isinstance(row, np.ndarray) and row.dtype == object else row for row in X]
    if len({len(row) for row in rows}) != 1 or any(np.ndim(row) != 1 for row in rows if isinstance(row, np.ndarray)):
        return None
    odd = [cell for row in rows if not isinstance(row, np.ndarray) for cell in row if not isinstance(cell, float | int)]
    if any(isinstance(cell, list | tuple) or getattr(cell, "ndim", 0) for cell in odd):
        return None
    return np.array(rows, dtype=object if odd else None)


def _without(array: Array, codes: Array) -> Array:
    """The array with NaN for each of the codes."""
    if not len(codes) or array.dtype.kind not in "fiub":
        return array
    gone = np.isin(array, codes.astype(array.dtype) if array.dtype.kind == "f" else codes)
    return np.where(gone, _nan_for(array), array) if gone.any() else array


def _nan_for(array: Array) -> Any:
    """A NaN of the same floating type, so that float32 stays float32."""
    return array.dtype.type(np.nan) if array.dtype.kind == "f" else np.nan


def _as_held_by(tensor: Any, codes: Array) -> Array:
    """The codes as the tensor has them: bfloat16 rounds 999 to 1000."""
    if not len(codes) or not tensor.dtype.is_floating_point:
        return codes
    rounded: Array = sys.modules["torch"].tensor(codes).to(tensor.dtype).double().numpy()
    return rounded


def _is_tensor(X: Any) -> bool:
    torch = sys.modules.get("torch")  # who holds a tensor has imported it
    return torch is not None and isinstance(X, torch.Tensor)
