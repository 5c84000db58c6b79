"""One pass of stochastic gradient descent over a block of ratings: compiled, and in plain NumPy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Rates", "RatingRows", "SgdSide", "compiled_sweep", "padded_width", "plain_sweep"]

_LANES = 16  # number of float32 in the widest vector register (AVX-512) and in a cache line
_REORDER = {"reassoc", "contract", "nsz"}  # allows vector sums; NaN and infinity are still handled correctly


class RatingRows(NamedTuple):
    """Ratings in the order of the pass: users int32 ``[n]``, items int32 ``[n]``, centred values float32 ``[n]``.

    ``weights``, float32 ``[n]``, or ``[0]`` where all are 1.
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32]
    weights: NDArray[np.float32]


class SgdSide(NamedTuple):
    """Vectors and biases of the users (or items): float32 ``[m, width]`` and ``[m]``, changed in place.

    ``pull``, ``[m]``, is the penalty of each bias in the step of one rating.
    """

    vectors: NDArray[np.float32]
    bias: NDArray[np.float32]
    pull: NDArray[np.float32]


class Rates(NamedTuple):
    """Step sizes and penalties, all float32, because a single float64 would make the compiled sums float64."""

    vectors: np.float32
    bias: np.float32
    regularization: np.float32


def plain_sweep(rows: RatingRows, users: SgdSide, items: SgdSide, rates: Rates) -> float:
    """For each rating, one step along the negative gradient of half of ``e² + λ(|p|² + |q|²) + λ_u b_u² + λ_i b_i²``.

    ``e = r - b_u - b_i - <p, q>``; all right-hand sides use the values before the step. Both sides are changed in
    place. A rating of weight w takes steps w times as long. Returns the sum of the squared errors before each step,
    each times its weight.
    """
    total, plain = 0.0, rates
    weights = rows.weights if len(rows.weights) else np.ones_like(rows.values)
    for u, i, value, weight in zip(*rows[:3], weights, strict=True):
        rates = Rates(plain.vectors * weight, plain.bias * weight, plain.regularization)
        p, q = users.vectors[u].copy(), items.vectors[i].copy()
        error = value - users.bias[u] - items.bias[i] - p @ q
        users.bias[u] += rates.bias * (error - users.pull[u] * users.bias[u])
        items.bias[i] += rates.bias * (error - items.pull[i] * items.bias[i])
        users.vectors[u] += rates.vectors * (error * q - rates.regularization * p)
        items.vectors[i] += rates.vectors * (error * p - rates.regularization * q)
        total += weight * float(error) ** 2
    return total


def padded_width(dim: int) -> int:
    """The width of a row in memory: ``dim`` rounded up to whole vector registers; the padding is always zero.

    >>> padded_width(1), padded_width(64), padded_width(65)
    (16, 64, 80)
    """
    return -(-dim // _LANES) * _LANES


@njit(nogil=True, fastmath=_REORDER)
def compiled_sweep(rows: RatingRows, users: SgdSide, items: SgdSide, rates: Rates) -> float:
    """:func:`plain_sweep`, compiled: both loops over a vector use vector instructions.

    A product may be summed in another order than in the plain version, but in the same order on every run.
    """
    P, Q, user_bias, item_bias = users.vectors, items.vectors, users.bias, items.bias
    shrink = np.float32(1.0) - rates.vectors * rates.regularization
    one = np.float32(1.0)
    total = 0.0
    if len(rows.weights):
        return _weighted_sweep(rows, users, items, rates)
    for row in range(len(rows.values)):
        u, i = rows.users[row], rows.items[row]
        product = np.float32(0.0)
        for k in range(P.shape[1]):  # not a constant: the compiler would unroll the loop before it could vectorise it
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


@njit(nogil=True, fastmath=_REORDER)
def _weighted_sweep(rows: RatingRows, users: SgdSide, items: SgdSide, rates: Rates) -> float:
    """The same with weights: a loop of its own, so that the usual one, and its bits, stay as they are."""
    P, Q, user_bias, item_bias = users.vectors, items.vectors, users.bias, items.bias
    one = np.float32(1.0)
    total = 0.0
    for row in range(len(rows.values)):
        u, i, weight = rows.users[row], rows.items[row], rows.weights[row]
        product = np.float32(0.0)
        for k in range(P.shape[1]):
            product += P[u, k] * Q[i, k]
        error = rows.values[row] - user_bias[u] - item_bias[i] - product
        of_bias = rates.bias * weight
        user_bias[u] = (one - of_bias * users.pull[u]) * user_bias[u] + of_bias * error
        item_bias[i] = (one - of_bias * items.pull[i]) * item_bias[i] + of_bias * error
        step, shrink = rates.vectors * weight * error, one - rates.vectors * weight * rates.regularization
        for k in range(P.shape[1]):
            p, q = P[u, k], Q[i, k]
            P[u, k] = shrink * p + step * q
            Q[i, k] = shrink * q + step * p
        total += weight * error * error
    return float(total)
