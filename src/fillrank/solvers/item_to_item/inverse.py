"""The inverse of a large symmetric matrix in its own place, the same bits whatever the number of threads."""

from __future__ import annotations

import torch
from torch import Tensor

from fillrank.errors import TrainingError
from fillrank.runtime.threads import Threads, one_thread

__all__ = ["invert_in_place"]

_BLOCK = 512  # rows that are eliminated at a time; 256 and 1,024 take longer


def invert_in_place(matrix: Tensor) -> None:
    """``matrix = matrix⁻¹``, for a symmetric positive definite float32 matrix ``[n, n]``; ``n³`` multiplications.

    By Gauss-Jordan elimination, some rows at a time: with K these rows and R all others, ``A_RR -= A_RK A_KK⁻¹ A_KR``,
    ``A_RK = A_RK A_KK⁻¹`` and ``A_KK = -A_KK⁻¹``; when each block has had its turn, A is minus its inverse. Beside the
    matrix itself, two strips of it are in memory. Only the lower triangle is read and worked on. The work is cut by the
    blocks and not by the threads, so that each sum is added up in one order. The blocks' own inverses are float64.

    Raises:
        TrainingError: the matrix is not positive definite, to rounding.

    Example:
        >>> matrix = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
        >>> invert_in_place(matrix)
        >>> (3 * matrix).round().tolist()
        [[2.0, -1.0], [-1.0, 2.0]]
    """
    n, threads = len(matrix), Threads()
    for start in range(0, n, _BLOCK):
        _eliminate(matrix, start, min(start + _BLOCK, n), threads)
    matrix.neg_()
    for first, last in _stripes(0, n):  # what is above the diagonal has not been worked on
        matrix[:first, first:last] = matrix[first:last, :first].T
        own = matrix[first:last, first:last]
        own.copy_(own.tril() + own.tril(-1).T)


def _eliminate(matrix: Tensor, start: int, stop: int, threads: Threads) -> None:
    """One block's turn, on the lower triangle."""
    inverse = _inverse(matrix[start:stop, start:stop])
    others = torch.cat([matrix[start:stop, :start].T, matrix[stop:, start:stop]])
    scaled = torch.empty_like(others)
    stripes = _stripes(0, start) + _stripes(start, len(others))

    def part(_: int, which: slice) -> None:
        for first, last in stripes[which]:
            torch.mm(others[first:last], inverse, out=scaled[first:last])
            moved = 0 if last <= start else stop - start  # rows behind the block stand that much further down
            for left, right in ((0, min(last, start)), (start, last)):
                if left < right:
                    further = 0 if right <= start else stop - start
                    target = matrix[first + moved : last + moved, left + further : right + further]
                    target.addmm_(scaled[first:last], others[left:right].T, alpha=-1)

    threads.map(part, len(stripes), max(len(stripes), 1))
    matrix[start:stop, :start] = scaled[:start].T
    matrix[stop:, start:stop] = scaled[start:]
    matrix[start:stop, start:stop] = -inverse


def _inverse(block: Tensor) -> Tensor:
    """Of one block, whose lower triangle counts."""
    lower = block.double().tril()
    with one_thread():
        factor, failed = torch.linalg.cholesky_ex(lower + lower.tril(-1).T)
        if failed:
            raise TrainingError("the matrix between items cannot be inverted; raise the regularization")
        return torch.cholesky_inverse(factor).to(block)


def _stripes(first: int, last: int) -> list[tuple[int, int]]:
    return [(start, min(start + _BLOCK, last)) for start in range(first, last, _BLOCK)]
