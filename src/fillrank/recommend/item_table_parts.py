"""The item table of a saved model: names and categories in its settings, who has which in its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import Tensor

from fillrank.data.categories import Categories
from fillrank.data.item_table import ItemTable
from fillrank.recommend.column_parts import column_from_parts, column_settings, column_tensors

__all__ = ["table_from_parts", "table_settings", "table_tensors"]


def table_tensors(table: ItemTable | None) -> dict[str, Tensor]:
    """``item_table/0/indptr`` and ``item_table/0/indices``, int64, of each column by its place."""
    found: dict[str, Tensor] = {}
    for n, column in enumerate(() if table is None else table.columns.values()):
        found |= column_tensors(f"item_table/{n}", column)
    return found


def table_settings(table: ItemTable | None) -> list[dict[str, Any]] | None:
    """The name and the categories of each column."""
    return None if table is None else [column_settings(name, column) for name, column in table.columns.items()]


def table_from_parts(tensors: Mapping[str, Tensor], settings: Any, n_items: int) -> ItemTable | None:
    """The inverse of both.

    Raises:
        DataError: a part is not what it should be.
    """
    if settings is None:
        return None
    columns = {
        str(column["name"]): cast("Categories", column_from_parts(f"item_table/{n}", tensors, column, n_items))
        for n, column in enumerate(settings)
    }
    return ItemTable(columns, n_items)
