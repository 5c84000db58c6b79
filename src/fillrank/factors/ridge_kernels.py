"""The compiled row solvers of :mod:`fillrank.factors.ridge`, in single precision.

Rows are divided into *tasks* of about equal work. Their bounds do not depend on the number of threads, and each row is
solved by itself, so the results do not depend on it either. The threads are plain Python threads; the kernels release
the interpreter's lock. Gram matrices and Cholesky factors are computed by SciPy's BLAS and LAPACK, on one thread per
task.

Shapes: ``d`` unknowns of a row, ``h`` known cells of a row.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numba.extending import get_cython_function_address
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from fillrank.runtime.threads import share_out

__all__ = ["Task", "by_blocks", "by_cholesky", "by_gradients", "run"]

Floats: TypeAlias = NDArray[np.float32]
Task: TypeAlias = Callable[[int, int], int]
"""A function that solves the rows ``first`` to ``last - 1``; it returns the row that could not be solved, or -1."""

_TASKS = 512  # number of tasks: enough to keep all threads busy
_GATHERED = 256  # vectors that are copied to one block before its Gram matrix is computed by BLAS
_ABREAST = 8  # rows that do steps of conjugate gradients together; 4 to 128 were measured


def _routine(module: str, name: str, n_arguments: int) -> Any:
    address = get_cython_function_address(f"scipy.linalg.{module}", name)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * n_arguments)(address)


_ssyrk = _routine("cython_blas", "ssyrk", 10)  # type: ignore[no-untyped-call,unused-ignore]
_sposv = _routine("cython_lapack", "sposv", 8)  # type: ignore[no-untyped-call,unused-ignore]
_LOWER, _PLAIN = np.frombuffer(b"L", np.uint8), np.frombuffer(b"N", np.uint8)


def run(task: Task, indptr: NDArray[np.int64], n_threads: int) -> int:
    """Run ``task`` over all rows, and return the first row that could not be solved, or -1.

    To balance the tasks, the fixed work of a row is counted as 64 cells.
    """
    work = indptr + 64 * np.arange(len(indptr))
    bounds = np.unique(np.searchsorted(work, np.linspace(0, work[-1], _TASKS + 1)))
    bounds[0], bounds[-1] = 0, len(indptr) - 1
    with threadpool_limits(1, user_api="blas"):
        found = share_out(lambda ends: task(*ends), pairwise(bounds.tolist()), n_threads)
    return min((row for row in found if row >= 0), default=-1)


@njit(nogil=True)
def _add_gram(X: Floats, n: int, A: Floats) -> None:
    """``A += X[:n].T @ X[:n]``, the upper triangle (LAPACK's lower one: it counts by columns)."""
    sizes = np.array([A.shape[0], n, X.shape[1]], dtype=np.int32)
    one = np.ones(1, dtype=np.float32)
    _ssyrk(
        _LOWER.ctypes, _PLAIN.ctypes, sizes.ctypes, sizes[1:].ctypes, one.ctypes,
        X.ctypes, sizes[2:].ctypes, one.ctypes, A.ctypes, sizes.ctypes,
    )  # fmt: skip


@njit(nogil=True)
def _solve_in_place(A: Floats, b: Floats) -> bool:
    """``b = A⁻¹ b`` by a Cholesky decomposition that overwrites A; returns False if A is not positive definite."""
    sizes = np.array([A.shape[0], 1, 0], dtype=np.int32)
    _sposv(
        _LOWER.ctypes, sizes.ctypes, sizes[1:].ctypes, A.ctypes, sizes.ctypes, b.ctypes, sizes.ctypes, sizes[2:].ctypes
    )
    return bool(sizes[2] == 0)


@njit(nogil=True)
def by_cholesky(cells: Any, vectors: Floats, everywhere: Floats, pull: Any, out: Floats, first: int, last: int) -> int:
    """Solve the normal equations of each row exactly.

    Args:
        cells: ``(indptr, columns, targets, weights)`` of the known cells; the last is empty where all weigh 1.
        vectors: ``[n_columns, d]``.
        everywhere: ``[d, d]``, part of every row's Gram matrix; ``[0, 0]`` if there is none.
        pull: ``(strength [n_rows], scale [d], constant [d])``: the penalty of unknown k of row r is
            ``strength[r] * scale[k] + constant[k]``.
        out: ``[n_rows, d]``, filled from row ``first`` up to ``last``.
    """
    (indptr, columns, targets, weights), (strength, scale, constant) = cells, pull
    d = vectors.shape[1]
    A, X = np.empty((d, d), dtype=np.float32), np.empty((_GATHERED, d), dtype=np.float32)
    for row in range(first, last):
        A[:] = 0
        if everywhere.size:
            A[:] = everywhere
        solution = out[row]
        solution[:] = 0
        n = 0
        for cell in range(indptr[row], indptr[row + 1]):
            X[n] = vectors[columns[cell]]
            target = targets[cell]
            if weights.size:  # the rows of the Gram matrix, and the target, times the root of the weight
                root = np.sqrt(weights[cell])
                target *= root
                for k in range(d):
                    X[n, k] *= root
            for k in range(d):
                solution[k] += target * X[n, k]
            n += 1
            if n == _GATHERED:
                _add_gram(X, n, A)
                n = 0
        if n:
            _add_gram(X, n, A)
        for k in range(d):
            A[k, k] += strength[row] * scale[k] + constant[k]
        if not _solve_in_place(A, solution):
            return row
    return -1


@njit(nogil=True, fastmath=True)
def _add_outer(cells: Any, row: int, vectors: Floats, p: Floats, against_targets: bool, out: Floats) -> None:
    """``out += Σ_h w_h <q_h, p> q_h``, or against the targets ``Σ_h w_h (t_h - <q_h, p>) q_h``; four at a time."""
    indptr, columns, targets, weights = cells
    at, end, d = indptr[row], indptr[row + 1], len(p)
    while at + 4 <= end:
        y0, y1 = vectors[columns[at]], vectors[columns[at + 1]]
        y2, y3 = vectors[columns[at + 2]], vectors[columns[at + 3]]
        c0, c1, c2, c3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for k in range(d):
            c0 += y0[k] * p[k]
            c1 += y1[k] * p[k]
            c2 += y2[k] * p[k]
            c3 += y3[k] * p[k]
        if against_targets:
            c0, c1 = targets[at] - c0, targets[at + 1] - c1
            c2, c3 = targets[at + 2] - c2, targets[at + 3] - c3
        if weights.size:
            c0, c1 = weights[at] * c0, weights[at + 1] * c1
            c2, c3 = weights[at + 2] * c2, weights[at + 3] * c3
        for k in range(d):
            out[k] += c0 * y0[k] + c1 * y1[k] + c2 * y2[k] + c3 * y3[k]
        at += 4
    while at < end:
        y0 = vectors[columns[at]]
        c0 = np.float32(0)
        for k in range(d):
            c0 += y0[k] * p[k]
        if against_targets:
            c0 = targets[at] - c0
        if weights.size:
            c0 = weights[at] * c0
        for k in range(d):
            out[k] += c0 * y0[k]
        at += 1


@njit(nogil=True, fastmath=True)
def _dot(a: Floats, b: Floats) -> Any:
    total = np.float32(0)
    for k in range(len(a)):
        total += a[k] * b[k]
    return total


@njit(nogil=True, fastmath=True)
def _first_residual(cells: Any, row: int, vectors: Floats, pull: Any, x: Floats, Ax: Floats, r: Floats) -> Any:
    """Compute ``r = b - A x``, given the everywhere part of ``A x``; returns the squared length of r."""
    strength, scale, constant = pull
    for k in range(len(x)):
        r[k] = -Ax[k] - (strength[row] * scale[k] + constant[k]) * x[k]
    _add_outer(cells, row, vectors, x, True, r)
    return _dot(r, r)


@njit(nogil=True, fastmath=True)
def _gradient_step(cells: Any, row: int, vectors: Floats, pull: Any, state: Any, Ap: Floats, squared: Any) -> Any:
    """Do one step along p, given the everywhere part of ``A p``; returns the new squared length of r, or -1."""
    (x, r, p), (strength, scale, constant) = state, pull
    d = len(x)
    for k in range(d):
        Ap[k] += (strength[row] * scale[k] + constant[k]) * p[k]
    _add_outer(cells, row, vectors, p, False, Ap)
    curvature = _dot(p, Ap)
    if not curvature > 0:
        return np.float32(-1.0)
    step = squared / curvature
    for k in range(d):
        x[k] += step * p[k]
        r[k] -= step * Ap[k]
    fresh = _dot(r, r)
    for k in range(d):
        p[k] = r[k] + fresh / squared * p[k]
    return fresh


@njit(nogil=True)
def by_gradients(
    steps: int, cells: Any, vectors: Floats, everywhere: Floats, pull: Any, out: Floats, first: int, last: int
) -> int:
    """Improve the solutions in ``out`` by a few steps of conjugate gradients on the normal equations of each row.

    Some rows do each step together, so that the everywhere part of their products is one product of matrices.
    Arguments as in :func:`by_cholesky`.
    """
    d = vectors.shape[1]
    R = np.zeros((_ABREAST, d), dtype=np.float32)
    P, AP = np.zeros_like(R), np.zeros_like(R)
    squared = np.zeros(_ABREAST, dtype=np.float32)
    for top in range(first, last, _ABREAST):
        n = min(_ABREAST, last - top)
        if everywhere.size:
            np.dot(out[top : top + n], everywhere, AP[:n])
        for b in range(n):
            squared[b] = _first_residual(cells, top + b, vectors, pull, out[top + b], AP[b], R[b])
            P[b] = R[b]
        for _ in range(steps):
            AP[:] = 0
            if everywhere.size:
                np.dot(P[:n], everywhere, AP[:n])
            for b in range(n):
                if squared[b] > 1e-20:
                    state = (out[top + b], R[b], P[b])
                    squared[b] = _gradient_step(cells, top + b, vectors, pull, state, AP[b], squared[b])
                    if squared[b] < 0:
                        return top + b
        AP[:] = 0
    return -1


@njit(nogil=True, fastmath=True)
def _begin_row(cells: Any, start: int, n: int, vectors: Floats, x: Floats, root: Floats, left: Floats) -> None:
    """The roots of the weights of a row's cells, and what x leaves over of their targets, times these roots."""
    _, columns, targets, weights = cells
    for h in range(n):
        if weights.size:
            root[h] = np.sqrt(weights[start + h])
        left[h] = root[h] * (targets[start + h] - _dot(vectors[columns[start + h]], x))


@njit(nogil=True)
def by_blocks(
    block: int, cells: Any, vectors: Floats, everywhere: Floats, pull: Any, out: Floats, first: int, last: int
) -> int:
    """Improve the solutions in ``out`` by one pass of exact steps over blocks of unknowns: the row step of iALS++.

    The predictions of a row's cells are updated after each block. Arguments as in :func:`by_cholesky`.
    """
    (indptr, columns, _, _), (strength, scale, constant) = cells, pull
    d = vectors.shape[1]
    longest = np.max(indptr[first + 1 : last + 1] - indptr[first:last])
    X, left = np.empty((longest, block), dtype=np.float32), np.empty(longest, dtype=np.float32)
    root = np.ones(longest, dtype=np.float32)
    for row in range(first, last):
        start, n, x = indptr[row], indptr[row + 1] - indptr[row], out[row]
        _begin_row(cells, start, n, vectors, x, root, left)
        for low in range(0, d, block):
            high = min(low + block, d)
            width = high - low
            A, step = np.zeros((width, width), dtype=np.float32), np.zeros(width, dtype=np.float32)
            if everywhere.size:
                A[:] = everywhere[low:high, low:high]
                step[:] = -np.dot(everywhere[low:high], x)
            for k in range(width):
                weight = strength[row] * scale[low + k] + constant[low + k]
                A[k, k] += weight
                step[k] -= weight * x[low + k]
            for h in range(n):
                for k in range(width):
                    X[h, k] = root[h] * vectors[columns[start + h], low + k]
                for k in range(width):
                    step[k] += left[h] * X[h, k]
            if n:
                _add_gram(X, n, A)
            if not _solve_in_place(A, step):
                return row
            for h in range(n):
                left[h] -= _dot(X[h, :width], step)
            for k in range(width):
                x[low + k] += step[k]
    return -1
