"""Rows that count, and sums and means by their weights, for the solvers of ratings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fillrank.data import Interactions

__all__ = ["counting", "weighted_counts", "weighted_mean"]


def counting(interactions: Interactions) -> Interactions:
    """The rows of a weight above 0; weights that are all 1 are left out, so that no bit differs.

    Example:
        >>> log = Interactions.from_arrays([1, 1, 2], [1, 2, 2], weights=[1, 0, 1])
        >>> len(counting(log)), counting(log).weights is None
        (2, True)
    """
    counted = interactions.counted()
    alike = counted.weights is not None and bool((counted.weights == 1).all())
    return counted.without_weights() if alike else counted


def weighted_mean(values: NDArray[np.floating[Any]], interactions: Interactions) -> float:
    """The mean of ``values [nnz]``, by the weights of the rows if they have some."""
    return float(np.average(values, weights=interactions.weights))


def weighted_counts(interactions: Interactions) -> tuple[NDArray[Any], NDArray[Any]]:
    """``([n_users], [n_items])``: the number of rows of each, or the sum of their weights."""
    weights = interactions.weights
    if weights is None:
        return interactions.user_counts, interactions.item_counts
    return (
        np.bincount(interactions.users, weights, interactions.n_users),
        np.bincount(interactions.items, weights, interactions.n_items),
    )
