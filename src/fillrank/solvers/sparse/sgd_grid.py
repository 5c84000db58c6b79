"""Divide ratings into a grid of blocks, so that several threads can train at once without common vectors.

Users and items are shuffled and cut into bands. Two blocks of the grid without a common band of users or items have no
common vectors. So the blocks on a (wrapped) diagonal can be processed in parallel, without locks and races, and with
the same bits for any number of threads (Gemulla et al. 2011). There are more blocks than threads, so a thread that is
done early takes another block (Zhuang et al. 2013), and the vectors of a block stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fillrank.data import Interactions
from fillrank.solvers.sparse.sgd_kernel import RatingRows
from fillrank.solvers.sparse.weighted import weighted_mean

__all__ = ["Bands", "BlockGrid"]

_BLOCK = 8192  # approximate number of ratings of a block: large enough that scheduling it costs little
_MOST_BANDS = 32


@dataclass(frozen=True, eq=False)
class Bands:
    """Users (or items) in random order, cut into bands with about the same number of ratings.

    Attributes:
        order: int64 ``[m]``, the indices in their new order.
        place: int32 ``[m]``, the position of each index in that order.
        band: uint16 ``[m]``, the band of each index; a band is a range of the new order.
    """

    order: NDArray[np.int64]
    place: NDArray[np.int32]
    band: NDArray[np.uint16]

    @classmethod
    def cut(cls, counts: NDArray[np.int64], n_bands: int, rng: np.random.Generator) -> Self:
        """Cut users (or items) with ``counts`` ratings each into bands.

        Example:
            >>> bands = Bands.cut(np.array([9, 2, 2, 2, 2, 1]), 2, np.random.default_rng(2))
            >>> bands.order.tolist(), bands.band[bands.order].tolist()
            ([3, 5, 2, 4, 0, 1], [0, 0, 0, 0, 0, 1])
        """
        order = rng.permutation(len(counts))
        before = np.cumsum(counts[order]) - counts[order]
        place, band = np.empty(len(order), dtype=np.int32), np.empty(len(order), dtype=np.uint16)
        place[order] = np.arange(len(order))
        band[order] = np.minimum(before * n_bands // max(int(counts.sum()), 1), n_bands - 1)
        return cls(order, place, band)


@dataclass(frozen=True, eq=False)
class BlockGrid:
    """The ratings of a log, block after block; within a block, sorted by user in their shuffled order.

    Attributes:
        users, items: the bands. ``rows`` contains the positions of users and items in their shuffled order.
        rows: all ratings; the values minus ``mean``, divided by ``spread``; both are by weights, if there are some.
        ends: int64 ``[side² + 1]``, the first row of each block, and the end of the last one.
        side: number of bands of users, and of items.
        mean: mean of the values.
        spread: their standard deviation; 1 if they are all the same.
    """

    users: Bands
    items: Bands
    rows: RatingRows
    ends: NDArray[np.int64]
    side: int
    mean: float
    spread: float

    @classmethod
    def deal(cls, interactions: Interactions, values: NDArray[np.floating[Any]], rng: np.random.Generator) -> Self:
        """Make the grid of a log with the given values."""
        side = _side(interactions)
        users, items = Bands.cut(interactions.user_counts, side, rng), Bands.cut(interactions.item_counts, side, rng)
        by_user = _rows_of_users(interactions, users.order)
        block = users.band[interactions.users] * np.uint16(side) + items.band[interactions.items]
        order = by_user[np.argsort(block[by_user], kind="stable")]  # 16-bit keys, so NumPy uses a fast radix sort
        values = values.astype(np.float64)
        weights = interactions.weights
        mean = weighted_mean(values, interactions)
        spread = float(values.std()) if weights is None else weighted_mean((values - mean) ** 2, interactions) ** 0.5
        spread = spread or 1.0
        rows = RatingRows(
            users.place[interactions.users[order]],
            items.place[interactions.items[order]],
            ((values - mean) / spread).astype(np.float32)[order],
            np.zeros(0, dtype=np.float32) if weights is None else weights[order],
        )
        ends = np.concatenate([[0], np.cumsum(np.bincount(block, minlength=side * side))])
        return cls(users, items, rows, ends, side, mean, spread)

    def rounds(self, rng: np.random.Generator) -> Iterator[list[RatingRows]]:
        """All blocks once, in groups of blocks without common users and items, in random order."""
        down, across = rng.permutation(self.side), rng.permutation(self.side)
        for shift in range(self.side):
            yield [self.block(i, j) for i, j in zip(down, np.roll(across, shift), strict=True)]

    def block(self, i: int, j: int) -> RatingRows:
        """The ratings of the i-th band of users on the j-th band of items."""
        number = i * self.side + j
        part = slice(self.ends[number], self.ends[number + 1])
        rows = self.rows
        return RatingRows(rows.users[part], rows.items[part], rows.values[part], rows.weights[part])


def _side(interactions: Interactions) -> int:
    """The number of bands: a power of two, so that two, four or eight threads get equal shares."""
    wanted = min(isqrt(len(interactions) // _BLOCK), interactions.n_users, interactions.n_items, _MOST_BANDS)
    return 1 << max(wanted, 1).bit_length() - 1


def _rows_of_users(interactions: Interactions, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of the log, int64 ``[nnz]``, sorted by the order of their users in ``order``."""
    counts, starts = (
        interactions.user_counts[order],
        (np.cumsum(interactions.user_counts) - interactions.user_counts)[order],
    )
    return np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(len(interactions))
