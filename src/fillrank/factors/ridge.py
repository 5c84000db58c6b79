"""Solve many ridge regressions at once: one for each row of a sparse table, on the vectors of its columns.

Alternating least squares repeats this step, and folding in of new users uses it once. :class:`Ridges` holds the
problems, and :class:`RowSolver` says how they are solved. Each method is written twice. Here it is written for one row,
to be read; this version is also used for double precision, and for few rows, where compiling would cost more than it
saves. :mod:`fillrank.factors.ridge_kernels` has the compiled version for many rows.

Shapes: ``d`` unknowns of a row, ``h`` known cells of a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from fillrank.arguments import MOST_DIM, checked, count, threads
from fillrank.errors import SettingsError, TrainingError

__all__ = ["RidgeMethod", "Ridges", "RowSolver", "cell_shares", "gram", "solve_ridges"]

RidgeMethod = Literal["cholesky", "cg", "block"]
Array: TypeAlias = NDArray[Any]

_COMPILING = 3.0
_PLAIN_ROW, _PLAIN_MULTIPLICATION = 5e-5, 1e-10
"""Rough costs in seconds: of compiling a kernel, and of a row and a multiplication in the plain loop."""


@dataclass(frozen=True, eq=False)
class Ridges:
    """A ridge regression for each row r of a sparse table.

    Row r minimises over x ``Σ_h w_h · (t_h - <q_h, x>)² + xᵀ E x + Σ_k (strength[r] · scale[k] + constant[k]) · x_k²``,
    where h runs over the row's known cells.

    Attributes:
        indptr: integer ``[n_rows + 1]``: the cells of row r are those from ``indptr[r]`` up to ``indptr[r + 1]``.
        columns: integer ``[nnz]``, the column of each cell.
        targets: float ``[nnz]``, t.
        vectors: float ``[n_columns, d]``, q. Their precision is that of the solution.
        strength: float ``[n_rows]``: the penalty of each row.
        scale: float ``[d]``: the factor of this penalty for each unknown.
        constant: float ``[d]``: a further penalty of each unknown, the same in every row; None: 0.
        everywhere: E, float ``[d, d]``, symmetric; None: 0.
        weights: float ``[nnz]``, w, of 0 or more; None: 1 for all.
    """

    indptr: NDArray[Any]
    columns: NDArray[Any]
    targets: Array
    vectors: Array
    strength: Array
    scale: Array
    everywhere: Array | None = None
    constant: Array | None = None
    weights: Array | None = None

    @property
    def n_rows(self) -> int:
        return len(self.indptr) - 1

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def cells(self, row: int) -> tuple[Array, Array]:
        """The vectors ``[h, d]`` and targets ``[h]`` of one row's cells, both times ``√w``."""
        of_row = slice(int(self.indptr[row]), int(self.indptr[row + 1]))
        vectors, targets = self.vectors[self.columns[of_row]], self.targets[of_row]
        if self.weights is None:
            return vectors, targets
        root = np.sqrt(self.weights[of_row]).astype(vectors.dtype)
        return vectors * root[:, None], targets * root

    def base(self, row: int) -> Array:
        """The normal equations of one row without its cells: ``E + diag(strength · scale + constant)``."""
        pull = np.diag(self.strength[row] * self.scale + (0 if self.constant is None else self.constant))
        return pull if self.everywhere is None else self.everywhere + pull


@checked
@dataclass(frozen=True)
class RowSolver:
    """How each row's ridge regression is solved.

    Attributes:
        method: ``"cholesky"`` solves it exactly in ``O(h d² + d³)``. The others improve an initial solution: ``"cg"``
            by ``steps`` of conjugate gradients, ``O(steps · (h d + d²))`` (Takács, Pilászy & Tikk 2011); ``"block"`` by
            one pass of exact steps over blocks of ``block`` unknowns, ``O(h d · block + d · block² + d²)`` (iALS++;
            Rendle, Krichene, Zhang & Koren 2021). A block of all unknowns gives the exact solution.
        steps: number of steps of conjugate gradients.
        block: number of unknowns that are solved for together.
        n_threads: None: as many as PyTorch uses. The result does not depend on it.

    Raises:
        SettingsError: an unknown method, or a number below 1.
    """

    method: RidgeMethod = "cholesky"
    steps: int = 3
    block: int = 64
    n_threads: int | None = None

    def __post_init__(self) -> None:
        if self.method not in {"cholesky", "cg", "block"}:
            raise SettingsError(f"method must be 'cholesky', 'cg' or 'block', got {self.method!r}")
        count("steps", self.steps)
        count("block", self.block, most=MOST_DIM)
        if self.n_threads is not None:
            threads("n_threads", self.n_threads)


