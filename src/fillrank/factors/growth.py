"""How a scorer takes in what came after its log: known users updated, new users folded in, new items solved for.

A scorer that can has a method ``grown(growth)`` (:class:`Grows`); one that cannot raises a DataError that says why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fillrank.data.interactions import Interactions

__all__ = ["Grows", "Growth"]


@dataclass(frozen=True, eq=False)
class Growth:
    """A log before and after new rows; the indices of what was there before are the same in both.

    Attributes:
        before: over the users and items of the scorer as it is.
        after: the whole, over those and the new ones, which follow.
        positive_from: the least value that counts where rows are counted; None: every row counts.
    """

    before: Interactions
    after: Interactions
    positive_from: float | None = None

    @property
    def n_new_users(self) -> int:
        return self.after.n_users - self.before.n_users

    @property
    def n_new_items(self) -> int:
        return self.after.n_items - self.before.n_items

    @cached_property
    def changed(self) -> NDArray[np.int64]:
        """The users whose rows are not what they were, new ones included."""
        old, new = self.before.csr, self.after.csr
        counts = np.diff(new.indptr)
        counts_before = np.append(np.diff(old.indptr), np.zeros(self.n_new_users, dtype=counts.dtype))
        same = counts == counts_before
        for user in np.flatnonzero(same).tolist():
            a, b = slice(*old.indptr[user : user + 2]), slice(*new.indptr[user : user + 2])
            same[user] = np.array_equal(old.indices[a], new.indices[b]) and np.array_equal(old.data[a], new.data[b])
        return np.flatnonzero(~same)

    def counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many rows count for each item, before and after."""
        before, after = (self._counted(interactions).item_counts for interactions in (self.before, self.after))
        return before, after

    def _counted(self, interactions: Interactions) -> Interactions:
        if self.positive_from is None or interactions.values is None:
            return interactions
        return interactions.select(interactions.values >= self.positive_from)

    def of_new_items(self) -> Interactions:
        """The rows of the new items alone: all users, and the items that are not in ``before``, from 0 on."""
        rows = self.after.select(self.after.items >= self.before.n_items)
        ids = self.after.item_ids.decode(np.arange(self.before.n_items, self.after.n_items))
        items = rows.items - np.int32(self.before.n_items)
        return replace(rows, items=items, item_ids=type(self.after.item_ids).in_order(ids))


@runtime_checkable
class Grows(Protocol):
    """A scorer that can take in what came after its log."""

    def grown(self, growth: Growth) -> Any:
        """The scorer for the users and items of ``growth.after``.

        Raises:
            DataError: there is no way.
        """
        ...
