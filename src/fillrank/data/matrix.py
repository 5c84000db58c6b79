"""A log as a matrix of users × items, and its margins."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fillrank.data.ids import IdMap
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
        data = np.ones(len(self.users), dtype=np.float32) if self.values is None else self.values
        return sp.csr_array((data, self.items, self._starts(self.users)), shape=(self.n_users, self.n_items))

    @cached_property
    def csc(self) -> sp.csc_array[Any]:
        """The same matrix by columns."""
        return self.csr.tocsc()

    @cached_property
    def item_counts(self) -> NDArray[np.int64]:
        """int64 ``[n_items]``: the number of users of each item."""
        return np.bincount(self.items, minlength=self.n_items).astype(np.int64)

    @cached_property
    def user_counts(self) -> NDArray[np.int64]:
        """int64 ``[n_users]``: the number of items of each user."""
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
        keep: Any = slice(None) if self.weights is None else self.weights > 0
        users, items = self.users[keep], self.items[keep]
        data = np.ones(len(users), dtype=np.float32) if self.weights is None else self.weights[keep]
        return sp.csr_array((data, items, self._starts(users)), shape=(self.n_users, self.n_items))

    scale = old_attribute("scale", "value_range")

    @cached_property
    def value_range(self) -> tuple[float, float] | None:
        """The smallest and the largest value, or None without values."""
        values = self.values
        return None if values is None or not len(values) else (float(values.min()), float(values.max()))

    def _starts(self, users: NDArray[np.int32]) -> NDArray[np.int64]:
        """Where the rows of each user begin among ``users``, int64 ``[n_users + 1]``."""
        starts = np.zeros(self.n_users + 1, dtype=np.int64)
        np.cumsum(np.bincount(users, minlength=self.n_users), out=starts[1:])
        return starts
