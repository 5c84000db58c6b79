"""Columns of tables about users and items in a saved model: plain data in its settings, numbers in its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from fillrank.data import Features, IdMap, Interactions
from fillrank.data.categories import Categories
from fillrank.data.features.columns import FeatureColumn, NumberColumn, VectorColumn
from fillrank.errors import DataError
from fillrank.factors.checks import table_of

__all__ = ["column_from_parts", "column_settings", "column_tensors", "features_settings", "log_features", "log_tensors"]

_SIDES = ("item_features", "user_features")
_KINDS: dict[str, type[FeatureColumn]] = {"category": Categories, "number": NumberColumn, "vector": VectorColumn}


def column_tensors(prefix: str, column: FeatureColumn) -> dict[str, Tensor]:
    """``prefix/indptr`` and ``prefix/indices``, int64, of categories; ``prefix/values`` of numbers and vectors."""
    if not isinstance(column, Categories):
        return {f"{prefix}/values": torch.from_numpy(column.values.copy())}
    parts = {"indptr": column.of_rows.indptr, "indices": column.of_rows.indices}
    return {f"{prefix}/{name}": torch.from_numpy(part.astype(np.int64)) for name, part in parts.items()}


def column_settings(name: str, column: FeatureColumn) -> dict[str, Any]:
    """The name, and the categories or the kind."""
    if isinstance(column, Categories):
        return {"name": name, "values": list(column.values)}
    return {"name": name, "kind": "number" if isinstance(column, NumberColumn) else "vector"}


def column_from_parts(prefix: str, tensors: Mapping[str, Tensor], settings: Mapping[str, Any], n: int) -> FeatureColumn:
    """The inverse of both, for ``n`` rows.

    Raises:
        DataError: a part is not what it should be.
    """
    kind = settings.get("kind", "category")
    if kind == "category":
        return _categories(prefix, tensors, settings, n)
    values = tensors[f"{prefix}/values"].numpy()
    wanted = {"number": (1, "float64"), "vector": (2, "float32")}
    if kind not in wanted or (values.ndim, values.dtype.name) != wanted[kind] or len(values) != n:
        raise DataError(f"the column {settings['name']!r} does not fit {n} rows")
    if np.isinf(values).any() or (kind == "vector" and np.isnan(values).any()):
        raise DataError(f"the column {settings['name']!r} has numbers that are not finite")
    return NumberColumn(values) if kind == "number" else VectorColumn(values)


def _categories(prefix: str, tensors: Mapping[str, Tensor], settings: Mapping[str, Any], n: int) -> Categories:
    indptr, places = (tensors[f"{prefix}/{part}"].numpy() for part in ("indptr", "indices"))
    values, sizes = tuple(settings["values"]), np.diff(indptr)
    fits = len(indptr) == n + 1 and indptr[0] == 0 and indptr[-1] == len(places) and (sizes >= 0).all()
    if not fits or (len(places) and not 0 <= places.min() <= places.max() < len(values)):
        raise DataError(f"the column {settings['name']!r} of a table does not fit {n} rows")
    matrix = sp.csr_array((np.ones(len(places), dtype=np.bool_), places, indptr), shape=(n, len(values)))
    return Categories(values, matrix)


def log_tensors(log: Interactions) -> dict[str, Tensor]:
    """The tensors of the features that a log has, as ``item_features/0/values`` …, each column by its place."""
    found: dict[str, Tensor] = {}
    for side in _SIDES:
        features: Features | None = getattr(log, side)
        for n, column in enumerate(() if features is None else features.columns.values()):
            found |= column_tensors(f"{side}/{n}", column)
    return found


def features_settings(log: Interactions) -> dict[str, Any]:
    """The columns of the features that a log has, by their names; nothing of a side without features."""
    kept = {side: getattr(log, side) for side in _SIDES}
    return {
        side: [column_settings(name, column) for name, column in features.columns.items()]
        for side, features in kept.items()
        if features is not None
    }


def log_features(
    tensors: Mapping[str, Tensor], config: Mapping[str, Any], user_ids: IdMap, item_ids: IdMap
) -> dict[str, Any]:
    """The inverse of :func:`log_tensors` and :func:`features_settings`: as arguments of a log.

    Raises:
        DataError: a part is not what it should be.
    """
    found: dict[str, Any] = {}
    for side, ids in (("item_features", item_ids), ("user_features", user_ids)):
        if (columns := config.get(side)) is not None:
            tables = [table_of(one, "a column of features") for one in columns]
            made = {
                str(one["name"]): column_from_parts(f"{side}/{n}", tensors, one, len(ids))
                for n, one in enumerate(tables)
            }
            found[side] = Features(ids, made)
    return found
