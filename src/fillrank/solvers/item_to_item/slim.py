"""SLIM: each item from a few others, by an elastic net without negative weights.

Shapes: ``m`` users, ``n`` items; X ``[m, n]`` holds ones where a user has met an item.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp

from fillrank.arguments import affordable, count, shown
from fillrank.errors import SettingsError
from fillrank.runtime.threads import available_threads

__all__ = ["slim"]

Csr: TypeAlias = "sp.csr_array[Any]"


def slim(
    matrix: Csr, regularization: float, *, lasso: float = 0.0, k: int = 100, passes: int = 100, tolerance: float = 1e-4
) -> Csr:
    """Sparse weights W ``[n, n]``, none below 0 and none on the diagonal, so that ``X W`` resembles X.

    Ning & Karypis (2011): column i minimises ``½|x_i - X w|² + ½ λ|w|² + lasso · Σ_j w_j`` under ``w ≥ 0`` and
    ``w_i = 0``, by coordinate descent on ``XᵀX``. The penalties are paid once for an item and not once for a user:
    scikit-learn's ``ElasticNet`` with ``alpha`` and ``l1_ratio`` has ``λ = m · alpha · (1 - l1_ratio)`` and
    ``lasso = m · alpha · l1_ratio``.

    Args:
        matrix: X; stored cells count as ones.
        regularization: λ, above 0.
        lasso: 0 or more: higher leaves fewer weights.
        k: the largest weights that are kept of each item.
        passes: over the items that may have a weight, at most.
        tolerance: a pass in which no weight moves further is the last.

    Returns:
        float32 ``[n, n]``; row j is what having met item j adds to each score.

    Raises:
        SettingsError: a setting is out of range, or ``XᵀX`` does not fit into memory.

    Example:
        >>> X = sp.csr_array(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]]))
        >>> slim(X, 1.0).toarray().astype(float).round(2).tolist()
        [[0.0, 0.63, 0.2], [0.63, 0.0, 0.2], [0.12, 0.12, 0.0]]
    """
    from fillrank.solvers.item_to_item.slim_kernels import descend

    for name, value, least in (("regularization", regularization, "above 0"), ("lasso", lasso, "of 0 or more")):
        if not (0 <= value < np.inf and (value > 0 or name == "lasso")):
            raise SettingsError(f"{name} must be a finite number {least}, got {shown(value)}")
    n = int(matrix.shape[1])
    pairs = float((np.diff(matrix.indptr).astype(np.float64) ** 2).sum())
    affordable(12.0 * min(pairs, float(n) ** 2), f"the pairs of items that {matrix.shape[0]:,} users have met")
    ones = sp.csr_array((np.ones(matrix.nnz, dtype=np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)
    gram = (ones.T.tocsr() @ ones).sorted_indices()
    arrays = (gram.indptr.astype(np.int64), gram.indices.astype(np.int32), gram.data)
    k = min(count("k", k, most=100_000), max(n, 1))
    limits = (count("passes", passes), float(tolerance))
    sources, weights, found = descend(
        arrays,
        gram.diagonal().astype(np.float64),
        (float(regularization), float(lasso)),
        limits,
        k,
        available_threads(),
    )
    kept = np.arange(k) < found[:, None]
    of_target = sp.csr_array((weights[kept], sources[kept], np.concatenate([[0], np.cumsum(found)])), shape=(n, n))
    return of_target.T.tocsr().sorted_indices()
