"""The error that ELSA lowers, with its gradient in closed form.

Shapes: ``B`` users, ``n`` items, ``d`` dimensions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["direction_error", "direction_error_by_autograd"]

_TINY = 1e-12


def direction_error(rows: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """How far ``X A Aᵀ - X`` points away from X, and the gradient by A (Vančura et al. 2022).

    ``mean_u |x_u / |x_u| - y_u / |y_u||²`` with ``Y = X A Aᵀ - X``, which is ``2 - 2 cos(x_u, y_u)``. With
    ``G = ∂/∂Y = -2 / (B |y|) · (x/|x| - cos · y/|y|)`` the gradient is ``Gᵀ X A + Xᵀ G A``.

    Args:
        rows: X, float ``[B, n]``, none of them zero.
        vectors: A, float ``[n, d]``, rows of length 1.

    Returns:
        The error, a scalar, and its gradient ``[n, d]``.

    Example:
        >>> rows, vectors = torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        >>> round(float(direction_error(rows, vectors)[0]), 5)  # each of the two items is found by the other
        0.0
    """
    through = rows @ vectors
    found = through @ vectors.T - rows
    lengths = found.norm(dim=1, keepdim=True).clamp_min(_TINY)
    wanted, found = rows / rows.norm(dim=1, keepdim=True).clamp_min(_TINY), found / lengths
    cosines = (wanted * found).sum(1, keepdim=True)
    slope = (wanted - cosines * found).mul_(-2 / (len(rows) * lengths))
    return (2 - 2 * cosines).mean(), slope.T @ through + rows.T @ (slope @ vectors)


class _DirectionError(torch.autograd.Function):
    """The same as a function of PyTorch's, whose gradient is the closed form."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, vectors: Tensor) -> Tensor:
        error, gradient = direction_error(rows, vectors)
        ctx.save_for_backward(gradient)
        return error

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> tuple[None, Tensor]:
        (gradient,) = ctx.saved_tensors
        return None, above * gradient


def direction_error_by_autograd(rows: Tensor, vectors: Tensor) -> Tensor:
    """The error alone, for a training by automatic differentiation that ends in the closed form."""
    error: Tensor = _DirectionError.apply(rows, vectors)  # type: ignore[no-untyped-call]
    return error
