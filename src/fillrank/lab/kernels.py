"""One epoch of each algorithm of :mod:`fillrank.lab.functions`; the factors are changed in place.

The epoch over single cells is written twice. :func:`plain_sweep` is the loop as on a blackboard; :func:`compiled_sweep`
is the same loop compiled by numba. Both do the same additions and multiplications in the same order, and numba is not
allowed to reorder or fuse them, so their results agree to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from numba import njit
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Epoch", "batch_step", "compiled_sweep", "plain_sweep"]

Epoch: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor, float], None]
"""``(A [m, n], M [m, n], U [m, rank], V [n, rank], lr)``: one pass over the matrix that moves U and V."""


def plain_sweep(A: Tensor, M: Tensor, U: Tensor, V: Tensor, lr: float) -> None:
    """Go through the cells row by row, and update both factors after each cell.

    V is updated with the row of U that has *just been changed*, and with the same error. The product of two rows is
    summed from left to right, which a library's dot product may not do.
    """
    m, n = A.shape
    for r in range(m):
        for c in range(n):
            if M[r, c]:
                e = A[r, c] - sum(U[r] * V[c])
                U[r] += lr * e * V[c]
                V[c] += lr * e * U[r]


def compiled_sweep(A: Tensor, M: Tensor, U: Tensor, V: Tensor, lr: float) -> None:
    """:func:`plain_sweep`, compiled when first needed for a dtype. The tensors are contiguous and on the CPU."""
    factors = U.numpy()
    _sweep(A.numpy(), M.numpy(), factors, V.numpy(), factors.dtype.type(lr))


def batch_step(A: Tensor, M: Tensor, U: Tensor, V: Tensor, lr: float) -> None:
    """Update U by the summed gradient over all cells, then V.

    V is updated with the U that has just been changed, but with the *error from before* that change.
    """
    step = A - U @ V.T
    step *= M
    step *= lr
    U += step @ V
    V += step.T @ U


@njit(nogil=True)
def _sweep(A: NDArray[Any], M: NDArray[Any], U: NDArray[Any], V: NDArray[Any], lr: Any) -> None:
    rank = U.shape[1]
    for r in range(A.shape[0]):
        for c in range(A.shape[1]):
            if not M[r, c]:
                continue
            product = U[r, 0] * V[c, 0]
            for k in range(1, rank):
                product += U[r, k] * V[c, k]
            step = lr * (A[r, c] - product)
            for k in range(rank):  # entries k do not depend on each other, so this equals the plain version
                U[r, k] += step * V[c, k]
                V[c, k] += step * U[r, k]