def solve_ridges(
    ridges: Ridges,
    solver: RowSolver | None = None,
    *,
    start: Array | None = None,
    repeats: int = 1,
    compiled: bool | None = None,
) -> Array:
    """The solutions of all rows, ``[n_rows, d]``, in the precision of the vectors.

    Args:
        ridges: the problems.
        solver: how they are solved; None: exactly.
        start: ``[n_rows, d]``, for ``"cg"`` and ``"block"``; None: zeros. It is not changed.
        repeats: how often such problems will be solved; it decides whether compiling is worth its time.
        compiled: use the compiled kernels (single precision only) or the plain loop; None: what is faster.

    Raises:
        SettingsError: the compiled kernels are asked for, and the vectors are not in single precision.
        TrainingError: the problem of a row has no unique solution.

    Example:
        Two rows over three columns; the first knows columns 0 and 2, the second column 1.

        >>> ridges = Ridges(
        ...     indptr=np.array([0, 2, 3]),
        ...     columns=np.array([0, 2, 1], dtype=np.int32),
        ...     targets=np.array([3.0, 1.0, 4.0]),
        ...     vectors=np.array([[1.0], [2.0], [1.0]]),
        ...     strength=np.array([2.0, 1.0]),
        ...     scale=np.array([1.0]),
        ... )
        >>> solve_ridges(ridges).round(6).tolist()  # (3 + 1) / (1 + 1 + 2) and 2 * 4 / (2 * 2 + 1)
        [[1.0], [1.6]]
    """
    dtype, d, solver = ridges.vectors.dtype, ridges.dim, solver or RowSolver()
    if compiled and dtype != np.float32:
        raise SettingsError(f"the compiled kernels take float32 vectors, got {dtype}; leave compiled=None")
    out = np.zeros((ridges.n_rows, d), dtype=dtype) if start is None else np.array(start, dtype=dtype, order="C")
    if not out.size:
        return out
    met = np.flatnonzero(np.diff(ridges.indptr) > 0)
    known = _rows(ridges, met)
    if compiled is None:
        compiled = dtype == np.float32 and repeats * _plain_seconds(known, solver) > _COMPILING
    found = out[met]
    failed = _by_kernel(known, solver, found) if compiled else _by_loop(known, solver, found)
    if failed >= 0:
        raise TrainingError(
            f"the ridge regression of row {met[failed]} has no single solution; raise the regularization above "
            f"{np.diag(known.base(failed)).min():g}"
        )
    out[:] = 0  # the solution of a row without cells: its penalty alone is smallest at zero
    out[met] = found
    return out


def cell_shares(ridges: Ridges, row: int) -> Array:
    """What each cell of a row brings to its solution, float ``[h, d]``: ``A⁻¹ q_h t_h``; their sum is the solution.

    Raises:
        TrainingError: the problem has no single solution.

    Example:
        >>> ridges = Ridges(
        ...     indptr=np.array([0, 2]),
        ...     columns=np.array([0, 2], dtype=np.int32),
        ...     targets=np.array([3.0, 1.0]),
        ...     vectors=np.array([[1.0], [2.0], [1.0]]),
        ...     strength=np.array([2.0]),
        ...     scale=np.array([1.0]),
        ... )
        >>> cell_shares(ridges, 0).tolist(), solve_ridges(ridges).tolist()
        ([[0.75], [0.25]], [[1.0]])
    """
    X, targets = ridges.cells(row)
    if not X.size:
        return X
    try:
        shares: Array = _solved(ridges.base(row) + X.T @ X, (X * targets[:, None]).T).T
    except LinAlgError:
        raise TrainingError(
            f"the ridge regression of row {row} has no single solution; raise the regularization"
        ) from None
    return shares


def _rows(ridges: Ridges, rows: NDArray[np.int64]) -> Ridges:
    """The problems of the rows ``rows``, which are all rows with cells."""
    indptr = np.append(ridges.indptr[rows], ridges.indptr[-1])
    return replace(ridges, indptr=indptr, strength=ridges.strength[rows])


