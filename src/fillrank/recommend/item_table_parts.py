"""The item table of a saved model: names and categories in its settings, who has which in its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from fillrank.data.item_table import ItemColumn, ItemTable
from fillrank.errors import DataError

__all__ = ["table_from_parts", "table_settings", "table_tensors"]

_PARTS = ("indptr", "indices")


def table_tensors(table: ItemTable | None) -> dict[str, Tensor]:
    """``item_table/0/indptr`` and ``item_table/0/indices``, int64, of each column by its place."""
    columns = () if table is None else table.columns.values()
    return {
        f"item_table/{n}/{part}": torch.from_numpy(getattr(column.of_items, part).astype(np.int64))
        for n, column in enumerate(columns)
        for part in _PARTS
    }


def table_settings(table: ItemTable | None) -> list[dict[str, Any]] | None:
    """The name and the categories of each column."""
    if table is None:
        return None
    return [{"name": name, "values": list(column.values)} for name, column in table.columns.items()]


def table_from_parts(tensors: Mapping[str, Tensor], settings: Any, n_items: int) -> ItemTable | None:
    """The inverse of both.

    Raises:
        DataError: a part is not what it should be.
    """
    if settings is None:
        return None
    columns = {}
    for n, column in enumerate(settings):
        indptr, places = (tensors[f"item_table/{n}/{part}"].numpy() for part in _PARTS)
        values, sizes = tuple(column["values"]), np.diff(indptr)
        fits = len(indptr) == n_items + 1 and indptr[0] == 0 and indptr[-1] == len(places) and (sizes >= 0).all()
        if not fits or (len(places) and not 0 <= places.min() <= places.max() < len(values)):
            raise DataError(f"the column {column['name']!r} of the item table does not fit {n_items} items")
        matrix = sp.csr_array((np.ones(len(places), dtype=np.bool_), places, indptr), shape=(n_items, len(values)))
        columns[str(column["name"])] = ItemColumn(values, matrix)
    return ItemTable(columns, n_items)
