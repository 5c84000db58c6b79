"""``Popularity``: the baseline that every model has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.factors.fold_in import Projection
from fillrank.models.base import Recipe
from fillrank.models.positives import PositiveFrom, positives
from fillrank.models.unused import where
from fillrank.recommend import Recommender
from fillrank.solvers.sparse.biases import fit_biases
from fillrank.training.context import FitContext

__all__ = ["Popularity"]


class Popularity(Recipe):
    """Recommend the same items to everybody: the items with the most users, or with the largest sum of weights.

    If the log has values, it predicts them by the mean and the biases: the "biases only" baseline of rating prediction.

    Attributes:
        positive_from: count only rows with at least this value; ``"relevant"`` takes the data's own threshold
            (:class:`fillrank.Interactions`), None counts every row.
        user_shrinkage, item_shrinkage: shrinkage of the biases, see :func:`fillrank.solvers.sparse.biases.fit_biases`.
    """

    kind: ClassVar[str] = "popularity"
    looks_at_valid: ClassVar[bool] = False
    uses_weights: ClassVar[bool] = True

    positive_from: PositiveFrom = None
    user_shrinkage: float = 5.0
    item_shrinkage: float = 3.0

    def idle(self, interactions: Interactions, valid: Interactions | None) -> Mapping[str, str]:  # noqa: ARG002
        """See :meth:`Recipe.idle`."""
        biases = where(interactions.values is not None, "there are ratings", "user_shrinkage", "item_shrinkage")
        marked = self.positive_from != "relevant" or interactions.relevant_from is not None
        return {**biases, **where(marked, "the log says relevant_from", "positive_from")}

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:  # noqa: ARG002
        counted = positives(self.positive_from, train)
        nothing = torch.zeros(train.n_items, 0)
        counts = torch.tensor(counted.weighted_csr.sum(axis=0, dtype="float64"), dtype=torch.float32)
        scorer = Factors(torch.zeros(train.n_users, 0), nothing, item_bias=counts, folding=Projection(nothing))
        return self._recommender(train, scorer, predictor=self._predictor(train) if train.values is not None else None)

    def _predictor(self, train: Interactions) -> Factors:
        from fillrank.solvers.sparse.svd import biases_as_factors

        return biases_as_factors(
            fit_biases(train, user_shrinkage=self.user_shrinkage, item_shrinkage=self.item_shrinkage)
        )