def gram(vectors: Array) -> Array:
    """``vectorsᵀ vectors``, float ``[d, d]``, with the same bits for any number of BLAS threads."""
    with threadpool_limits(1, user_api="blas"):
        product: Array = vectors.T @ vectors
    return product


def _plain_seconds(ridges: Ridges, solver: RowSolver) -> float:
    d, n_cells, n_rows = ridges.dim, len(ridges.columns), ridges.n_rows
    if solver.method == "cg":
        rounds, multiplications = solver.steps, (solver.steps + 1) * (2.0 * n_cells * d + n_rows * d * d)
    else:
        width = d if solver.method == "cholesky" else min(solver.block, d)
        rounds, multiplications = -(-d // width), n_cells * d * width + n_rows * d * (width * width / 3 + d)
    return n_rows * rounds * _PLAIN_ROW + multiplications * _PLAIN_MULTIPLICATION


def _by_kernel(ridges: Ridges, solver: RowSolver, out: Array) -> int:
    from fillrank.factors.ridge_kernels import by_blocks, by_cholesky, by_gradients, run

    single = partial(np.ascontiguousarray, dtype=np.float32)
    everywhere = single(np.zeros((0, 0)) if ridges.everywhere is None else ridges.everywhere)
    constant = np.zeros(ridges.dim) if ridges.constant is None else ridges.constant
    indptr = ridges.indptr.astype(np.int64, copy=False)
    problem = (
        (
            indptr,
            ridges.columns.astype(np.int32, copy=False),
            single(ridges.targets),
            single(np.zeros(0) if ridges.weights is None else ridges.weights),
        ),
        single(ridges.vectors),
        everywhere,
        (single(ridges.strength), single(ridges.scale), single(constant)),
        out,
    )
    kernels: dict[str, Callable[..., int]] = {
        "cholesky": by_cholesky,
        "cg": partial(by_gradients, solver.steps),
        "block": partial(by_blocks, min(solver.block, ridges.dim)),
    }
    task = partial(kernels[solver.method], *problem)
    return run(task, indptr, solver.n_threads or torch.get_num_threads())


def _by_loop(ridges: Ridges, solver: RowSolver, out: Array) -> int:
    ways: dict[str, Callable[[Ridges, int, Array], None]] = {
        "cholesky": _exact,
        "cg": partial(_gradients, solver.steps),
        "block": partial(_blocks, solver.block),
    }
    # Some BLAS builds set the "invalid" flag for unused lanes of a short product. So ignore the flag, and check the
    # solution itself.
    with np.errstate(invalid="ignore"), threadpool_limits(1, user_api="blas"):  # threads add up in another order
        for row in range(ridges.n_rows):
            try:
                ways[solver.method](ridges, row, out[row])
            except LinAlgError:
                return row
            if not np.isfinite(out[row]).all():
                return row
    return -1


def _exact(ridges: Ridges, row: int, x: Array) -> None:
    X, targets = ridges.cells(row)
    x[:] = _solved(ridges.base(row) + X.T @ X, X.T @ targets)


def _gradients(steps: int, ridges: Ridges, row: int, x: Array) -> None:
    X, targets = ridges.cells(row)
    base = ridges.base(row)
    residual = X.T @ (targets - X @ x) - base @ x
    direction, squared = residual.copy(), residual @ residual
    for _ in range(steps):
        if squared <= 1e-20:  # converged; the next step would divide by zero
            return
        change = base @ direction + X.T @ (X @ direction)
        curvature = direction @ change
        if not curvature > 0:
            raise LinAlgError
        step = squared / curvature
        x += step * direction
        residual -= step * change
        before, squared = squared, residual @ residual
        direction = residual + squared / before * direction


def _blocks(block: int, ridges: Ridges, row: int, x: Array) -> None:
    X, targets = ridges.cells(row)
    base = ridges.base(row)
    left = targets - X @ x
    for low in range(0, ridges.dim, block):
        part = slice(low, low + block)
        step = _solved(base[part, part] + X[:, part].T @ X[:, part], X[:, part].T @ left - base[part] @ x)
        left = left - X[:, part] @ step
        x[part] += step


def _solved(A: Array, b: Array) -> Array:
    """``A⁻¹ b``; raises an error if A is not positive definite."""
    solution: Array = cho_solve(cho_factor(A, check_finite=False), b, check_finite=False)
    return solution
