"""New users in closed form: a user's vector from a list of items, the item vectors held fixed.

Each class is one way; a model's :class:`~fillrank.factors.Factors` carry the way that fits how they were made. All
users of a log are solved for together: by a sparse product, or by :func:`fillrank.factors.ridge.solve_ridges`.
Shapes: ``B`` new users, ``d`` dimensions, ``h`` items in one history.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from torch import Tensor

from fillrank.data.interactions import Interactions
from fillrank.errors import DataError
from fillrank.factors.item_side import (
    Folding,
    ItemSide,
    above_items,
    as_array,
    as_double,
    as_tensor_like,
    cells_of,
    sparse_times,
)
from fillrank.factors.ridge import Ridges, cell_shares, gram, solve_ridges

__all__ = [
    "Folding",
    "ImplicitRidge",
    "ItemSide",
    "Projection",
    "RatingRidge",
    "ResidualProjection",
    "folding_from_parts",
    "folding_parts",
    "looks_at_values",
    "needs_values",
    "with_weights",
]


@dataclass(frozen=True, eq=False)
class Projection:
    """A user is a weighted sum over their history: ``u = Σ_h t_h · weights[h]``, exact for spectral models.

    Attributes:
        weights: float ``[n_items, d]``.
        use_values: weigh by the values in the log; if False, each item counts once.
    """

    weights: Tensor
    use_values: bool = False

    def solve(self, factors: ItemSide, interactions: Interactions) -> tuple[Tensor, Tensor | None]:
        """See :meth:`Folding.solve`."""
        matrix = interactions.csr if self.use_values else interactions.without_values().csr
        return sparse_times(matrix, self.weights).to(factors.items), None

    def shares(self, factors: ItemSide, interactions: Interactions) -> NDArray[np.float64]:  # noqa: ARG002
        """See :meth:`Folding.shares`."""
        rows = as_double(self.weights)[interactions.items]
        return rows * cells_of(interactions)[:, None] if self.use_values else rows


@dataclass(frozen=True, eq=False)
class ResidualProjection:
    """A user is the projection of what the biases leave over of their ratings: exact for an SVD of residuals.

    ``b_u = Σ_h (r_h - offset - b_h) / (shrinkage + n)`` over the n ratings of a history, then
    ``u = Σ_h (r_h - offset - b_h - b_u) · weights[h]``. Without values a user stays at the average: zeros.

    Attributes:
        weights: float ``[n_items, d]``.
        shrinkage: how many ratings of average height a user is lent.
    """

    weights: Tensor
    shrinkage: float = 5.0

    def solve(self, factors: ItemSide, interactions: Interactions) -> tuple[Tensor, Tensor | None]:
        """See :meth:`Folding.solve`."""
        if interactions.values is None:
            return self.weights.new_zeros(interactions.n_users, factors.dim), self.weights.new_zeros(
                interactions.n_users
            )
        left, bias = self._left_over(factors, interactions)
        matrix = sp.csr_array((left, interactions.items, interactions.csr.indptr), shape=interactions.csr.shape)
        return sparse_times(matrix, self.weights), as_tensor_like(bias, self.weights)

    def shares(self, factors: ItemSide, interactions: Interactions) -> NDArray[np.float64]:
        """See :meth:`Folding.shares`."""
        rows = as_double(self.weights)[interactions.items]
        if interactions.values is None:
            return 0.0 * rows
        return rows * self._left_over(factors, interactions)[0][:, None]

    def _left_over(
        self, factors: ItemSide, interactions: Interactions
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What all biases leave over of each value, ``[nnz]``, and the users' biases ``[B]``."""
        left = above_items(factors, interactions)
        lent = np.maximum(self.shrinkage + interactions.user_counts, 1e-12)
        bias = np.bincount(interactions.users, left, interactions.n_users) / lent
        return left - bias[interactions.users], bias


