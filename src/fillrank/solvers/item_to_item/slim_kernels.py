"""The compiled pass of :mod:`fillrank.solvers.item_to_item.slim`: coordinate descent, item by item.

Each item is a problem of its own that one thread solves from zero, so the result does not depend on their number.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fillrank.runtime.threads import share_out

__all__ = ["descend"]

_TASKS = 256


@njit(nogil=True)
def _pass(gram: Any, item: int, penalties: tuple[float, float], own: Any, weights: Any, pull: Any) -> float:
    """One pass over the weights of an item's candidates; the largest step."""
    indptr, columns, both = gram
    ridge, lasso = penalties
    largest = 0.0
    for at in range(indptr[item], indptr[item + 1]):  # only items met together with this one can have a weight above 0
        j = columns[at]
        if j == item:
            continue
        fresh = max((pull[j] + own[j] * weights[j] - lasso) / (own[j] + ridge), 0.0)
        step = fresh - weights[j]
        if step != 0.0:
            weights[j] = fresh
            for near in range(indptr[j], indptr[j + 1]):
                pull[columns[near]] -= step * both[near]
            largest = max(largest, abs(step))
    return largest


@njit(nogil=True)
def _keep(candidates: Any, weights: Any, sources: Any, best: Any) -> int:
    """Take the largest weights into a falling list, and set all to 0; how many were taken."""
    found, k = 0, len(best)
    for j in candidates:
        single = float(np.float32(weights[j]))
        weights[j] = 0.0
        if single > 0 and (found < k or single > best[k - 1]):
            place = min(found, k - 1)
            while place > 0 and best[place - 1] < single:
                best[place], sources[place] = best[place - 1], sources[place - 1]
                place -= 1
            best[place], sources[place] = single, j
            found = min(found + 1, k)
    return found


@njit(nogil=True)
def _items(
    gram: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    own: NDArray[np.float64],
    penalties: tuple[float, float],
    limits: tuple[int, float],
    out: tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]],
    stretch: tuple[int, int],
) -> None:
    """Solve for some items, given the diagonal; other arguments as in :func:`descend`."""
    indptr, columns, both = gram
    passes, tolerance = limits
    sources, best, counts = out
    n = len(indptr) - 1
    weights, pull = np.zeros(n), np.zeros(n)  # and what is left over of each product with the item
    for item in range(stretch[0], stretch[1]):
        first, last = indptr[item], indptr[item + 1]
        pull[:] = 0.0
        for at in range(first, last):
            pull[columns[at]] = both[at]
        for _ in range(passes):
            if _pass(gram, item, penalties, own, weights, pull) <= tolerance:
                break
        counts[item] = _keep(columns[first:last], weights, sources[item], best[item])


def descend(
    gram: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    own: NDArray[np.float64],
    penalties: tuple[float, float],
    limits: tuple[int, float],
    k: int,
    n_threads: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]]:
    """Of each item, the ``k`` largest weights of other items, none below 0.

    Args:
        gram: ``XᵀX`` as the arrays of a CSR matrix, columns sorted.
        own: its diagonal, ``[n]``.
        penalties: of the squares and of the sizes.
        limits: passes over an item's candidates at most, and the step below which a pass is the last.
        k: kept of each item.
        n_threads: that share the items out.

    Returns:
        Sources int32 ``[n, k]``, their weights float32 ``[n, k]``, the largest first, and how many of each there are.
    """
    n = len(gram[0]) - 1
    out = (np.zeros((n, k), np.int32), np.zeros((n, k), np.float32), np.zeros(n, np.int64))
    bounds = np.unique(np.linspace(0, n, min(_TASKS, n) + 1).astype(np.int64)).tolist()
    share_out(lambda ends: _items(gram, own, penalties, limits, out, ends), pairwise(bounds), n_threads)
    return out
