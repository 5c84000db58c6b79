"""The compiled pass of :mod:`fillrank.factors.neighbours`: products of sparse rows, of which only the best are kept.

A row's products with all others are added up in one array of the other side's length, by way of the lists of who else
has each of its features; nothing of the size rows × others is ever there. The best are kept in a heap: lists of
hundreds would cost more to keep in order than the products. Rows are independent, so the result does not
depend on the number of threads.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fillrank.runtime.threads import share_out

__all__ = ["best_products"]

_TASKS = 256  # stretches of rows that are dealt out to the threads


@njit(nogil=True)
def _is_worse(value: float, place: int, than: float, than_place: int) -> bool:
    """Of equal values, the higher place is the worse one."""
    return value < than or (value == than and place > than_place)


@njit(nogil=True)
def _push(best: NDArray[np.float32], places: NDArray[np.int32], found: int, value: float, place: int) -> None:
    """Add one to a heap of ``found`` whose root is the worst one."""
    at = found
    while at > 0:
        above = (at - 1) // 2
        if not _is_worse(value, place, best[above], places[above]):
            break
        best[at], places[at] = best[above], places[above]
        at = above
    best[at], places[at] = value, place


@njit(nogil=True)
def _replace_worst(best: NDArray[np.float32], places: NDArray[np.int32], value: float, place: int) -> None:
    """Put one in the place of the root of a full heap."""
    at, n = 0, len(best)
    while True:
        below = 2 * at + 1
        if below >= n:
            break
        if below + 1 < n and _is_worse(best[below + 1], places[below + 1], best[below], places[below]):
            below += 1
        if not _is_worse(best[below], places[below], value, place):
            break
        best[at], places[at] = best[below], places[below]
        at = below
    best[at], places[at] = value, place


@njit(nogil=True)
def _rows(
    one: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    by_feature: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    scaling: tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], float],
    others: bool,
    out: tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]],
    stretch: tuple[int, int],
) -> None:
    """Fill the lists of some rows; arguments as in :func:`best_products`."""
    indptr, features, amounts = one
    starts, who, weights = by_feature
    expected, expected_of_others, length, length_of_others, shrinkage = scaling
    places, best, counts = out
    k = best.shape[1]
    sums = np.zeros(len(length_of_others), dtype=np.float64)
    met = np.zeros(len(length_of_others), dtype=np.bool_)
    touched = np.empty(len(length_of_others), dtype=np.int32)
    for row in range(stretch[0], stretch[1]):
        n = 0
        for cell in range(indptr[row], indptr[row + 1]):
            feature, amount = features[cell], np.float64(amounts[cell])
            for at in range(starts[feature], starts[feature + 1]):
                other = who[at]
                if not met[other]:
                    met[other] = True
                    touched[n] = other
                    n += 1
                sums[other] += amount * weights[at]
        found = 0
        for t in range(n):
            other = touched[t]
            value = (sums[other] - expected[row] * expected_of_others[other]) / (
                length[row] * length_of_others[other] + shrinkage
            )
            sums[other], met[other] = 0.0, False
            single = float(np.float32(value))
            if not single > 0 or (others and other == row):
                continue
            if found < k:
                _push(best[row], places[row], found, single, other)
                found += 1
            elif _is_worse(best[row, 0], places[row, 0], single, other):
                _replace_worst(best[row], places[row], single, other)
        counts[row] = found


def best_products(
    one: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    by_feature: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    scaling: tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], float],
    k: int,
    n_threads: int,
    *,
    others: bool,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]]:
    """Of each row, the ``k`` largest of ``(<a, b> - p_a·p_b) / (l_a·l_b + s)`` that are above 0.

    Args:
        one: the rows, as the arrays of a CSR matrix ``[n_rows, n_features]``.
        by_feature: the other side's, as those of a CSR matrix ``[n_features, n_others]``.
        scaling: p and p of the others, l and l of the others, and s: float64.
        k: of each row.
        n_threads: that share the rows out.
        others: a row is not compared with the one at its own place.

    Returns:
        Places of others int32 ``[n_rows, k]``, the values float32 ``[n_rows, k]``, and how many of each row there are.
    """
    n_rows = len(one[0]) - 1
    out = (np.zeros((n_rows, k), np.int32), np.zeros((n_rows, k), np.float32), np.zeros(n_rows, np.int64))
    bounds = np.unique(np.linspace(0, n_rows, min(_TASKS, n_rows) + 1).astype(np.int64)).tolist()
    share_out(lambda ends: _rows(one, by_feature, scaling, others, out, ends), pairwise(bounds), n_threads)
    return out
