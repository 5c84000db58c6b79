"""``Features``: what is known of items or of users beside the log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from fillrank.arguments import checked, naming, shown
from fillrank.data.features.columns import FeatureColumn, Kind, NumberColumn, VectorColumn, column_of, usual_kind
from fillrank.data.id_tables import ids_and_cells
from fillrank.data.id_values import values_of
from fillrank.data.ids import IdMap, shown_id
from fillrank.data.io.table import read_table
from fillrank.errors import DataError
from fillrank.runtime.notices import say_once
from fillrank.terminal import printable

__all__ = ["Features"]

_KINDS = ("category", "tags", "number", "vector", "skip")
_ROLES = ("item", "user")


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Features:
    """Columns of what is known of items, or of users: categories, tags, numbers, vectors.

    A log takes them by :meth:`fillrank.Interactions.with_features`, and keeps them through splits and filters.

    Attributes:
        ids: of the rows: outside ids of items or of users.
        columns: by name, each with an entry for each row.

    Raises:
        DataError: a column is not as long as the ids.

    Example:
        >>> import polars as pl
        >>> films = pl.DataFrame({"film": ["Heat", "Alien"], "genres": ["Crime|Drama", "Horror"], "year": [1995, 1979]})
        >>> Features.from_frame(films)
        Features(2 rows; genres: 3 tags; year: number)
    """

    ids: IdMap
    columns: Mapping[str, FeatureColumn]

    def __post_init__(self) -> None:
        for name, column in self.columns.items():
            if not isinstance(column, FeatureColumn):
                raise DataError(
                    f"column {name!r} must be one of features, got {shown(column)}; Features.from_frame makes them"
                )
            if column.n_rows != len(self.ids):
                raise DataError(f"column {name!r} has {column.n_rows} rows, and there are {len(self.ids)} ids")
        if not self.columns:
            raise DataError("features have at least one column beside the ids, and none was left")

    @classmethod
    @checked
    def from_frame(
        cls,
        frame: Any,
        *,
        ids: str | None = None,
        kinds: Mapping[str, Kind] | None = None,
        separator: str | None = "|",
        vectors: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make features from a pandas, polars or pyarrow table with one row for each item (or user).

        Args:
            frame: the table.
            ids: the column of ids; None: the first with a usual name (``item_id``, ``movieId``, ``user`` …), else the
                first of all.
            kinds: what a column is, by its name: ``"category"`` (one value), ``"tags"`` (any number of them: a list, or
                a text with the separator), ``"number"``, ``"vector"`` (a list of numbers, all as long), or ``"skip"``.
                Of a column that is not named it goes by the values: numbers and dates are numbers, texts categories,
                texts with the separator and lists tags, lists of decimal numbers vectors; a column of texts that nearly
                all differ, such as titles, is left out with a warning.
            separator: between the tags of one cell of text.
            vectors: texts (or pictures) that are embedded already, by name: float ``[n_rows, width]``, in the order of
                the rows.

        Raises:
            DataError: an id is missing or there twice, a cell is not of its column's kind, a number is infinite, or
                vectors are not as long as the table.
        """
        with naming("frame"):
            row_ids, cells = ids_and_cells(
                frame, "a table of features", _ROLES, id_column=ids, least=0 if vectors else 1
            )
        asked = dict(kinds or {})
        for name, kind in asked.items():
            if name not in cells or kind not in _KINDS:
                raise DataError(
                    f"kinds says {name!r}: {shown(kind)}; the columns are {', '.join(cells) or 'none'}, the kinds "
                    f"{', '.join(_KINDS)}"
                ).about("kinds")
        found: dict[str, FeatureColumn] = {}
        for name, column in cells.items():
            kind = asked.get(name) or _usual(name, column, separator)
            if kind != "skip":
                found[name] = column_of(name, column, kind, row_ids, separator)
        for name, table in (vectors or {}).items():
            found[name] = VectorColumn(_embedded(name, table, len(row_ids)))
        return cls(*_in_order(row_ids, found))

    @classmethod
    @checked
    def read(cls, path: str | os.PathLike[str], **options: Any) -> Self:
        """Read features from a file, in any format that :func:`fillrank.read` knows.

        Args:
            path: the file.
            **options: see :meth:`from_frame`.

        Raises:
            DataError: the file cannot be read, or its rows are no features.
        """
        return cls.from_frame(read_table(path), **options)

    @classmethod
    def of(cls, given: Any) -> Self:
        """Features as they are; a frame; or the path of a file: see :meth:`from_frame` and :meth:`read`.

        Raises:
            DataError: it is none of these.
        """
        if isinstance(given, cls):
            return given
        return cls.read(given) if isinstance(given, str | os.PathLike) else cls.from_frame(given)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        columns = "; ".join(f"{name}: {_described(column)}" for name, column in self.columns.items())
        return printable(f"Features({len(self):,} rows; {columns})")

    @checked
    def rows_of(self, ids: IdMap, what: str = "item") -> Self:
        """The rows of ``ids``, in their order. Whatever has no row here has no category, and its numbers are missing.

        Args:
            ids: of a log.
            what: ``"item"`` or ``"user"``, for messages.

        Raises:
            DataError: none of the ids has a row here.
        """
        if ids is self.ids:
            return self
        rows = self.ids.encode(ids.ids, unknown="mark").astype(np.int64)
        known = int((rows >= 0).sum())
        if len(ids) and not known:
            raise DataError(
                f"none of the {len(ids)} {what}s of the log has a row in the features: those look like "
                f"{shown_id(self.ids.ids[0]) if len(self) else 'nothing'}, the log's like {shown_id(ids.ids[0])}"
            )
        if known < len(ids):
            say_once(
                f"{len(ids) - known:,} of the {len(ids):,} {what}s have no row in the features: they have no category, "
                "and their numbers are missing"
            )
        return self.taken(ids)

    @checked
    def taken(self, ids: IdMap) -> Self:
        """The same as :meth:`rows_of`, whether or not any of the ids has a row here."""
        rows = self.ids.encode(ids.ids, unknown="mark").astype(np.int64)
        return type(self)(ids, {name: column.take(rows) for name, column in self.columns.items()})

    @checked
    def grown(self, ids: IdMap, more: Features | None = None) -> Self:
        """The rows of ``ids``, which begin with those that are here; those of the others come from ``more``.

        Args:
            ids: the old ones and, after them, new ones.
            more: where the new ones may have a row; of the rest nothing is known.

        Raises:
            DataError: a column of ``more`` is of another kind than that of the same name here.
        """
        new = ids.ids[len(self) :]
        rows = np.full(len(new), -1) if more is None else more.ids.encode(new, unknown="mark").astype(np.int64)
        nothing = np.full(len(new), -1)
        theirs = {} if more is None else more.columns
        columns = {
            name: column.followed_by(theirs[name].take(rows) if name in theirs else column.take(nothing), name)
            for name, column in self.columns.items()
        }
        return type(self)(ids, columns)


