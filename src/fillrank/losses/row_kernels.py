"""Compiled closed forms of softmax and margin losses on a CPU: each row is read and written once, in the L1 cache.

With tensor operations, such a closed form passes over the whole block of scores six to ten times, and waits for memory
each time. Here a row is read once, changed in place, and written once. The exponential splits its argument into an
integer power of two and a rest, and uses a polynomial of degree 6 for the rest (the method of Cephes' ``expf``),
because the compiler cannot vectorise a loop that calls the system's function. Its relative error is below 2e-7. Below
-87 it is 0, which also avoids slow subnormal numbers in later products.

The kernels release the interpreter's lock; the rows are divided among as many threads as PyTorch uses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from fillrank.runtime.threads import available_threads, share_out

__all__ = ["margin_rows", "softmax_rows"]

_REORDER = {"reassoc", "contract", "nsz", "arcp"}  # allows vector sums; NaN and infinity are still handled correctly
_ROWS_A_THREAD = 256  # with fewer rows, another thread is not worth its cost
_ONE, _HALF, _LOWEST = np.float32(1), np.float32(0.5), np.float32(-87)
_LOG2_E, _LN2_HIGH, _LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
_P0, _P1, _P2 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
_P3, _P4, _P5 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
_BIAS, _MANTISSA = np.int32(127), np.int32(23)
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


def softmax_rows(
    scores: Tensor, temperature: float, mask: Tensor | None, log_q: Tensor | None, first: Tensor | None, scale: float
) -> tuple[Tensor, Tensor]:
    """``scores ← scale · exp(l - top) / total`` with the logits ``l = scores/temperature - log_q``, in place.

    Args:
        scores: float32 ``[B, N]`` on a CPU, rows side by side.
        temperature: see above.
        mask: bool ``[B, N]``, True for a weight of 0; or None.
        log_q: float32 ``[N]`` or ``[B, N]``, or None.
        first: float32 ``[B]``, one more logit of each row, which is included in top and total; or None.
        scale: see above.

    Returns:
        ``(top [B], total [B])``: the largest logit, and the sum of ``exp(l - top)``. A row that is masked completely
            has minus infinity, 0, and weights of 0. If a row contains NaN, its total is NaN.
    """
    n_rows, n = scores.shape
    top, total = torch.empty(n_rows), torch.empty(n_rows)
    first = torch.full((n_rows,), -torch.inf) if first is None else first
    shift = torch.zeros(n) if log_q is None else log_q
    shift = shift.expand(n_rows, n) if shift.dim() == 1 else shift.contiguous()
    block, hidden, rate, share = scores.numpy(), _flags(mask), np.float32(1 / temperature), np.float32(scale)
    parts = top.numpy(), total.numpy(), first.detach().contiguous().numpy(), shift.numpy()

    def part(rows: slice) -> None:
        tops, totals, firsts, shifts = (each[rows] for each in parts)
        _softmax(block[rows], hidden[rows], shifts, firsts, rate, share, tops, totals)

    _deal(part, n_rows)
    return top, total


def margin_rows(scores: Tensor, mask: Tensor | None, margins: NDArray[Any], slopes: NDArray[Any]) -> Tensor:
    """``scores ← Σ_k slope_k · [score > margin_k]`` in place; returns ``Σ_j Σ_k slope_k · max(0, score_j - margin_k)``.

    Args:
        scores: float32 ``[B, N]`` on a CPU, rows side by side.
        mask: bool ``[B, N]``, True for a score that does not count; or None.
        margins, slopes: ``[K]``.

    Returns:
        float32 ``[B]``.
    """
    cost = torch.empty(len(scores))
    block, hidden, costs = scores.numpy(), _flags(mask), cost.numpy()
    at, by = margins.astype(np.float32), slopes.astype(np.float32)
    _deal(lambda rows: _margins(block[rows], hidden[rows], at, by, costs[rows]), len(scores))
    return cost


def _flags(mask: Tensor | None) -> Flags:
    """Convert a mask to an array; no mask becomes one without columns."""
    return np.zeros((0, 0), dtype=np.bool_) if mask is None else mask.contiguous().numpy()


def _deal(part: Callable[[slice], None], n_rows: int) -> None:
    n_threads = min(available_threads(), max(1, n_rows // _ROWS_A_THREAD))
    if n_threads == 1:
        return part(slice(0, n_rows))
    step = -(-n_rows // n_threads)
    share_out(part, [slice(start, start + step) for start in range(0, n_rows, step)], n_threads)
    return None


@njit(inline="always")
def _exp(x: np.float32) -> np.float32:
    """The exponential of a number of 0 or less."""
    held = _LOWEST if x < _LOWEST else x  # noqa: FURB136 -- max(x, lowest) would hide NaN
    whole = np.floor(held * _LOG2_E + _HALF)
    rest = held - whole * _LN2_HIGH - whole * _LN2_LOW
    power = ((((_P0 * rest + _P1) * rest + _P2) * rest + _P3) * rest + _P4) * rest + _P5
    power = power * rest * rest + rest + _ONE
    scale = np.int32((np.int32(whole) + _BIAS) << _MANTISSA).view(np.float32)
    return np.float32(0) if x <= _LOWEST else power * scale


@njit(nogil=True, fastmath=_REORDER, error_model="numpy")
def _softmax(
    scores: Floats, mask: Flags, shift: Floats, first: Floats, rate: Any, scale: Any, top: Floats, total: Floats
) -> None:
    lowest = np.float32(-np.inf)
    for b in range(len(scores)):
        row, less = scores[b], shift[b]
        for j in range(len(row)):
            row[j] = row[j] * rate - less[j]
        if mask.size:
            hidden = mask[b]
            for j in range(len(row)):
                row[j] = lowest if hidden[j] else row[j]
        most = first[b]
        for j in range(len(row)):
            most = max(most, row[j])
        if most == lowest:
            row[:] = 0
            top[b], total[b] = lowest, 0
            continue
        summed = np.float32(0)
        for j in range(len(row)):
            weight = _exp(row[j] - most)
            row[j] = weight
            summed += weight
        summed += np.exp(first[b] - most)
        share = scale / summed
        for j in range(len(row)):
            row[j] *= share
        top[b], total[b] = most, summed


@njit(nogil=True, fastmath=_REORDER, error_model="numpy")
def _margins(scores: Floats, mask: Flags, margins: Floats, slopes: Floats, cost: Floats) -> None:
    slope = np.empty(scores.shape[1], dtype=np.float32)
    for b in range(len(scores)):
        row = scores[b]
        if mask.size:
            hidden = mask[b]
            for j in range(len(row)):
                row[j] = np.float32(-np.inf) if hidden[j] else row[j]
        slope[:] = 0
        paid = np.float32(0)
        for k in range(len(margins)):
            for j in range(len(row)):
                over = row[j] - margins[k]
                step = np.float32(slopes[k]) if over > 0 else np.float32(0)
                slope[j] += step
                paid += max(over, np.float32(0)) * slopes[k]
        row[:] = slope
        cost[b] = paid
