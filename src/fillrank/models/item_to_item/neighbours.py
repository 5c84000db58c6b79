"""Neighbourhood models: by neighbours of items, by neighbours of users, and by a random walk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

import torch
from pydantic import Field

from fillrank.data import Interactions
from fillrank.factors import ItemWeights, UserNeighbours
from fillrank.factors.neighbours import Similarity, SimilarityKind, nearest
from fillrank.factors.weights import SparseWeights
from fillrank.models.base import NotNegative
from fillrank.models.grid import Axis, Point
from fillrank.models.item_to_item.base import ItemToItem
from fillrank.models.row_weights import WeightPower
from fillrank.solvers.item_to_item.neighbours import item_neighbours, random_walk

__all__ = ["ItemKNN", "RP3Beta", "UserKNN"]

Count = Annotated[int, Field(ge=1, le=100_000)]
_KINDS = get_args(SimilarityKind)
_AXES = {
    "similarity": Axis(tuple(range(len(_KINDS))), allowed=lambda _: False),
    "k": Axis((20, 100, 400), 2.0, lambda k: 1 <= k <= 5_000),
    "shrinkage": Axis((0.0, 10.0, 100.0), 3.0, lambda shrinkage: shrinkage <= 10_000),
}


class _Neighbours(ItemToItem):
    """The common settings: the similarity, its shrinkage and the number of neighbours."""

    chosen_on_valid: ClassVar[tuple[str, ...]] = ("similarity", "k", "shrinkage")
    usual_point: ClassVar[Mapping[str, Any]] = {"similarity": "cosine", "k": 100, "shrinkage": 10.0}

    similarity: SimilarityKind | Literal["auto"] = "auto"
    k: Count | Literal["auto"] = "auto"
    shrinkage: NotNegative | Literal["auto"] = "auto"

    def _axes(self, interactions: Interactions) -> Mapping[str, Axis]:  # noqa: ARG002
        return _AXES

    def _as_tried(self, point: Mapping[str, Any]) -> Point:
        return {**point, "similarity": _KINDS.index(point["similarity"])}

    def _as_chosen(self, point: Mapping[str, Any]) -> dict[str, Any]:
        kind = point["similarity"]
        return {**point, "similarity": kind if isinstance(kind, str) else _KINDS[int(kind)]}

    def _similarity(self, point: Mapping[str, Any]) -> Similarity:
        return Similarity(self._as_chosen(point)["similarity"], point["shrinkage"])


class ItemKNN(_Neighbours):
    """Recommend the nearest neighbours of the items in a user's history.

    See :func:`fillrank.solvers.item_to_item.neighbours.item_neighbours`. It only ranks; new users cost nothing.

    Attributes:
        similarity: ``"cosine"``, ``"pearson"``, ``"tfidf"`` or ``"bm25"``:
            :class:`fillrank.factors.neighbours.Similarity`.
        k: neighbours of each item.
        shrinkage: lowers the similarity of items with few common users; not used for ``"bm25"``. ``"auto"`` for these
            three takes the best nDCG@20 on the validation part, one after the other; more values are tried while an end
            is the best.
        averaged: the weights of an item's neighbours sum to 1, and the scores use deviations from the average.
        weight_power: power of the weights of a log that has some; see :class:`fillrank.models.EASE`. The similarities
            are then those of weighted vectors.
        positive_from: rows with at least this value count; ``"relevant"`` takes the data's own threshold, None all.
    """

    kind: ClassVar[str] = "item-knn"
    uses_weights: ClassVar[bool] = True

    averaged: bool = False
    weight_power: WeightPower = "auto"

    def _scorer(self, interactions: Interactions, point: Point) -> ItemWeights:
        histories = self._matrix(interactions, point)
        weights, bias = item_neighbours(histories, int(point["k"]), self._similarity(point), averaged=self.averaged)
        item_bias = None if bias is None else torch.from_numpy(bias)
        return ItemWeights(histories, SparseWeights(weights), item_bias)


class UserKNN(_Neighbours):
    """Recommend what the most similar users have met; see :class:`fillrank.factors.UserNeighbours`.
    It only ranks. A new user is compared with all users of the training.

    Attributes:
        similarity: of two users; see :class:`ItemKNN`.
        k: the number of similar users.
        shrinkage: lowers the similarity of users with few common items; not used for ``"bm25"``.
        positive_from: see :class:`ItemKNN`.
    """

    kind: ClassVar[str] = "user-knn"

    def _scorer(self, interactions: Interactions, point: Point) -> UserNeighbours:
        similarity, k = self._similarity(point), int(point["k"])
        rows = nearest(interactions.csr, interactions.csr, similarity, k)
        return UserNeighbours(rows, SparseWeights(interactions.csr), similarity=similarity, k=k)


class RP3Beta(ItemToItem):
    """Score items by a random walk from an item over its users to other items.

    See :func:`fillrank.solvers.item_to_item.neighbours.random_walk`. It only ranks; new users need no training. It is
    one of the fastest models, and good on sparse logs.

    Attributes:
        alpha: the power of the probability of each step.
        beta: an item's score is divided by its number of users to this power.
        k: neighbours kept for each item. ``"auto"`` for these three takes the best nDCG@20 on the validation part, one
            after the other; more values are tried while an end is the best.
        positive_from: rows with at least this value count; ``"relevant"`` takes the data's own threshold, None all.
    """

    kind: ClassVar[str] = "rp3-beta"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("alpha", "beta", "k")
    usual_point: ClassVar[Mapping[str, Any]] = {"alpha": 1.0, "beta": 0.5, "k": 100}

    alpha: NotNegative | Literal["auto"] = "auto"
    beta: NotNegative | Literal["auto"] = "auto"
    k: Count | Literal["auto"] = "auto"

    def _axes(self, interactions: Interactions) -> Mapping[str, Axis]:  # noqa: ARG002
        return {
            "beta": Axis((0.2, 0.5, 0.8), step=0.1, allowed=lambda beta: 0 <= beta <= 2),
            "alpha": Axis((0.6, 1.0, 1.4), step=0.2, allowed=lambda alpha: 0 <= alpha <= 3),
            "k": _AXES["k"],
        }

    def _scorer(self, interactions: Interactions, point: Point) -> ItemWeights:
        weights = random_walk(interactions.csr, int(point["k"]), alpha=point["alpha"], beta=point["beta"])
        return ItemWeights(interactions.csr, SparseWeights(weights))
