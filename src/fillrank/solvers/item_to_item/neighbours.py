"""Weights between items out of their neighbours: by similarity, or by where a random walk leads.

Shapes: ``m`` users, ``n`` items; X ``[m, n]`` holds ones where a user has met an item.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fillrank.factors.neighbours import Similarity, most_alike, nearest

__all__ = ["item_neighbours", "random_walk"]

Csr: TypeAlias = "sp.csr_array[Any]"


def item_neighbours(
    matrix: Csr, k: int, similarity: Similarity, *, averaged: bool = False
) -> tuple[Csr, NDArray[np.float32] | None]:
    """Each item's ``k`` nearest: row j of the result is what having met item j adds to the items that it is near to.

    Args:
        matrix: X.
        k: neighbours of each item.
        similarity: of two items, of whom they were met by.
        averaged: divide an item's weights by their sum, and take the share of users that met each item for the average:
            the score is ``a_i + Σ_j w_ji (x_uj - a_j)``. Otherwise the similarities are added up.

    Returns:
        float32 ``[n, n]``, and the items' biases ``[n]`` where ``averaged``.

    Example:
        >>> X = sp.csr_array(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]]))
        >>> item_neighbours(X, 1, Similarity())[0].toarray().round(2).tolist()
        [[0.0, 1.0, 0.5], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    by_item = matrix.T.tocsr()
    near = nearest(by_item, by_item, similarity, k, others=True)
    if not averaged:
        return near.T.tocsr(), None
    sums = np.asarray(near.sum(axis=1), dtype=np.float64).ravel()
    near = sp.csr_array(
        (near.data / np.repeat(sums, np.diff(near.indptr)), near.indices, near.indptr), shape=near.shape
    )
    average = np.asarray(by_item.sum(axis=1), dtype=np.float64).ravel() / max(matrix.shape[0], 1)
    bias = average - near @ average
    return near.T.tocsr().astype(np.float32), bias.astype(np.float32)


def random_walk(matrix: Csr, k: int, *, alpha: float = 1.0, beta: float = 0.5) -> Csr:
    """RP3β: ``W_ji = Σ_u (x_uj / n_j)^α (x_ui / n_u)^α / n_i^β``, the ``k`` largest for each j (Paudel et al. 2017).

    A walk from an item to one of its users and on to one of their items ends at i by these odds (α = 1), which are then
    lowered for the popular. P3α is β = 0.

    Args:
        matrix: X.
        k: items kept that a walk from each item leads to.
        alpha: sharpens the odds (above 1) or evens them out.
        beta: how strongly popular items are held back.

    Example:
        >>> X = sp.csr_array(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]]))
        >>> random_walk(X, 2, beta=0.0).toarray().astype(float).round(2).tolist()
        [[0.0, 0.42, 0.17], [0.42, 0.0, 0.17], [0.17, 0.17, 0.0]]
    """
    by_item = matrix.T.tocsr()
    of_users, of_items = np.diff(matrix.indptr).astype(np.float64), np.diff(by_item.indptr).astype(np.float64)
    to_user = np.repeat(np.maximum(of_items, 1) ** -alpha, np.diff(by_item.indptr))
    to_item = (np.maximum(of_users, 1) ** -alpha)[by_item.indices]
    there, back = (
        sp.csr_array((odds, by_item.indices, by_item.indptr), shape=by_item.shape) for odds in (to_user, to_item)
    )
    nothing, ones = np.zeros(len(of_items)), np.ones(len(of_items))
    held_back = np.maximum(of_items, 1) ** beta
    return most_alike(there, back, (nothing, nothing, ones, held_back, 0.0), k, others=True)
