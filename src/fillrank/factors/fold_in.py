"""Fold new users in: compute a user's vector from their items in closed form, with the item vectors held fixed.

Each class is one way to do so. The :class:`~fillrank.factors.Factors` of a model contain the way that fits the model.
All users of a log are solved for together: by a sparse product, or by :func:`fillrank.factors.ridge.solve_ridges`.
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
from fillrank.factors.encoded_history import EncodedHistory
from fillrank.factors.item_side import (
    Folding,
    ItemSide,
    above_items,
    as_array,
    as_double,
    as_tensor_like,
    cells_of,
    counted_by_weight,
    counted_history,
    counted_rows,
    sparse_times,
)
from fillrank.factors.rating_ridge import RatingRidge
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
    """A user's vector is a weighted sum over their history: ``u = Σ_h t_h · weights[h]``; exact for spectral models.

    Attributes:
        weights: float ``[n_items, d]``.
        use_values: whether t_h is the value in the log; if False, it is 1.
        positive_from: items with a lower value in the log are left out; None keeps all.
    """

    weights: Tensor
    use_values: bool = False
    positive_from: float | None = None

    def solve(self, factors: ItemSide, interactions: Interactions) -> tuple[Tensor, Tensor | None]:
        """See :meth:`Folding.solve`."""
        interactions = counted_history(interactions, self.positive_from)
        matrix = interactions.csr if self.use_values else interactions.without_values().csr
        return sparse_times(matrix, self.weights).to(factors.items), None

    def shares(self, factors: ItemSide, interactions: Interactions) -> NDArray[np.float64]:  # noqa: ARG002
        """See :meth:`Folding.shares`."""
        rows = as_double(self.weights)[interactions.items]
        rows *= counted_rows(interactions, self.positive_from)[:, None]
        return rows * cells_of(interactions)[:, None] if self.use_values else rows


@dataclass(frozen=True, eq=False)
class ResidualProjection:
    """A user's vector is the projection of their residual ratings (after the biases); exact for an SVD of residuals.

    ``b_u = Σ_h (r_h - offset - b_h) / (shrinkage + n)`` over the n ratings of a history, then
    ``u = Σ_h (r_h - offset - b_h - b_u) · weights[h]``. Without values, vector and bias are zero: the average user.

    Attributes:
        weights: float ``[n_items, d]``.
        shrinkage: the bias is computed as if the user had this many additional ratings of average height.
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
    """Least squares on implicit feedback: target 1 for the history, target 0 with a small weight for all items.

    Minimises ``Σ_h (1 - <u, q_h>)² + unobserved_weight · Σ_all <u, q_i>²
    + regularization · (n + unobserved_weight · n_items)^frequency_exponent · |u|²`` with ``n`` the length of the
    history, the user step of iALS (Hu, Koren & Volinsky 2008; Rendle, Krichene, Zhang & Koren 2022).

    Attributes:
        unobserved_weight: weight of the target 0 for every item of the catalogue.
        regularization: weight of the penalty on the user's vector.
        positive_from: items with a lower value in the log are left out; None keeps all.
        frequency_exponent: how the penalty grows with the history: 0: not at all; 1: in proportion to the sum of the
            weights of all errors.
        length: each solved vector is scaled to this length; None: it is not. If items have biases, the length decides
            how much a new user's products count beside them.
        weight_power, weight_scale: in a history with weights, the squared error of an item with the weight w counts
            ``w^weight_power / weight_scale``, as it did in the fit; rows of weight 0 are left out. Power 0: unused.
    """

    unobserved_weight: float = 0.1
    regularization: float = 0.1
    positive_from: float | None = None
    frequency_exponent: float = 0.0
    length: float | None = None
    weight_power: float = 0.0
    weight_scale: float = 1.0

    def strength(self, counts: NDArray[Any], n_others: int) -> NDArray[np.float64]:
        """The penalty of each vector, float64 ``[n]``, from its number of interactions and the size of the other side.

        Interactions with weights count as their sum.

        >>> ImplicitRidge(0.1, 2.0, frequency_exponent=0.5).strength(np.array([6]), 100)
        array([8.])
        """
        size = counts.astype(np.float64) + self.unobserved_weight * n_others
        return self.regularization * np.power(size, self.frequency_exponent)

    def ridges(self, matrix: sp.csr_array[Any] | sp.csc_array[Any], vectors: NDArray[Any]) -> Ridges:
        """The ridge problems of one side.

        Args:
            matrix: of the weight of each cell; by rows to solve for users, by columns to solve for items.
            vectors: vectors of the other side, float ``[n_others, d]``.
        """
        counts: NDArray[Any] = np.diff(matrix.indptr).astype(np.int64)
        alike = bool((matrix.data == 1).all())  # the usual case, for which there is less to multiply
        if not alike:
            counts = np.asarray(matrix.sum(axis=1 if matrix.format == "csr" else 0), dtype=np.float64)
        return Ridges(
            indptr=matrix.indptr,
            columns=matrix.indices,
            targets=np.ones_like(matrix.data),
            weights=None if alike else matrix.data,
            vectors=vectors,
            strength=self.strength(counts, len(vectors)),
            scale=np.ones(vectors.shape[1]),
            everywhere=self.unobserved_weight * gram(vectors),
        )

    def solve(self, factors: ItemSide, interactions: Interactions) -> tuple[Tensor, Tensor | None]:
        """See :meth:`Folding.solve`."""
        counted = interactions.select(self._counted(interactions))
        vectors = factors.item_vectors
        solved = solve_ridges(self.ridges(self._cells(counted), as_array(vectors)))
        return as_tensor_like(solved * self._stretch(solved), vectors), None

    def shares(self, factors: ItemSide, interactions: Interactions) -> NDArray[np.float64]:
        """See :meth:`Folding.shares`; an item that is left out brings nothing."""
        counted = self._counted(interactions)
        shares = np.zeros((len(interactions), factors.dim))
        cells = self._cells(interactions.select(counted))
        shares[counted] = cell_shares(self.ridges(cells, as_double(factors.item_vectors)), 0)
        return shares * self._stretch(shares.sum(0, keepdims=True))

    def _counted(self, interactions: Interactions) -> NDArray[np.bool_]:
        """Which rows count."""
        return counted_rows(interactions, self.positive_from) & counted_by_weight(interactions, self.weight_power)

    def _cells(self, counted: Interactions) -> sp.csr_array[Any]:
        """How much the error of each row counts, as a matrix."""
        if not self.weight_power or counted.weights is None:
            return counted.without_values().csr
        matrix = counted.weighted_csr.astype(np.float64)
        matrix.data = matrix.data**self.weight_power / self.weight_scale
        return matrix

    def _stretch(self, solved: NDArray[Any]) -> NDArray[Any] | float:
        """What each solved vector is to be multiplied by, ``[B, 1]``."""
        if self.length is None:
            return 1.0
        lengths = np.linalg.norm(solved, axis=1, keepdims=True)
        stretch: NDArray[Any] = self.length / np.maximum(lengths, 1e-12)
        return stretch


