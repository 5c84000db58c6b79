"""Factorise a matrix by gradient descent, as a first course on PyTorch teaches it.

``A ≈ U·Vᵀ`` is found by following the gradient of the squared error over the observed cells: one cell at a time
(:func:`sgd_factorise`, :func:`sgd_factorise_masked`) or all at once (:func:`gd_factorise_masked`). The names of the
arguments, their defaults and the order of every operation are those of exercise 1 of the course COMP6258 by J. Hare and
A. Marcu (University of Southampton, 2026). These functions are for learning. For real data, use the models of fillrank.

========================  ==========================================================================================
input                     what happens
========================  ==========================================================================================
NaN or ±inf, hidden       never read: the mask decides, not the value
NaN or ±inf, observed     :class:`~fillrank.errors.DataError` that names the first cell
zero, observed            a value like any other
no rows or no columns     factors with no rows on that side; nothing is learned
nothing observed          the factors as they were drawn
a row never observed      its row of U stays as it was drawn, and the completed row means nothing
one cell observed         that cell is fitted
rank above min(m, n)      works as any rank does: more parameters, no better fit
a rate that is too large  :class:`~fillrank.errors.TrainingError` that names the epoch and suggests a rate
========================  ==========================================================================================
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from fillrank.arguments import affordable, checked, count
from fillrank.errors import DataError, SettingsError, TrainingError
from fillrank.lab.kernels import Epoch, batch_step, compiled_sweep

__all__ = ["descend", "gd_factorise_masked", "reconstruction_loss", "sgd_factorise", "sgd_factorise_masked", "start"]


@checked
def sgd_factorise(
    A: Tensor, rank: int, num_epochs: int = 1000, lr: float = 0.01, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Factorise a complete matrix, one cell at a time.

    In each epoch, for each row r and then each column c::

        e    = A[r, c] - U[r]·V[c]
        U[r] = U[r] + lr·e·V[c]
        V[c] = V[c] + lr·e·U[r]        # U[r] as the line above left it

    Args:
        A: float32 or float64 ``[m, n]``.
        rank: columns of U and V, 1 or more.
        num_epochs: passes over the matrix; 0 gives the factors as they were drawn.
        lr: the rate; above 0.
        generator: draws U, then V, from the uniform distribution on [0, 1). None: PyTorch's default generator, as in
            the course, so that ``torch.manual_seed`` repeats the result.

    Returns:
        ``(U [m, rank], V [n, rank])``, of A's dtype and on A's device; the loop itself runs on the CPU.

    Raises:
        DataError: A is no matrix of this kind, or has a cell that is NaN or infinite.
        SettingsError: a rank, a rate or a number of epochs that cannot be.
        TrainingError: the rate is too large for this matrix; the message suggests one.

    Example:
        >>> A = torch.tensor([[1.0, 2.0], [2.0, 4.0]])
        >>> U, V = sgd_factorise(A, rank=1, generator=torch.Generator().manual_seed(0))
        >>> (U @ V.T).round(decimals=3)
        tensor([[1., 2.],
                [2., 4.]])
    """
    return sgd_factorise_masked(A, _all_of(A), rank, num_epochs, lr, generator=generator)


