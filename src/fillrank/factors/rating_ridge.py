"""``RatingRidge``: fold new users in by ridge regression of their ratings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fillrank.data.interactions import Interactions
from fillrank.factors.item_side import ItemSide, above_items, as_array, as_double, as_tensor_like, counted_by_weight
from fillrank.factors.ridge import Ridges, cell_shares, solve_ridges

__all__ = ["RatingRidge"]


@dataclass(frozen=True)
class RatingRidge:
    """Ridge regression of a user's ratings on the item vectors; the user's bias is a further unknown.

    Minimises ``Σ_h (r_h - offset - b_h - b_u - <u, q_h>)² + n^frequency_exponent · regularization·|u|² +
    bias_regularization·b_u²`` with ``n`` the length of the history. An exponent of 1 is weighted-λ regularisation
    (Zhou et al. 2008), a weight per rating. An exponent of 0 gives the most likely user if users are normally
    distributed around zero. With ``bias_per_rating``, the penalty of the bias is multiplied by ``n^frequency_exponent``
    too; with an exponent of 1, a bias from one rating is then shrunk as much as one from a hundred. Without values,
    vector and bias are zero: the average user.

    Ratings with weights count as in :class:`~fillrank.factors.fold_in.ImplicitRidge`, and n is their sum.
    """

    regularization: float = 0.1
    bias_regularization: float = 0.1
    frequency_exponent: float = 1.0
    bias_per_rating: bool = True
    weight_power: float = 0.0
    weight_scale: float = 1.0

    def solve(self, factors: ItemSide, interactions: Interactions) -> tuple[Tensor, Tensor | None]:
        """See :meth:`Folding.solve`."""
        vectors, d = factors.item_vectors, factors.dim
        if interactions.values is None:
            return vectors.new_zeros(interactions.n_users, d), vectors.new_zeros(interactions.n_users)
        solved = solve_ridges(self._problem(factors, interactions, as_array(vectors)))
        return as_tensor_like(solved[:, :d], vectors), as_tensor_like(solved[:, d], vectors)

    def shares(self, factors: ItemSide, interactions: Interactions) -> NDArray[np.float64]:
        """See :meth:`Folding.shares`."""
        if interactions.values is None:
            return np.zeros((len(interactions), factors.dim))
        counted, shares = counted_by_weight(interactions, self.weight_power), np.zeros((len(interactions), factors.dim))
        problem = self._problem(factors, interactions, as_double(factors.item_vectors))
        shares[counted] = cell_shares(problem, 0)[:, : factors.dim]
        return shares

    def _problem(self, factors: ItemSide, interactions: Interactions, vectors: NDArray[Any]) -> Ridges:
        if not self.weight_power or interactions.weights is None:
            weights = None
        else:
            interactions = interactions.select(counted_by_weight(interactions, self.weight_power))
            weights = cast("NDArray[Any]", interactions.weights).astype(vectors.dtype) ** self.weight_power
            weights = weights / vectors.dtype.type(self.weight_scale)
        above = above_items(factors, interactions)
        return self.ridges(interactions.csr.indptr, interactions.items, above, vectors, weights)

    def ridges(
        self,
        indptr: NDArray[Any],
        columns: NDArray[np.int32],
        targets: NDArray[Any],
        vectors: NDArray[Any],
        weights: NDArray[Any] | None = None,
    ) -> Ridges:
        """The ridge problems of one side; the bias is the last of ``d + 1`` unknowns.

        Args:
            indptr, columns: the cells of each row, as in :class:`fillrank.factors.ridge.Ridges`.
            targets: float ``[nnz]``: the values minus the offset and the biases of the other side.
            vectors: vectors of the other side, float ``[n_others, d]``.
            weights: float ``[nnz]``, above 0, what the squared error of each cell counts; None: 1.
        """
        ones = np.ones((len(vectors), 1), dtype=vectors.dtype)
        of_vector = np.full(vectors.shape[1], self.regularization)
        lengths: NDArray[Any] = np.diff(indptr)
        if weights is not None:
            row = np.repeat(np.arange(len(lengths)), lengths)
            lengths = np.where(lengths > 0, np.bincount(row, weights, len(lengths)), 1.0)
        else:
            lengths = np.maximum(lengths, 1.0)
        return Ridges(
            indptr=indptr,
            columns=columns,
            targets=targets.astype(vectors.dtype, copy=False),
            vectors=np.concatenate([vectors, ones], axis=1),
            strength=lengths**self.frequency_exponent,  # without a cell: zeros, the average
            weights=None if weights is None else weights.astype(vectors.dtype, copy=False),
            scale=np.append(of_vector, self.bias_regularization if self.bias_per_rating else 0.0),
            constant=None if self.bias_per_rating else np.append(0.0 * of_vector, self.bias_regularization),
        )
