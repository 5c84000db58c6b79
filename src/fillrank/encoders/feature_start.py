"""Vectors of features to start from: those that explain given vectors best."""

from __future__ import annotations

from torch import Tensor

from fillrank.encoders.sparse import SparseMatrix

__all__ = ["explained"]

_STRENGTH = 10.0
_ITERATIONS = 50
_ENOUGH = 1e-5


def explained(rows: SparseMatrix, vectors: Tensor, *, has_rows: Tensor, strength: float = _STRENGTH) -> Tensor:
    """``argmin_V Σ_i |q_i - Σ_f x_if v_f|² + strength · |V|²`` over rows with a vector of their own, ``[F, d]``.

    By conjugate gradients on all columns at once, so no matrix of features × features is made.

    Args:
        rows: X, ``[n, F]``.
        vectors: q, ``[n, d]``.
        has_rows: bool ``[n]``, the rows that are to be explained.
        strength: of the penalty: a feature that so many rows have gets half of what they have in common.

    Example:
        >>> import torch
        >>> x = SparseMatrix(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 1]), torch.ones(3), (3, 2))
        >>> vectors = torch.tensor([[3.0], [3.0], [5.0]])
        >>> explained(x, vectors, has_rows=torch.tensor([True, True, False]), strength=1.0)
        tensor([[2.],
                [0.]])
    """
    chosen = has_rows[:, None].to(vectors)

    def normal(table: Tensor) -> Tensor:
        there = rows.product(table, transposed=False) * chosen
        return rows.product(there, transposed=True).add_(table, alpha=strength)

    found = vectors.new_zeros(rows.shape[1], vectors.shape[1])
    left = rows.product(vectors * chosen, transposed=True)
    direction, size = left.clone(), left.square().sum(0)
    first = size.clone()
    for _ in range(_ITERATIONS):
        if bool((size <= _ENOUGH**2 * first).all()):
            break
        product = normal(direction)
        step = size / (direction * product).sum(0).clamp(min=1e-30)
        found += step * direction
        left -= step * product
        before, size = size, left.square().sum(0)
        direction = left + size / before.clamp(min=1e-30) * direction
    return found