def _usual(name: str, cells: list[Any], separator: str | None) -> Kind:
    kind = usual_kind(cells, separator)
    if kind == "skip":
        say_once(
            f"the column {name!r} of the features is left out, as its values nearly all differ, or there are none; to "
            f"keep it, say kinds={{{name!r}: 'category'}}"
        )
    return kind


def _embedded(name: str, table: Any, n_rows: int) -> Any:
    try:
        vectors = np.array(table, dtype=np.float32)
    except (TypeError, ValueError):
        vectors = np.zeros(0, dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != n_rows or not np.isfinite(vectors).all():
        raise DataError(
            f"vectors[{name!r}] must be {n_rows} rows of finite numbers, one for each row of the table, got "
            f"{shown(table)}"
        ).about("vectors")
    return vectors


def _in_order(row_ids: list[Any], columns: dict[str, FeatureColumn]) -> tuple[IdMap, dict[str, FeatureColumn]]:
    """The rows in the order of an id map, which refuses ids that are missing or there twice."""
    with naming("ids"):
        ids = IdMap(values_of(row_ids))
    order = np.empty(len(ids), dtype=np.int64)
    order[ids.encode(row_ids)] = np.arange(len(row_ids))
    return ids, {name: column.take(order) for name, column in columns.items()}


def _described(column: FeatureColumn) -> str:
    if isinstance(column, NumberColumn):
        return "number"
    if isinstance(column, VectorColumn):
        return f"vectors of {column.values.shape[1]}"
    one_each = bool((np.diff(column.of_rows.indptr) <= 1).all())
    return f"{len(column.values)} {'categories' if one_each else 'tags'}"
