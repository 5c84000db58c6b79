"""Scores that are sums over the users who are most like one: what they have met, weighted by how alike they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from fillrank.arguments import Own, checked, shown
from fillrank.data.interactions import Interactions
from fillrank.errors import DataError
from fillrank.factors.checks import table_of
from fillrank.factors.contributions import Contributions, check_history
from fillrank.factors.growth import Growth
from fillrank.factors.item_weights import WeightedRows, history_rows, size_of
from fillrank.factors.neighbours import Similarity, nearest
from fillrank.factors.weights import Csr, SparseWeights, below, csr_from_parts, csr_parts

__all__ = ["UserNeighbours"]


@checked
@dataclass(frozen=True, eq=False)
class UserNeighbours(WeightedRows):
    """``score(u, i) = Σ_v rows[u, v] · weights[v, i]``: what the users most like u have met, by how like u they are.

    Attributes:
        rows: ``[n_users, n_known]``: how alike, of each user's nearest among the known ones.
        weights: ``[n_known, n_items]``: what the known users, those of the training, have met.
        similarity: how alike two users are; a new one is compared with the known ones in the same way.
        k: how many are nearest.
        positive_from: of a new user's history, items with a lower value are left out; None keeps all.

    Raises:
        DataError: the shapes do not fit together.
    """

    rows: Own[Csr]
    weights: Own[SparseWeights]
    similarity: Own[Similarity] = Similarity()  # noqa: RUF009 -- frozen
    k: int = 100

    def _rows_of(self, histories: Csr) -> Csr:
        """How alike the users with these histories are to the known ones, of each the nearest.

        One who has the very history of a known user is nearest to that one, and both have the same list.
        """
        return nearest(histories, self.weights.matrix, self.similarity, self.k)

    def grown(self, growth: Growth) -> Self:
        """All users and what they have met, compared anew; see :class:`fillrank.factors.growth.Grows`."""
        met = history_rows(growth.after, self.positive_from)
        return replace(self, rows=nearest(met, met, self.similarity, self.k, others=True), weights=SparseWeights(met))

    def contributions(self, user: int, item: int, history: Interactions) -> Contributions:
        """What one score is made of; see :class:`~fillrank.factors.contributions.Explains`.

        How alike two users are is shared out over the items that both have met, by what these weigh.
        """
        check_history(history, self.n_items)
        known, row = self.weights.matrix, self.rows[[user]]
        alike = row.data.astype(float) * self.weights.cells(row.indices.astype(np.int64), np.full(row.nnz, item))
        own = self.similarity.weighted(history_rows(history, self.positive_from), known).toarray()[0] ** 2
        common = known[row.indices].toarray() * own
        shares = common / np.maximum(common.sum(1, keepdims=True), 1e-30)
        return self._explained(user, item, (alike @ shares)[history.items])

    def similar_to(self, item: int) -> Tensor:
        """The cosines of the items' columns: how many known users have met both, over the root of the products."""
        met = self.weights.matrix
        counts = np.bincount(met.indices, minlength=self.n_items)
        column = met[:, [item]].toarray().ravel()
        both = column @ met
        alike = both / np.sqrt(np.maximum(counts * max(counts[item], 1), 1))
        return torch.from_numpy(np.where(both > 0, alike, -np.inf).astype(np.float32))

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor, by name: what a saved model keeps beside :meth:`settings`."""
        known = {f"histories.{name}": tensor for name, tensor in csr_parts(self.weights.matrix).items()}
        return known | {f"rows.{name}": tensor for name, tensor in csr_parts(self.rows).items()}

    def settings(self) -> dict[str, Any]:
        """The parts that are not tensors, as plain data."""
        sizes = {"n_users": self.n_users, "n_known": self.weights.shape[0], "n_items": self.n_items}
        more = {"similarity": vars(self.similarity), "k": self.k, "positive_from": self.positive_from}
        return {"kind": "user-neighbours", **sizes, **more}

    @classmethod
    def from_parts(cls, tensors: dict[str, Tensor], settings: dict[str, Any]) -> Self:
        """The inverse of :meth:`tensors` and :meth:`settings`.

        Raises:
            DataError: a tensor or a setting is missing, or is not what it should be.
        """
        n_users, n_known, n_items = (size_of(settings, name) for name in ("n_users", "n_known", "n_items"))
        similarity = dict(table_of(settings["similarity"], "similarity"))
        if similarity.keys() != vars(Similarity()).keys():
            raise DataError(f"the settings of a similarity are {shown(similarity)}")
        return cls(
            csr_from_parts(below("rows.", tensors), (n_users, n_known)),
            SparseWeights(csr_from_parts(below("histories.", tensors), (n_known, n_items))),
            similarity=Similarity(**similarity),
            k=settings["k"],
            positive_from=settings["positive_from"],
        )
