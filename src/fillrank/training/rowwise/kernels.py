"""Compiled kernels of the fast route on rows of tables, for the CPU; each is one pass, without sorting."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["adam_rows", "add_rows", "add_weighed", "number", "own_gradients", "own_scores"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
_REORDER = {"reassoc", "contract", "nsz", "arcp"}


@njit(nogil=True)
def number(ids: Ints, place: NDArray[np.int32], each: Ints, of: Ints) -> int:
    """Number the different ids from 0, in the order of their first occurrence.

    Args:
        ids: ``[n]``, indices into ``place``.
        place: one entry for every possible id, all -1; they are -1 again afterwards.
        each: ``[n]``, written: the different ids.
        of: ``[n]``, written: which of them each id is.

    Returns:
        How many there are.
    """
    found = 0
    for i in range(len(ids)):
        at = place[ids[i]]
        if at < 0:
            at = place[ids[i]] = found
            each[found] = ids[i]
            found += 1
        of[i] = at
    for i in range(found):
        place[each[i]] = -1
    return found


@njit(nogil=True, fastmath=_REORDER, error_model="numpy")
def add_rows(rows: Floats, of: Ints, sums: Floats) -> None:
    """``sums[of[i]] += rows[i]`` for all i, in that order: always the same bits."""
    for i in range(len(of)):
        own, total = rows[i], sums[of[i]]
        for j in range(len(own)):
            total[j] += own[j]


@njit(nogil=True, fastmath=_REORDER, error_model="numpy")
def add_weighed(rows: Floats, source: Ints, target: Ints, weights: Floats, sums: Floats) -> None:
    """``sums[target[h]] += weights[h] · rows[source[h]]`` for all h, in that order: always the same bits."""
    for h in range(len(source)):
        own, total, weight = rows[source[h]], sums[target[h]], weights[h]
        for j in range(len(own)):
            total[j] += weight * own[j]


@njit(nogil=True, fastmath=_REORDER)
def own_scores(anchors: Floats, vectors: Floats, of: Ints, scores: Floats) -> None:
    """``scores[b, j] = <anchors[b], vectors[of[b, j]]>``."""
    for b in range(len(anchors)):
        anchor = anchors[b]
        for j in range(of.shape[1]):
            vector = vectors[of[b, j]]
            total = np.float32(0)
            for i in range(len(anchor)):
                total += anchor[i] * vector[i]
            scores[b, j] = total


@njit(nogil=True, fastmath=_REORDER)
def own_gradients(
    d_scores: Floats, anchors: Floats, vectors: Floats, of: Ints, d_anchors: Floats, d_vectors: Floats
) -> None:
    """The gradient of :func:`own_scores`: adds to ``d_anchors`` and ``d_vectors``; skips scores with gradient 0."""
    for b in range(len(anchors)):
        anchor, d_anchor = anchors[b], d_anchors[b]
        for j in range(of.shape[1]):
            slope = d_scores[b, j]
            if slope == 0:
                continue
            vector, d_vector = vectors[of[b, j]], d_vectors[of[b, j]]
            for i in range(len(anchor)):
                d_anchor[i] += slope * vector[i]
            for i in range(len(anchor)):
                d_vector[i] += slope * anchor[i]


@njit(nogil=True, fastmath=_REORDER, error_model="numpy")
def adam_rows(tables: tuple[Floats, Floats, Floats], rows: Ints, gradient: Floats, numbers: Floats) -> None:
    """``m ← β₁m + (1-β₁)g``, ``v ← β₂v + (1-β₂)g²``, ``x ← x - rate · m / (√v + ε)`` for some rows.

    Args:
        tables: x, m and v.
        rows: which rows of them.
        gradient: of each of those rows.
        numbers: β₁, β₂, rate and ε.
    """
    first, second, rate, eps = numbers
    one = np.float32(1)
    for i in range(len(rows)):
        x, m, v, g = tables[0][rows[i]], tables[1][rows[i]], tables[2][rows[i]], gradient[i]
        for j in range(len(x)):
            m[j] += (one - first) * (g[j] - m[j])
            v[j] = second * v[j] + (one - second) * g[j] * g[j]
            x[j] -= rate * m[j] / (np.sqrt(v[j]) + eps)
