"""Linear autoencoders in closed form: EASE, EDLAE and RDLAE.

Shapes: ``m`` users, ``n`` items; X ``[m, n]`` holds a one where a user has met an item, or how much that counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from fillrank.arguments import affordable, shown
from fillrank.errors import SettingsError
from fillrank.factors.dual_weights import DualWeights
from fillrank.factors.weights import DenseWeights, Weights
from fillrank.solvers.item_to_item.inverse import invert_in_place

__all__ = ["Autoencoder", "autoencoder", "dual_autoencoder", "gram_matrix", "primal_autoencoder"]

Csr: TypeAlias = "sp.csr_array[Any]"
_CELLS = 2**24  # of the Gram matrix that are formed at a time


@dataclass(frozen=True)
class Autoencoder:
    """Which weights W ``[n, n]`` with zeros on the diagonal let ``X W`` resemble X best.

    W minimises ``|X - X W|² + |Γ^½ W|²`` under ``W_ii ≤ ξ`` for each item, with ``Γ = λ + p / (1 - p) · diag(XᵀX)``;
    the diagonal is then set to 0. With ``C = (XᵀX + Γ)⁻¹``, ``W_ji = -C_ji · s_i``, where ``s_i = (1 - ξ) / C_ii`` if
    the limit holds W_ii back, ``1 - Γ_i C_ii > ξ``, and ``Γ_i`` if not. With p = 0 and ξ = 0 that is EASE (Steck 2019),
    with ξ = 0 EDLAE (Steck 2020; p is the rate of a dropout of the input), and in general RDLAE (Moon, Kim & Lee 2023).

    Attributes:
        regularization: λ, above 0.
        dropout: p, from 0 to below 1.
        max_diagonal: ξ, from 0 to below 1.

    Raises:
        SettingsError: one is out of range.
    """

    regularization: float
    dropout: float = 0.0
    max_diagonal: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.regularization < np.inf:
            raise SettingsError(f"regularization must be a finite number above 0, got {shown(self.regularization)}")
        for name, value in (("dropout", self.dropout), ("max_diagonal", self.max_diagonal)):
            if not 0 <= value < 1:
                raise SettingsError(f"{name} must be from 0 to below 1, got {shown(value)}")

    def ridge(self, counts: Tensor) -> Tensor:
        """Γ, from the diagonal of ``XᵀX``: float64 ``[n]``."""
        return self.regularization + self.dropout / (1 - self.dropout) * counts.double()

    def scale(self, ridge: Tensor, own: Tensor) -> Tensor:
        """s, from Γ and the diagonal of C: float64 ``[n]``."""
        held_back = 1 - ridge * own > self.max_diagonal
        return torch.where(held_back, (1 - self.max_diagonal) / own, ridge)


def autoencoder(matrix: Csr, wanted: Autoencoder) -> Weights:
    """The weights, by way of the smaller side: of :func:`primal_autoencoder`, or :func:`dual_autoencoder`.

    Args:
        matrix: X.
        wanted: which.

    Raises:
        SettingsError: the square of the smaller side does not fit into memory.
        TrainingError: the matrix cannot be inverted.
    """
    m, n = matrix.shape
    side = "users" if m < n else "items"
    affordable(4.5 * min(m, n) ** 2, f"a matrix between {min(m, n):,} {side}")
    return dual_autoencoder(matrix, wanted) if m < n else DenseWeights(primal_autoencoder(matrix, wanted))


def primal_autoencoder(matrix: Csr, wanted: Autoencoder, *, gram: Tensor | None = None) -> Tensor:
    """The weights as a whole, by one inverse of a matrix between items: ``n³`` multiplications, ``4n²`` bytes.

    Args:
        matrix: X.
        wanted: which.
        gram: :func:`gram_matrix` of X, if it is there; it is left as it is.

    Returns:
        float32 ``[n, n]``; row j is what having met item j adds to each score.

    Example:
        >>> X = sp.csr_array(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]]))
        >>> primal_autoencoder(X, Autoencoder(1.0)).double().numpy().round(2).tolist()
        [[0.0, 0.62, 0.2], [0.62, 0.0, 0.2], [0.12, 0.12, 0.0]]
    """
    inverse = gram_matrix(matrix) if gram is None else gram.clone()
    ridge = wanted.ridge(inverse.diagonal())
    inverse.diagonal().add_(ridge.float())
    invert_in_place(inverse)
    scale = wanted.scale(ridge, inverse.diagonal().double())
    inverse.mul_(-scale.float())
    return inverse.fill_diagonal_(0.0)


def dual_autoencoder(matrix: Csr, wanted: Autoencoder) -> DualWeights:
    """The same weights by one inverse of a matrix between users, ``m³`` multiplications and ``4m²`` bytes.

    By Woodbury's identity ``C = Γ⁻¹ - Γ⁻¹ Xᵀ K X Γ⁻¹`` with ``K = (I + X Γ⁻¹ Xᵀ)⁻¹``; the weights are never formed.
    """
    known = matrix.astype(np.float32)
    squares = known.data.astype(np.float64) ** 2
    counts = torch.from_numpy(np.bincount(matrix.indices, squares, matrix.shape[1]))
    ridge = wanted.ridge(counts)
    gains = 1 / ridge
    kernel = _product(
        sp.csr_array(
            (gains.float().numpy()[known.indices] * known.data, known.indices, known.indptr), shape=known.shape
        ),
        known,
    )
    kernel.diagonal().add_(1.0)
    invert_in_place(kernel)
    weights = DualWeights(kernel, known, gains.float(), torch.ones(len(gains)))
    own = gains - gains**2 * weights.between_users.double()
    return replace(weights, scale=wanted.scale(ridge, own).float())


def gram_matrix(matrix: Csr) -> Tensor:
    """``XᵀX``, float32 ``[n, n]``, of X: of ones, how many users have met both."""
    by_item = matrix.astype(np.float32).T.tocsr()
    return _product(by_item, by_item)


def _product(one: Csr, other: Csr) -> Tensor:
    """``one @ otherᵀ``, dense, a strip at a time."""
    product, turned = torch.empty(one.shape[0], other.shape[0]), other.T.tocsr()
    step = max(1, _CELLS // max(other.shape[0], 1))
    for first in range(0, one.shape[0], step):
        product[first : first + step] = torch.from_numpy((one[first : first + step] @ turned).toarray())
    return product