@dataclass(frozen=True)
class ImplicitRidge:
    """Least squares on who-met-what: ones for the history, a small weight on zero for all other items.

    Minimises ``Σ_h (1 - <u, q_h>)² + unobserved_weight · Σ_all <u, q_i>²
    + regularization · (n + unobserved_weight · n_items)^frequency_exponent · |u|²`` with ``n`` the length of the
    history, the user step of iALS (Hu, Koren & Volinsky 2008; Rendle, Krichene, Zhang & Koren 2022).

    Attributes:
        unobserved_weight: weight of the pull to zero over the whole catalogue.
        regularization: of the user's vector.
        positive_from: items with a lower value in the log are left out; None keeps all.
        frequency_exponent: how the penalty grows with the history: 0 not at all, 1 in proportion to the weight of all
            the errors beside it.
        length: that each solved vector is brought to; None: as it is solved. Where items have biases, it says what a
            new user's products weigh beside them.
    """

    unobserved_weight: float = 0.1
    regularization: float = 0.1
    positive_from: float | None = None
    frequency_exponent: float = 0.0
    length: float | None = None

    def strength(self, counts: NDArray[np.int64], n_others: int) -> NDArray[np.float64]:
        """The penalty of a vector, float64 ``[n]``, from its interactions ``[n]`` and the length of the other side.

        >>> ImplicitRidge(0.1, 2.0, frequency_exponent=0.5).strength(np.array([6]), 100)
        array([8.])
        """
        size = counts.astype(np.float64) + self.unobserved_weight * n_others
        return self.regularization * np.power(size, self.frequency_exponent)

    def ridges(self, matrix: sp.csr_array[Any] | sp.csc_array[Any], vectors: NDArray[Any]) -> Ridges:
        """The problems of one side.

        Args:
            matrix: of ones: by rows where users are solved for, by columns where items are.
            vectors: of the other side, float ``[n_others, d]``.
        """
        counts = np.diff(matrix.indptr).astype(np.int64)
        return Ridges(
            indptr=matrix.indptr,
            columns=matrix.indices,
            targets=matrix.data,
            vectors=vectors,
            strength=self.strength(counts, len(vectors)),
            scale=np.ones(vectors.shape[1]),
            everywhere=self.unobserved_weight * gram(vectors),
        )

    def solve(self, factors: ItemSide, interactions: Interactions) -> tuple[Tensor, Tensor | None]:
        """See :meth:`Folding.solve`."""
        counted = interactions.select(self._counted(interactions))
        vectors = factors.item_vectors
        solved = solve_ridges(self.ridges(counted.without_values().csr, as_array(vectors)))
        return as_tensor_like(solved * self._stretch(solved), vectors), None

    def shares(self, factors: ItemSide, interactions: Interactions) -> NDArray[np.float64]:
        """See :meth:`Folding.shares`; an item that is left out brings nothing."""
        counted = self._counted(interactions)
        shares = np.zeros((len(interactions), factors.dim))
        ones = interactions.select(counted).without_values().csr
        shares[counted] = cell_shares(self.ridges(ones, as_double(factors.item_vectors)), 0)
        return shares * self._stretch(shares.sum(0, keepdims=True))

    def _counted(self, interactions: Interactions) -> NDArray[np.bool_]:
        """Which rows count."""
        if self.positive_from is None or interactions.values is None:
            return np.ones(len(interactions), dtype=np.bool_)
        counted: NDArray[np.bool_] = interactions.values >= self.positive_from
        return counted

    def _stretch(self, solved: NDArray[Any]) -> NDArray[Any] | float:
        """What each solved vector is to be multiplied by, ``[B, 1]``."""
        if self.length is None:
            return 1.0
        lengths = np.linalg.norm(solved, axis=1, keepdims=True)
        stretch: NDArray[Any] = self.length / np.maximum(lengths, 1e-12)
        return stretch


