"""``Design``: a log of ratings as the sampler uses it: user, item and day of each rating, and the sets of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fillrank.data import Interactions
from fillrank.errors import DataError
from fillrank.factors.temporal import day_of

__all__ = ["Design", "Sets"]

Places = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Sets:
    """The sets of holders: the set of a user are the items they met, the set of an item the users who met it.

    Attributes:
        ends: int64 ``[n_members + 1]``.
        holders: int32 ``[nnz]``: the holders of member m are ``holders[ends[m]:ends[m + 1]]``.
        shares: float64 ``[n]``: the weight of each member in the sum of a holder, ``1/√`` of the size of its set.
    """

    ends: NDArray[np.int64]
    holders: Places
    shares: NDArray[np.float64]

    @property
    def n_members(self) -> int:
        return len(self.ends) - 1

    @classmethod
    def of(cls, members: Places, holders: Places, n_members: int, n_holders: int) -> Self:
        """Make sets from pairs of a member and its holder.

        >>> sets = Sets.of(np.array([1, 0, 1], np.int32), np.array([0, 1, 1], np.int32), n_members=2, n_holders=2)
        >>> sets.ends.tolist(), sets.holders.tolist(), sets.shares.round(3).tolist()
        ([0, 1, 3], [1, 0, 1], [1.0, 0.707])
        """
        order = np.argsort(members, kind="stable")
        ends = np.append(0, np.cumsum(np.bincount(members, minlength=n_members))).astype(np.int64)
        sizes = np.bincount(holders, minlength=n_holders)
        return cls(ends, holders[order], 1 / np.sqrt(np.maximum(sizes, 1)))


@dataclass(frozen=True, eq=False)
class Design:
    """The log.

    Attributes:
        indices: indices of the users, items and days of the ratings: int32 ``[nnz]`` each. Without dates, all days are
            0.
        sizes: the numbers of users, items and days.
        targets: float64 ``[nnz]``, the values shifted and scaled to mean 0 and standard deviation 1.
        mean, spread: mean and standard deviation of the values.
        user_sets, item_sets: the items of each user, the users of each item; or None.
        days: int64 ``[n_days]``, days since 1970, ascending; empty without dates.
    """

    indices: tuple[Places, Places, Places]
    sizes: tuple[int, int, int]
    targets: NDArray[np.float64]
    mean: float
    spread: float
    user_sets: Sets | None
    item_sets: Sets | None
    days: NDArray[np.int64]

    @property
    def dated(self) -> bool:
        """Whether days are distinguished."""
        return len(self.days) > 0

    @classmethod
    def of(cls, interactions: Interactions, *, dates: bool = False, sets: bool = True) -> Self:
        """Make a design from a log with values (and times, if ``dates``).

        Raises:
            DataError: there are no rows, no values, or ``dates`` is asked for and there are no times.
        """
        if interactions.values is None or not len(interactions):
            raise DataError("Gibbs sampling learns from values, and this log has none; name their column: value=…")
        days, days_of = np.zeros(0, dtype=np.int64), np.zeros(len(interactions), dtype=np.int32)
        if dates:
            if interactions.times is None:
                raise DataError("dates=True needs times, and this log has none; read it with a time column")
            days, inverse = np.unique(day_of(interactions.times), return_inverse=True)
            days_of = inverse.astype(np.int32)
        users, items, values = interactions.users, interactions.items, interactions.values.astype(np.float64)
        mean, spread = float(values.mean()), float(values.std()) or 1.0
        return cls(
            indices=(users, items, days_of),
            sizes=(interactions.n_users, interactions.n_items, max(len(days), 1)),
            targets=(values - mean) / spread,
            mean=mean,
            spread=spread,
            user_sets=Sets.of(items, users, interactions.n_items, interactions.n_users) if sets else None,
            item_sets=Sets.of(users, items, interactions.n_users, interactions.n_items) if sets else None,
            days=days,
        )