def looks_at_values(folding: Folding) -> bool:
    """Whether the values of a history are used. If not, each of its items counts as liked."""
    if isinstance(folding, ImplicitRidge | EncodedHistory):
        return folding.positive_from is not None
    return getattr(folding, "use_values", True) or getattr(folding, "positive_from", None) is not None


def needs_values(folding: Folding) -> bool:
    """Whether the values of a history are needed: without them, a new user gets the average prediction."""
    return isinstance(folding, ResidualProjection | RatingRidge)


_WAYS: dict[str, Any] = {
    way.__name__: way for way in (Projection, ResidualProjection, ImplicitRidge, RatingRidge, EncodedHistory)
}


def folding_parts(folding: Folding) -> tuple[dict[str, Any], Tensor | None]:
    """A way of folding in as plain settings with its ``kind``, and its weights (or None), for saving."""
    parts: dict[str, Any] = dict(vars(folding))
    if not parts.get("weight_power", True):  # as files of models without weights have always been
        del parts["weight_power"], parts["weight_scale"]
    if isinstance(folding, Projection) and folding.positive_from is None:  # likewise
        del parts["positive_from"]
    weights = parts.pop("weights", None)
    return {"kind": type(folding).__name__, **parts}, weights


def folding_from_parts(settings: dict[str, Any], weights: Tensor | None) -> Folding:
    """The inverse of :func:`folding_parts`.

    Raises:
        DataError: there is no such way of folding in, or its weights are missing.
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
    """The same way of folding in with ``change`` applied to its weights, if it has any."""
    if isinstance(folding, Projection | ResidualProjection | EncodedHistory):
        return replace(folding, weights=change(folding.weights))
    return folding
