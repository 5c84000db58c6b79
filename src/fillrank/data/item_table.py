"""What is known of items beside the log: categories, tags, whether they are in stock; to filter lists by."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fillrank.arguments import Own, checked
from fillrank.data.categories import Categories
from fillrank.data.id_tables import ids_and_cells
from fillrank.data.id_values import is_single
from fillrank.data.ids import IdMap, shown_id
from fillrank.errors import DataError
from fillrank.runtime.notices import say_once

__all__ = ["ItemTable"]


@dataclass(frozen=True, eq=False)
class ItemTable:
    """Columns of categories for the items of a model.

    Attributes:
        columns: by name.
        n_items: of the model.

    Example:
        >>> films = IdMap(["Alien", "Heat", "Toy Story"])
        >>> table = ItemTable.of({"Alien": ["Horror", "Sci-Fi"], "Heat": "Crime"}, films)
        >>> table.having({"category": ["Crime", "Sci-Fi"]}).tolist()
        [True, True, False]
    """

    columns: Mapping[str, Categories]
    n_items: int

    @classmethod
    @checked
    def of(cls, given: Own[Any], item_ids: IdMap, *, separator: str | None = None) -> Self:
        """Make a table of what is known of items.

        Args:
            given: a table of pandas, polars or pyarrow with a column of item ids (``item_id``, ``item`` or another
                usual name, also as the index; else the first); or a file with such a table, in any format that
                :func:`fillrank.read` knows; or a mapping (or a pandas Series) from items to a category or a list of
                categories, which becomes the column ``category``; or an ItemTable, which stays as it is.
            item_ids: of the model. Rows of other items are left out. An item without a row has no category.
            separator: between the categories of one cell of text, such as ``"|"``; None: a text is one category.

        Raises:
            DataError: it is no such table, no row is of an item of the model, an item has two rows, or a cell is
                neither a single value nor a list of such.
        """
        if isinstance(given, ItemTable):
            if given.n_items != len(item_ids):
                raise DataError(f"the item table is of {given.n_items} items, the model of {len(item_ids)}")
            return cls(given.columns, given.n_items)
        ids, columns = _columns(given)
        places = item_ids.encode(ids, unknown="mark")
        known = np.flatnonzero(places >= 0)
        if not len(known):
            raise DataError(
                f"none of the {len(ids)} items of the table is known to the model; the table's look like "
                f"{shown_id(ids[0]) if ids else 'nothing'}, the model's like {shown_id(item_ids.ids[0])}"
            )
        if len(np.unique(places[known])) < len(known):
            counts = np.bincount(places[known])
            twice = item_ids.ids[int(counts.argmax())]
            raise DataError(f"the item table has {counts.max()} rows of {twice!r}; give each item one row")
        if missing := len(item_ids) - len(known):
            say_once(
                f"{missing} of the {len(item_ids)} items of the model are not in the item table: they have no "
                "category, so no condition on a category lets them through"
            )
        rows = np.full(len(item_ids), -1, dtype=np.int64)
        rows[places[known]] = np.arange(len(known))
        made = {
            name: Categories.of_cells([cells[n] for n in known], name, separator).take(rows)
            for name, cells in columns.items()
        }
        return cls(made, len(item_ids))

    def column(self, name: str) -> Categories:
        """One column.

        Raises:
            DataError: there is none of that name.
        """
        if name not in self.columns:
            raise DataError(f"the item table has no column {shown_id(name)}; it has {', '.join(self.columns)}")
        return self.columns[name]

    def having(self, where: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Which items have, in each named column, one of the values asked for: bool ``[n_items]``.

        Args:
            where: for each column a value, or a list of values.

        Raises:
            DataError: a column or a value is not in the table.
        """
        fitting = np.ones(self.n_items, dtype=np.bool_)
        for name, asked in where.items():
            column = self.column(name)
            wanted = [asked] if is_single(asked) or isinstance(asked, bool) else list(asked)
            chosen = np.zeros(len(column.values), dtype=np.bool_)
            for value in wanted:
                chosen[_place(name, column, value)] = True
            fitting &= np.asarray(column.of_rows @ chosen.astype(np.int64)) > 0
        return fitting

    def grown(self, n_items: int) -> ItemTable:
        """The same table for more items, the new ones last and without a category."""
        rows = np.append(np.arange(self.n_items), np.full(n_items - self.n_items, -1))
        columns = {name: column.take(rows) for name, column in self.columns.items()}
        return ItemTable(columns, n_items)


def _columns(given: Any) -> tuple[list[Any], dict[str, list[Any]]]:
    """The ids of the rows, and the cells of each column."""
    if isinstance(given, Mapping):
        return list(given), {"category": list(given.values())}
    if hasattr(given, "iloc") and not hasattr(given, "columns"):  # a Series of pandas: its index names the items
        return given.index.tolist(), {str(given.name or "category"): given.tolist()}
    wanted = "a table, a file with one, or a mapping from items to categories"
    return ids_and_cells(given, "an item table", ["item"], wanted=wanted)


def _place(name: str, column: Categories, value: Any) -> int:
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, str | int | float) and plain in column.places:
        return column.places[plain]
    alike = [one for one in column.values if str(one).casefold() == str(plain).casefold()]
    if len(alike) == 1:  # a number or a truth value that was typed as a text, or a text in other letters
        return column.places[alike[0]]
    close = difflib.get_close_matches(str(value), [str(one) for one in column.values], n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; it has {', '.join(map(repr, column.values[:5]))}"
    more = ", …" if not close and len(column.values) > 5 else ""
    raise DataError(f"no item has {shown_id(value)} in column {name!r}{hint}{more}")
