"""``Interactions``: a log of users, items, values and times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.arguments import checked, naming
from fillrank.data.checks import check_log, checked_rows
from fillrank.data.duplicates import Duplicates
from fillrank.data.fading import faded_weights
from fillrank.data.features import Features
from fillrank.data.filtering import kept_rows
from fillrank.data.ids import IdMap
from fillrank.data.io.columns import Choice
from fillrank.data.matrix import LogMatrix
from fillrank.data.moments import Moment, seconds_of
from fillrank.data.ordering import order_of_pairs
from fillrank.data.sides import is_mapped
from fillrank.data.summary import Summary, summary_of
from fillrank.errors import DataError
from fillrank.terminal import printable

__all__ = ["Interactions", "Summary"]

_COLUMNS = {"users": np.int32, "items": np.int32, "values": np.float32, "times": np.int64, "weights": np.float32}
"""The columns of a log, and how each is kept."""


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Interactions(LogMatrix):
    """An immutable log of (user, item, value, time, weight). Users and items are indices; the id maps hold their ids.

    Rows are sorted by (user, item), and each pair is there once. A pair that is not in the log is *missing*; a value of
    zero is a value.

    Attributes:
        users: int32 ``[nnz]``, indices into ``user_ids``.
        items: int32 ``[nnz]``, indices into ``item_ids``.
        values: float32 ``[nnz]`` (a rating, a count), or None for a log without values.
        times: int64 ``[nnz]``, seconds since 1970 (UTC), or None.
        user_ids, item_ids: the outside ids. They may contain users and items without a row (the parts of a split do).
        relevant_from: interactions with at least this value are *relevant*: a hit in a ranking, and a positive in
            contrastive training where a recipe asks for it. None: every interaction is relevant.
        name: of the data set, for reports.
        weights: float32 ``[nnz]``, what each row counts beside the others: 2 as much as two rows. One of 0 says that
            the two met and that nothing follows from it ("not interested"): the row is neither a positive nor drawn as
            a negative, and the item is not recommended again. None: all rows count alike.
        user_features, item_features: what is known of users and of items beside the log; see :meth:`with_features`.

    Raises:
        DataError: lengths differ, an index is out of range, a value or a weight is NaN or infinite, or a weight is
            below 0.
        DuplicateError: a (user, item) pair is there twice.

    Example:
        >>> log = Interactions.from_arrays(["ann", "bob", "ann"], [7, 7, 9], values=[5, 3, 4])
        >>> len(log), log.n_users, log.n_items
        (3, 2, 2)
        >>> log.csr.toarray()
        array([[5., 4.],
               [3., 0.]], dtype=float32)
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32] | None
    times: NDArray[np.int64] | None
    user_ids: IdMap
    item_ids: IdMap
    relevant_from: float | None = None
    name: str = ""
    weights: NDArray[np.float32] | None = None
    user_features: Features | None = None
    item_features: Features | None = None

    def __post_init__(self) -> None:
        check_log(self)
        self._put_in_order()
        for features, ids in (("user_features", self.user_ids), ("item_features", self.item_ids)):
            if (kept := getattr(self, features)) is not None and kept.ids is not ids:
                object.__setattr__(self, features, kept.taken(ids))

    def _put_in_order(self) -> None:
        """Sort the columns by (user, item), make them read-only, and refuse a pair that is there twice."""
        order = order_of_pairs(self.users, self.items, self.user_ids, self.item_ids)
        for label, dtype in _COLUMNS.items():
            column = getattr(self, label)
            if column is not None:
                is_kept = column.base is None or is_mapped(column)
                is_ours = order is None and column.dtype == dtype and is_kept and not column.flags.writeable
                fresh = column if is_ours else np.array(column if order is None else column[order], dtype=dtype)
                fresh.setflags(write=False)
                object.__setattr__(self, label, fresh)

    @classmethod
    @checked
    def from_arrays(
        cls,
        users: Iterable[Any],
        items: Iterable[Any],
        values: Iterable[Any] | None = None,
        times: Iterable[Any] | None = None,
        *,
        weights: Iterable[Any] | None = None,
        relevant_from: float | None = None,
        name: str = "",
    ) -> Interactions:
        """Make a log from columns of outside ids; the id maps are made from the ids in them.

        Args:
            users, items: ids of any kind, as lists, arrays, Series or generators; :mod:`fillrank.data.id_values` has a
                table of what each kind becomes.
            values: finite numbers.
            times: dates, datetimes, ISO 8601 texts, or seconds since 1970 (UTC). Numbers that are too large for seconds
                are read as milli-, micro- or nanoseconds.
            weights: finite numbers of 0 or more: how much each row counts.
            relevant_from, name: as in :class:`Interactions`.

        Raises:
            BadRowsError: an id is missing, a value, a time or a weight cannot be read.
            DuplicateError: a pair is there twice; :meth:`from_frame` has ``duplicates=``.
            DataError: a column is not a list, or the columns differ in length.
        """
        from fillrank.data.io.frames import columns_of_arrays

        columns = {"user": users, "item": items, "value": values, "time": times, "weight": weights}
        return cls(**vars(columns_of_arrays(columns, relevant_from=relevant_from, name=name)))

    @classmethod
    @checked
    def from_frame(
        cls,
        frame: Any,
        *,
        user: Choice = None,
        item: Choice = None,
        value: Choice = None,
        time: Choice = None,
        label: Choice = None,
        weight: Choice = None,
        **options: Any,
    ) -> Interactions:
        """Make a log from a pandas, polars or pyarrow table.

        Args:
            frame: the table. A named index of pandas is used if its name fits and no column does.
            user, item, value, time, label, weight: the columns, as for :func:`fillrank.data.read`. If the names of the
                columns are whole numbers, as pandas allows, a whole number is a name and not a position.
            **options: ``event``, ``event_column``, ``duplicates``, ``on_bad``, ``relevant_from``, ``name``: see
                :class:`~fillrank.data.io.options.LogOptions`.

        Example:
            >>> table = pl.DataFrame({"movieId": [6, 1214], "userId": ["ann", "ann"], "rating": [4.5, 0.0]})
            >>> Interactions.from_frame(table, relevant_from=4).summary().n_relevant
            1
        """
        from fillrank.data.io.frames import scan_frame
        from fillrank.data.io.options import LogOptions

        how = LogOptions.of(options)
        columns = how.columns(user=user, item=item, value=value, time=time, label=label, weight=weight)
        return cls(**vars(scan_frame(frame, columns, how).interactions))

    @classmethod
    @checked
    def from_csr(
        cls,
        matrix: Any,
        *,
        user_ids: Iterable[Any] | None = None,
        item_ids: Iterable[Any] | None = None,
        item_labels: Iterable[str | None] | None = None,
        duplicates: Duplicates = "sum",
        relevant_from: float | None = None,
        name: str = "",
    ) -> Interactions:
        """Make a log from a SciPy sparse matrix of users × items, in any format; a stored zero is a value.

        Args:
            matrix: ``[n_users, n_items]``.
            user_ids, item_ids: the ids of rows and columns; by default 0, 1, 2 …
            item_labels: titles of the columns.
            duplicates: how a cell that is stored twice is merged; SciPy itself takes the sum.
            relevant_from, name: as in :class:`Interactions`.

        Example:
            >>> from scipy.sparse import coo_array
            >>> matrix = coo_array(([5.0, 0.0], ([0, 1], [1, 0])), shape=(2, 2))
            >>> Interactions.from_csr(matrix, user_ids=["bob", "ann"]).to_frame().rows()
            [('ann', 0, 0.0), ('bob', 1, 5.0)]
        """
        from fillrank.data.io.frames import columns_of_csr

        columns = columns_of_csr(
            matrix,
            user_ids=user_ids,
            item_ids=item_ids,
            item_labels=item_labels,
            duplicates=duplicates,
            relevant_from=relevant_from,
            name=name,
        )
        return cls(**vars(columns))

    def __len__(self) -> int:
        return len(self.users)

    def __repr__(self) -> str:
        label = f"{printable(self.name)}: " if self.name else ""
        return f"Interactions({label}{len(self):,} rows, {self.n_users:,} users, {self.n_items:,} items)"

    @checked
    def select(self, rows: NDArray[Any]) -> Self:
        """The rows of a boolean mask or at indices; the id maps stay as they are.

        Raises:
            DataError: the mask is not as long as the log, or an index is not among its rows.
        """
        rows = checked_rows(rows, len(self))
        columns: dict[str, Any] = {label: getattr(self, label) for label in _COLUMNS}
        chosen: dict[str, Any] = {label: None if own is None else own[rows] for label, own in columns.items()}
        return replace(self, **chosen)

    def relevant(self) -> Self:
        """The relevant rows: see ``relevant_from``. A row with weight 0 is never relevant."""
        counted = self.counted()
        if counted.relevant_from is None:
            return counted
        if counted.values is None:
            raise DataError(f"relevant_from={self.relevant_from:g} asks for values, and this log has none")
        return counted.select(counted.values >= counted.relevant_from)

    def counted(self) -> Self:
        """The rows whose weight is above 0: all of them, where there are no weights."""
        return self if self.weights is None or self.weights.all() else self.select(self.weights > 0)

    @checked
    def faded(self, *, half_life: float, now: Moment | None = None) -> Self:
        """The same rows with weights ``w · 2^(-age / half_life)``; see :func:`fillrank.data.decay` for a split.

        Args:
            half_life: days after which a row counts half of what it did.
            now: the moment from which ages are counted; later rows count in full. None: the log's last moment.

        Raises:
            SettingsError: ``half_life`` or ``now`` cannot be taken for what it should be.
            DataError: the log has no times.

        Example:
            >>> log = Interactions.from_arrays([1, 1], [1, 2], times=["2024-01-01", "2024-01-31"])
            >>> log.faded(half_life=10).weights.tolist()
            [0.125, 1.0]
        """
        moment = None if now is None else seconds_of("now", now)
        return replace(self, weights=faded_weights(self.times, self.weights, half_life=half_life, now=moment))

    @checked
    def with_features(self, *, items: Any = None, users: Any = None) -> Self:
        """The same rows, with what is known of items, of users, or of both; it stays through splits and filters.

        Args:
            items, users: :class:`~fillrank.Features`; a table of pandas, polars or pyarrow; or the path of a file, as
                :meth:`fillrank.Features.from_frame` and :meth:`~fillrank.Features.read` take them. None leaves what is
                there. Rows of other ids are left out; items that nobody has met yet are listed once
                :meth:`fillrank.Recommender.add_items` has added them to a model.

        Raises:
            DataError: an id is missing or there twice, a cell is not what its column holds, or no id is one of the log.

        Example:
            >>> log = Interactions.from_arrays(["ann", "bob"], ["Heat", "Alien"])
            >>> films = pl.DataFrame({"film": ["Heat", "Alien", "Jaws"], "genres": ["Crime|Drama", "Horror", "Horror"]})
            >>> log.with_features(items=films).item_features
            Features(2 rows; genres: 3 tags)
        """
        with naming("items"):
            of_items = self.item_features if items is None else Features.of(items).rows_of(self.item_ids, "item")
        with naming("users"):
            of_users = self.user_features if users is None else Features.of(users).rows_of(self.user_ids, "user")
        return replace(self, item_features=of_items, user_features=of_users)

    @checked
    def union(self, other: Interactions) -> Self:
        """The rows of both logs, which must share their ids and have no pair in common."""
        if self.user_ids != other.user_ids or self.item_ids != other.item_ids:
            raise DataError(
                "only logs with the same users and items can be joined, and other has others; make them with one split"
            ).about("other")
        columns: dict[str, Any] = {}
        for name in _COLUMNS:
            mine, theirs = getattr(self, name), getattr(other, name)
            if (mine is None) != (theirs is None):
                raise DataError(f"one of the two logs has {name} and the other has not").about("other")
            columns[name] = None if mine is None else np.concatenate([mine, theirs])
        return replace(self, **columns)

    def without_values(self) -> Self:
        """The same rows without values; all of them are relevant but those with weight 0."""
        return self._same_rows(replace(self, values=None, relevant_from=None))

    def without_weights(self) -> Self:
        """The same rows, which all count alike: also those whose weight was 0."""
        return self if self.weights is None else self._same_rows(replace(self, weights=None))

    @checked
    def filter(
        self,
        *,
        min_per_user: int = 0,
        min_per_item: int = 0,
        min_value: float | None = None,
        max_value: float | None = None,
        min_weight: float | None = None,
    ) -> Self:
        """Keep rows with a value in the given range, and then users and items with enough rows (the k-core).

        First rows are filtered by value and weight. Then users and items with too few rows are removed, again and
        again, until all that are left have enough rows. The id maps keep only users and items with a row.
        """
        least, values = (min_per_user, min_per_item), (min_value, max_value)
        return self.select(kept_rows(self, least=least, values=values, min_weight=min_weight)).compact()

    def compact(self) -> Self:
        """The same rows, with id maps that contain only users and items with a row."""
        parts: dict[str, Any] = {}
        for kind, indices, ids in (("user", self.users, self.user_ids), ("item", self.items, self.item_ids)):
            used, inverse = np.unique(indices, return_inverse=True)
            labels = None if ids.labels is None else ids.labels.gather(used)
            parts[f"{kind}s"] = inverse.astype(np.int32)
            parts[f"{kind}_ids"] = IdMap.in_order(ids.decode(used), labels)
        return replace(self, **parts)

    def to_frame(self) -> pl.DataFrame:
        """A frame with outside ids: ``user_id, item_id``, and ``value``, ``time``, ``weight`` if the log has them."""
        columns: dict[str, Any] = {"user_id": self.user_ids.decode(self.users)}
        columns["item_id"] = self.item_ids.decode(self.items)
        kept = {name: getattr(self, f"{name}s") for name in ("value", "time", "weight")}
        return pl.DataFrame(columns | {name: column for name, column in kept.items() if column is not None})

    def summary(self) -> Summary:
        """Counts, density, medians, range of values and dates."""
        return summary_of(self)
