"""One epoch of each algorithm of :mod:`fillrank.lab.functions`: the factors come in and are changed in place.

The element-wise epoch stands here twice. :func:`plain_sweep` is the loop as one would write it on a blackboard;
:func:`compiled_sweep` is the same loop through numba. Both do the same additions and multiplications in the same order,
and no compiler option lets numba reorder or fuse them, so their results agree to the last bit.
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
    """Row by row, cell by cell: what a cell's error teaches is used before the next cell is looked at.

    V learns from the row of U that has *just been moved*, by the same error. The product of two rows is summed from
    left to right, which a library's dot product need not do.
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
    """All cells at once: U moves by the sum of what each cell asks for, then V does.

    V sees the U that has just been moved, but still the *error from before* that move.
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
            for k in range(rank):  # each k by itself, so moving V within the loop is the order of the plain one
                U[r, k] += step * V[c, k]
                V[c, k] += step * U[r, k]