@checked
def sgd_factorise_masked(
    A: Tensor,
    M: Tensor,
    rank: int,
    num_epochs: int = 1000,
    lr: float = 0.01,
    *,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Factorise a matrix with missing cells, one cell at a time; ``U @ V.T`` fills in the missing ones.

    It is :func:`sgd_factorise` without the cells where M is 0.

    Args:
        A: float32 or float64 ``[m, n]``; hidden cells are never read and may be NaN.
        M: ``[m, n]``, bool or 0 and 1: 1 where the cell was observed.
        rank, num_epochs, lr, generator: see :func:`sgd_factorise`.

    Returns:
        ``(U [m, rank], V [n, rank])``.

    Raises:
        DataError: the shapes differ, M has other values than 0 and 1, or an observed cell is NaN or infinite.
        SettingsError, TrainingError: see :func:`sgd_factorise`.

    Example:
        >>> A = torch.tensor([[1.0, 2.0], [2.0, float("nan")]])
        >>> U, V = sgd_factorise_masked(A, ~A.isnan(), 1, lr=0.05, generator=torch.Generator().manual_seed(0))
        >>> (U @ V.T).round(decimals=3)
        tensor([[1., 2.],
                [2., 4.]])
    """
    values, observed = _checked(A, M)
    _check_settings(rank, num_epochs, lr)
    U, V = start(values, rank, generator)
    factors = descend(compiled_sweep, values.cpu(), observed.cpu(), (U.cpu(), V.cpu()), num_epochs, lr)
    return factors[0].to(A.device), factors[1].to(A.device)


@checked
def gd_factorise_masked(
    A: Tensor,
    M: Tensor,
    rank: int,
    num_epochs: int = 1000,
    lr: float = 1e-5,
    *,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Factorise a matrix with missing cells, all cells at once.

    In each epoch::

        E = (A - U·Vᵀ) ∘ M
        U = U + lr·E·V
        V = V + lr·Eᵀ·U        # the new U, but E from before it moved

    The errors are *summed*, not averaged: the more cells were observed, the longer the step, and the smaller the rate
    that still converges. That is why the default is a thousandth of :func:`sgd_factorise_masked`'s.

    Args:
        A: float32 or float64 ``[m, n]``; hidden cells are never read and may be NaN.
        M: ``[m, n]``, bool or 0 and 1: 1 where the cell was observed.
        rank, num_epochs, lr, generator: see :func:`sgd_factorise`.

    Returns:
        ``(U [m, rank], V [n, rank])``, of A's dtype and on A's device, where the products are also computed.

    Raises:
        DataError, SettingsError, TrainingError: see :func:`sgd_factorise_masked`.

    Example:
        >>> A, M = torch.tensor([[1.0, 2.0], [2.0, 0.0]]), torch.tensor([[1, 1], [1, 0]])
        >>> U, V = gd_factorise_masked(A, M, rank=1, lr=0.05, generator=torch.Generator().manual_seed(0))
        >>> (U @ V.T).round(decimals=3)
        tensor([[1., 2.],
                [2., 4.]])
    """
    values, observed = _checked(A, M)
    _check_settings(rank, num_epochs, lr)
    return descend(batch_step, values, observed.to(values.dtype), start(values, rank, generator), num_epochs, lr)


@checked
def reconstruction_loss(A: Tensor, U: Tensor, V: Tensor, M: Tensor | None = None) -> Tensor:
    """The sum of squared errors over the observed cells, ``‖(A - U·Vᵀ) ∘ M‖²``: a sum, no mean.

    Args:
        A: float32 or float64 ``[m, n]``.
        U: ``[m, rank]`` of the same dtype.
        V: ``[n, rank]`` of the same dtype.
        M: ``[m, n]``, bool or 0 and 1: which cells were observed. None: all of them.

    Returns:
        A tensor without dimensions, through which gradients flow to U and V.

    Raises:
        DataError: the shapes or dtypes do not fit together, or an observed cell is NaN or infinite.

    Example:
        >>> A, ones = torch.tensor([[1.0, 2.0], [3.0, float("nan")]]), torch.ones(2, 1)
        >>> reconstruction_loss(A, ones, ones, M=~A.isnan())
        tensor(5.)
    """
    values, observed = _checked(A, _all_of(A) if M is None else M)
    for name, factor, length in (("U", U, A.shape[0]), ("V", V, A.shape[1])):
        if factor.dim() != 2 or factor.shape[0] != length or factor.shape[1] != U.shape[-1]:
            raise DataError(
                f"{name} must be [{length}, rank] for a {_size(A)} matrix, the rank that of U; "
                f"got U {list(U.shape)} and V {list(V.shape)}"
            )
        if factor.dtype != A.dtype:
            raise DataError(f"{name} is {factor.dtype} and A is {A.dtype}; give both in one dtype")
    return torch.where(observed, values - U @ V.T, 0.0).square().sum()


def start(A: Tensor, rank: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """The factors before the first epoch: U and then V from ``torch.rand``, of A's dtype, moved to A's device."""
    device = torch.device("cpu") if generator is None else generator.device
    m, n = A.shape
    affordable(8.0 * rank * (m + n), f"factors of rank={rank:,} for a {m:,}×{n:,} matrix")
    U = torch.rand(m, rank, generator=generator, dtype=A.dtype, device=device)
    V = torch.rand(n, rank, generator=generator, dtype=A.dtype, device=device)
    return U.to(A.device), V.to(A.device)


def descend(
    epoch: Epoch, A: Tensor, M: Tensor, factors: tuple[Tensor, Tensor], num_epochs: int, lr: float
) -> tuple[Tensor, Tensor]:
    """Run ``epoch`` so many times on the factors, in place.

    Raises:
        TrainingError: a factor is no longer finite.
    """
    U, V = factors
    for n in range(1, num_epochs + 1):
        epoch(A, M, U, V, lr)
        if not (U.isfinite().all() and V.isfinite().all()):
            kind: Literal["cell", "batch"] = "batch" if epoch is batch_step else "cell"
            gentle = min(_safe_rate(A, M, U.shape[1], kind), lr / 10)
            raise TrainingError(
                f"the factors are no longer finite in epoch {n} of {num_epochs}: the rate lr={lr:g} is too large for "
                f"this matrix; try lr={gentle:.1g}"
            )
    return U, V


def _safe_rate(A: Tensor, M: Tensor, rank: int, kind: Literal["cell", "batch"]) -> float:
    """A rate that converges: a twentieth of 1/curvature, where the curvature is bounded at the start and at the end.

    At the start each squared entry is 1/3 on average, so a row's squared length is rank/3. At the end, with the scale
    shared evenly between U and V, the squared length of a row of U is at most the length of that row of A (by Cauchy
    and Schwarz), and the largest eigenvalue of UᵀU is the largest singular value of A. That is at most
    ``√(largest row sum · largest column sum)`` of the absolute values. The first bound is for single cells
    (``"cell"``), the second for the sum over all cells (``"batch"``).
    """
    known = torch.where(M.bool(), A, 0.0).double()
    scale = max(float(known.abs().max()), 1e-300)  # so that squares of large values stay finite
    rows, columns = (torch.linalg.vector_norm(known / scale, 1 if kind == "batch" else 2, dim=d) for d in (1, 0))
    if kind == "cell":
        return 0.05 / max(rank / 3, scale * float(torch.maximum(rows.max(), columns.max())))
    fullest = max(int(M.bool().sum(d).max()) for d in (0, 1))
    return 0.05 / max(fullest * rank / 3, scale * math.sqrt(float(rows.max() * columns.max())))


def _all_of(A: Tensor) -> Tensor:
    _check_matrix(A)
    return torch.ones_like(A, dtype=torch.bool)


def _checked(A: Tensor, M: Tensor) -> tuple[Tensor, Tensor]:
    """The values (0 for hidden ones that are not finite) and the mask as booleans; both contiguous."""
    _check_matrix(A)
    if not isinstance(M, Tensor) or M.shape != A.shape:
        came = f"a tensor of shape {list(M.shape)}" if isinstance(M, Tensor) else type(M).__name__
        raise DataError(f"the mask M must be a tensor of A's shape {list(A.shape)}, got {came}")
    observed = M.to(device=A.device, dtype=torch.bool).contiguous()
    if M.dtype != torch.bool and not bool(((M == 0) | (M == 1)).all()):
        raise DataError("the mask M must hold 0 and 1 only (or be boolean): 1 where the cell of A was observed")
    finite = A.detach().isfinite()
    bad = (observed & ~finite).nonzero()
    if len(bad):
        r, c = bad[0].tolist()
        raise DataError(
            f"{len(bad)} observed cells of A are NaN or infinite, the first at row {r}, column {c}: {float(A[r, c])}; "
            "hide what is missing with a mask (sgd_factorise_masked, gd_factorise_masked)"
        )
    return torch.where(finite, A.detach(), 0.0).contiguous(), observed


def _check_matrix(A: Tensor) -> None:
    if not isinstance(A, Tensor):
        raise DataError(f"A must be a torch tensor, got {type(A).__name__}; torch.as_tensor makes one")
    if A.dim() != 2 or A.layout != torch.strided:
        raise DataError(f"A must be a dense matrix [m, n], got {A.layout} of shape {list(A.shape)}")
    if A.dtype not in {torch.float32, torch.float64}:
        raise DataError(f"A must be float32 or float64, as its factors will be, got {A.dtype}; A.float() converts")


def _check_settings(rank: int, num_epochs: int, lr: float) -> None:
    for name, number, least in (("rank", rank, 1), ("num_epochs", num_epochs, 0)):
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise SettingsError(f"{name} must be a whole number of {least} or more, got {number!r}")
    count("num_epochs", num_epochs, least=0)
    if isinstance(lr, bool) or not isinstance(lr, int | float) or not (math.isfinite(lr) and lr > 0):
        raise SettingsError(f"lr must be a finite number above 0, got {lr!r}")


def _size(A: Tensor) -> str:
    return "×".join(map(str, A.shape))
