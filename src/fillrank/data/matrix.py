"""A log as a matrix of users × items, and its margins."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fillrank.data.ids import IdMap
from fillrank.data.sides import Sides
from fillrank.renames import old_attribute

__all__ = ["LogMatrix"]


class LogMatrix:
    """What follows from the columns of :class:`~fillrank.data.interactions.Interactions`, which is one.

    The columns are frozen, so each of these is made once, when it is first asked for.
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32] | None
    weights: NDArray[np.float32] | None
    user_ids: IdMap
    item_ids: IdMap
    _sides: Sides | None = None  # of a log on a disk

    @property
    def n_users(self) -> int:
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        return len(self.item_ids)

    @cached_property
    def csr(self) -> sp.csr_array[Any]:
        """The log as a float32 matrix ``[n_users, n_items]`` by rows; cells are 1 if the log has no values.

        Stored zeros are values, so do not remove them.
        """
        data = self._ones if self.values is None else self.values
        starts = self._starts(self.users) if self._sides is None else self._sides.user_starts
        return sp.csr_array((data, self.items, starts), shape=(self.n_users, self.n_items))

    @cached_property
    def csc(self) -> sp.csc_array[Any]:
        """The same matrix by columns."""
        sides = self._sides
        return self.csr.tocsc() if sides is None else self._by_item(sides, self.values, sides.values_by_item)

    @cached_property
    def item_counts(self) -> NDArray[np.int64]:
        """int64 ``[n_items]``: the number of users of each item."""
        if self._sides is not None:
            return np.diff(self._sides.item_starts)
        return np.bincount(self.items, minlength=self.n_items).astype(np.int64)

    @cached_property
    def user_counts(self) -> NDArray[np.int64]:
        """int64 ``[n_users]``: the number of items of each user."""
        if self._sides is not None:
            return np.diff(self._sides.user_starts)
        return np.bincount(self.users, minlength=self.n_users).astype(np.int64)

    @cached_property
    def weighted_csr(self) -> sp.csr_array[Any]:
        """The weights as a float32 matrix ``[n_users, n_items]`` by rows, without rows of weight 0.

        Cells are 1 if the log has no weights.

        Example:
            >>> from fillrank.data import Interactions
            >>> log = Interactions.from_arrays(["ann", "ann"], ["tea", "rum"], weights=[10, 0])
            >>> log.weighted_csr.toarray(), log.weighted_csr.nnz  # rum is item 0, tea item 1
            (array([[ 0., 10.]], dtype=float32), 1)
        """
        if self._sides is not None and self._all_count:
            data = self._ones if self.weights is None else self.weights
            return sp.csr_array((data, self.items, self._sides.user_starts), shape=(self.n_users, self.n_items))
        keep: Any = slice(None) if self.weights is None else self.weights > 0
        users, items = self.users[keep], self.items[keep]
        data = np.ones(len(users), dtype=np.float32) if self.weights is None else self.weights[keep]
        return sp.csr_array((data, items, self._starts(users)), shape=(self.n_users, self.n_items))

    @cached_property
    def weighted_csc(self) -> sp.csc_array[Any]:
        """The same matrix by columns."""
        sides = self._sides
        if sides is None or not self._all_count:
            return self.weighted_csr.tocsc()
        return self._by_item(sides, self.weights, sides.weights_by_item)

    scale = old_attribute("scale", "value_range")

    @cached_property
    def value_range(self) -> tuple[float, float] | None:
        """The smallest and the largest value, or None without values."""
        values = self.values
        return None if values is None or not len(values) else (float(values.min()), float(values.max()))

    @property
    def _ones(self) -> NDArray[np.float32]:
        return np.ones(len(self.users), dtype=np.float32) if self._sides is None else self._sides.ones

    @property
    def _all_count(self) -> bool:
        """Whether no row has the weight 0."""
        return self.weights is None or bool(self.weights.all())

    def _by_item(
        self, sides: Sides, column: NDArray[np.float32] | None, by_item: NDArray[np.float32] | None
    ) -> sp.csc_array[Any]:
        """The matrix by columns out of the files of a log on a disk: of a column of numbers, or of ones."""
        data = sides.ones if column is None or by_item is None else by_item
        return sp.csc_array((data, sides.users_by_item, sides.item_starts), shape=(self.n_users, self.n_items))

    def _same_rows(self, made: Self) -> Self:
        """``made``, which has the rows of this log and perhaps fewer columns, with the files of both sides."""
        if self._sides is not None:
            object.__setattr__(made, "_sides", self._sides)
        return made

    def _starts(self, users: NDArray[np.int32]) -> NDArray[np.int64]:
        """Where the rows of each user begin among ``users``, int64 ``[n_users + 1]``."""
        starts = np.zeros(self.n_users + 1, dtype=np.int64)
        np.cumsum(np.bincount(users, minlength=self.n_users), out=starts[1:])
        return starts
