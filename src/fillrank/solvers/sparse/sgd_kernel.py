"""A pass of stochastic gradient descent over a block of ratings: compiled, and the same in plain NumPy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Rates", "RatingRows", "SgdSide", "compiled_sweep", "padded_width", "plain_sweep"]

_LANES = 16  # float32 numbers in the widest vector register (AVX-512), and in a cache line
_REORDER = {"reassoc", "contract", "nsz"}  # lets a sum be taken in vectors; NaN and infinity keep their meaning


class RatingRows(NamedTuple):
    """Some ratings, in the order to take them: int32 ``[n]``, int32 ``[n]``, and float32 ``[n]`` less their mean."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32]


class SgdSide(NamedTuple):
    """What is learnt of the users, or of the items: float32 ``[m, width]`` and ``[m]``, changed in place.

    ``pull``, ``[m]``, is the penalty of each bias in the step of one rating.
    """

    vectors: NDArray[np.float32]
    bias: NDArray[np.float32]
    pull: NDArray[np.float32]


class Rates(NamedTuple):
    """Step sizes and penalties, all float32: one number of 64 bits would make the compiled sums as wide."""

    vectors: np.float32
    bias: np.float32
    regularization: np.float32


def plain_sweep(rows: RatingRows, users: SgdSide, items: SgdSide, rates: Rates) -> float:
    """Rating by rating, a step down the gradient of half of ``e² + λ(|p|² + |q|²) + λ_u b_u² + λ_i b_i²``.

    ``e = r - b_u - b_i - <p, q>``, with the values of before the step on every right-hand side. Both sides change in
    place; what is given is the sum of the squared errors that were met.
    """
    total = 0.0
    for u, i, value in zip(*rows, strict=True):
        p, q = users.vectors[u].copy(), items.vectors[i].copy()
        error = value - users.bias[u] - items.bias[i] - p @ q
        users.bias[u] += rates.bias * (error - users.pull[u] * users.bias[u])
        items.bias[i] += rates.bias * (error - items.pull[i] * items.bias[i])
        users.vectors[u] += rates.vectors * (error * q - rates.regularization * p)
        items.vectors[i] += rates.vectors * (error * p - rates.regularization * q)
        total += float(error) ** 2
    return total


def padded_width(dim: int) -> int:
    """The numbers of a row in memory: ``dim`` filled up to whole vector registers with zeros, which stay zeros.

    >>> padded_width(1), padded_width(64), padded_width(65)
    (16, 64, 80)
    """
    return -(-dim // _LANES) * _LANES


@njit(nogil=True, fastmath=_REORDER)
def compiled_sweep(rows: RatingRows, users: SgdSide, items: SgdSide, rates: Rates) -> float:
    """:func:`plain_sweep`, compiled: both loops over a vector become vector instructions.

    A product may be summed in another order than in the plain one; it is the same order on every run.
    """
    P, Q, user_bias, item_bias = users.vectors, items.vectors, users.bias, items.bias
    shrink = np.float32(1.0) - rates.vectors * rates.regularization
    one = np.float32(1.0)
    total = 0.0
    for row in range(len(rows.values)):
        u, i = rows.users[row], rows.items[row]
        product = np.float32(0.0)
        for k in range(P.shape[1]):  # a constant here would be unrolled number by number, before it can become vectors
            product += P[u, k] * Q[i, k]
        error = rows.values[row] - user_bias[u] - item_bias[i] - product
        user_bias[u] = (one - rates.bias * users.pull[u]) * user_bias[u] + rates.bias * error
        item_bias[i] = (one - rates.bias * items.pull[i]) * item_bias[i] + rates.bias * error
        step = rates.vectors * error
        for k in range(P.shape[1]):
            p, q = P[u, k], Q[i, k]
            P[u, k] = shrink * p + step * q
            Q[i, k] = shrink * q + step * p
        total += error * error
    return float(total)
