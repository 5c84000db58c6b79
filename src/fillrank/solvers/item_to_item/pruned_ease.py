"""EASE, EDLAE and RDLAE for catalogues between whose items not all weights fit: each item from those most like it.

Shapes: ``m`` users, ``n`` items; X ``[m, n]`` holds a one where a user has met an item, or how much that counts.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp

from fillrank.arguments import affordable, count
from fillrank.errors import TrainingError
from fillrank.factors.neighbours import Similarity, nearest
from fillrank.runtime.threads import available_threads
from fillrank.solvers.item_to_item.ease import Autoencoder

__all__ = ["pruned_autoencoder"]

Csr: TypeAlias = "sp.csr_array[Any]"


def pruned_autoencoder(matrix: Csr, wanted: Autoencoder, k: int) -> Csr:
    """The weights of :class:`Autoencoder`, of which each item may have ``k``: a sparse approximate inverse.

    For item i let S be i itself and the k items with the largest cosine to it. Of the weights that are zero outside S,
    those that minimise the same objective are ``W_ji = -C_ji · s_i`` with ``C = (XᵀX + Γ)_SS⁻¹``, of which only column
    i is solved for. With S the whole catalogue that is the exact solution. (Steck 2019 and SANSA, Spišák et al. 2023,
    prune the inverse as a whole; here each column is the best one that its pattern allows.)

    In memory are X, the ``n·k`` weights and, for each thread, ``8(k+1)²`` bytes; neither ``XᵀX`` nor its inverse.
    ``n·k³/3`` multiplications, and as many additions as S and the users who met it have pairs.

    Args:
        matrix: X.
        wanted: which autoencoder.
        k: weights of each item; fewer where it has been met together with fewer.

    Returns:
        float32 ``[n, n]``; row j is what having met item j adds to each score.

    Raises:
        SettingsError: ``k`` is out of range, or the weights do not fit into memory.
        TrainingError: a block cannot be inverted.

    Example:
        >>> X = sp.csr_array(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]]))
        >>> pruned_autoencoder(X, Autoencoder(1.0), 2).toarray().astype(float).round(2).tolist()
        [[0.0, 0.62, 0.2], [0.62, 0.0, 0.2], [0.12, 0.12, 0.0]]
        >>> pruned_autoencoder(X, Autoencoder(1.0), 1).nnz
        3
    """
    from fillrank.solvers.item_to_item.pruned_kernels import solve_columns

    n = int(matrix.shape[1])
    k = min(count("k", k, most=100_000), max(n - 1, 1))
    affordable(8.0 * available_threads() * (k + 1.0) ** 2 + 12.0 * n * k, f"{k:,} weights of each of {n:,} items")
    by_item = matrix.T.tocsr()
    near = nearest(by_item, by_item, Similarity("cosine"), k, others=True)
    sides = [
        (side.indptr.astype(np.int64), side.indices.astype(np.int32), side.data.astype(np.float64))
        for side in (by_item, matrix)
    ]
    squares = np.bincount(matrix.indices, np.square(matrix.data, dtype=np.float64), n).astype(np.float64)
    ridge = wanted.regularization + wanted.dropout / (1 - wanted.dropout) * squares
    support = (near.indptr.astype(np.int64), near.indices.astype(np.int32))
    weights, own = solve_columns(sides[0], sides[1], support, ridge, available_threads())
    if not np.isfinite(own).all() or (own <= 0).any():
        raise TrainingError("a block between items cannot be inverted; raise the regularization")
    held_back = 1 - ridge * own > wanted.max_diagonal
    scale = np.where(held_back, (1 - wanted.max_diagonal) / own, ridge)
    weights *= -np.repeat(scale, np.diff(near.indptr))
    of_target = sp.csr_array((weights.astype(np.float32), near.indices, near.indptr), shape=(n, n))
    return of_target.T.tocsr().sorted_indices()
