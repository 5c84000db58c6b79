"""The compiled pass of :mod:`fillrank.factors.neighbours`: products of sparse rows, of which only the best are kept.

A row's products with all others are added up in one array of the other side's length, by way of the lists of who else
has each of its features; nothing of the size rows × others is ever there. Rows are independent, so the result does not
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
def _insert(best: NDArray[np.float32], places: NDArray[np.int32], found: int, value: float, place: int) -> None:
    """Put one into a falling list of ``found``; of equal values, the lower place stands first."""
    at = min(found, len(best) - 1)
    while at > 0 and (best[at - 1] < value or (best[at - 1] == value and places[at - 1] > place)):
        best[at], places[at] = best[at - 1], places[at - 1]
        at -= 1
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
            last = best[row, k - 1]
            if found < k or single > last or (single == last and other < places[row, k - 1]):
                _insert(best[row], places[row], found, single, other)
                found = min(found + 1, k)
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