@dataclass(frozen=True)
class RatingRidge:
    """Ridge regression of a user's ratings on the item vectors, with the user's bias as one more unknown.

    Minimises ``Σ_h (r_h - offset - b_h - b_u - <u, q_h>)² + n^frequency_exponent · regularization·|u|² +
    bias_regularization·b_u²`` with ``n`` the length of the history. An exponent of 1 is weighted-λ regularisation
    (Zhou et al. 2008), a weight per rating; an exponent of 0 gives the most likely user where users are normal around
    zero. With ``bias_per_rating`` the bias's penalty is times ``n^frequency_exponent`` too: with an exponent of 1 a
    bias that rests on one rating is then pulled to zero no more than one that rests on a hundred. Without values a user
    stays at the average: zeros.
    """

    regularization: float = 0.1
    bias_regularization: float = 0.1
    frequency_exponent: float = 1.0
    bias_per_rating: bool = True

    def solve(self, factors: ItemSide, interactions: Interactions) -> tuple[Tensor, Tensor | None]:
        """See :meth:`Folding.solve`."""
        vectors, d = factors.item_vectors, factors.dim
        if interactions.values is None:
            return vectors.new_zeros(interactions.n_users, d), vectors.new_zeros(interactions.n_users)
        solved = solve_ridges(
            self.ridges(
                interactions.csr.indptr, interactions.items, above_items(factors, interactions), as_array(vectors)
            )
        )
        return as_tensor_like(solved[:, :d], vectors), as_tensor_like(solved[:, d], vectors)

    def shares(self, factors: ItemSide, interactions: Interactions) -> NDArray[np.float64]:
        """See :meth:`Folding.shares`."""
        if interactions.values is None:
            return np.zeros((len(interactions), factors.dim))
        above = above_items(factors, interactions)
        problem = self.ridges(interactions.csr.indptr, interactions.items, above, as_double(factors.item_vectors))
        return cell_shares(problem, 0)[:, : factors.dim]

    def ridges(
        self, indptr: NDArray[Any], columns: NDArray[np.int32], targets: NDArray[Any], vectors: NDArray[Any]
    ) -> Ridges:
        """The problems of one side, the bias as the last of ``d + 1`` unknowns.

        Args:
            indptr, columns: the cells of each row, as in :class:`fillrank.factors.ridge.Ridges`.
            targets: float ``[nnz]``: what offset and the other side's biases leave over of each value.
            vectors: of the other side, float ``[n_others, d]``.
        """
        ones = np.ones((len(vectors), 1), dtype=vectors.dtype)
        of_vector = np.full(vectors.shape[1], self.regularization)
        return Ridges(
            indptr=indptr,
            columns=columns,
            targets=targets.astype(vectors.dtype, copy=False),
            vectors=np.concatenate([vectors, ones], axis=1),
            strength=np.maximum(np.diff(indptr), 1.0) ** self.frequency_exponent,  # no row: zeros, the average
            scale=np.append(of_vector, self.bias_regularization if self.bias_per_rating else 0.0),
            constant=None if self.bias_per_rating else np.append(0.0 * of_vector, self.bias_regularization),
        )


def looks_at_values(folding: Folding) -> bool:
    """Whether a history's values make a difference; where not, each of its items counts as one that was liked."""
    if isinstance(folding, ImplicitRidge):
        return folding.positive_from is not None
    return getattr(folding, "use_values", True)


def needs_values(folding: Folding) -> bool:
    """Whether a history without values leaves a user at the average."""
    return isinstance(folding, ResidualProjection | RatingRidge)


_WAYS: dict[str, Any] = {way.__name__: way for way in (Projection, ResidualProjection, ImplicitRidge, RatingRidge)}


def folding_parts(folding: Folding) -> tuple[dict[str, Any], Tensor | None]:
    """What a saved model keeps of a way of folding: plain settings with its ``kind``, and its weights if it has any."""
    parts: dict[str, Any] = dict(vars(folding))
    weights = parts.pop("weights", None)
    return {"kind": type(folding).__name__, **parts}, weights


def folding_from_parts(settings: dict[str, Any], weights: Tensor | None) -> Folding:
    """The inverse of :func:`folding_parts`.

    Raises:
        DataError: there is no such way of folding, or its weights are missing.
    """
    rest = dict(settings)
    kind = rest.pop("kind", None)
    if kind not in _WAYS:
        raise DataError(f"no way of folding is called {kind!r}; known are {', '.join(_WAYS)}")
    if "weights" in _WAYS[kind].__dataclass_fields__:
        if weights is None:
            raise DataError(f"the weights of the way of folding {kind} are missing")
        rest["weights"] = weights
    folding: Folding = _WAYS[kind](**rest)
    return folding


def with_weights(folding: Folding | None, change: Callable[[Tensor], Tensor]) -> Folding | None:
    """The same way of folding with its weights changed (moved, cut); as it is where there are none."""
    if isinstance(folding, Projection | ResidualProjection):
        return replace(folding, weights=change(folding.weights))
    return folding
