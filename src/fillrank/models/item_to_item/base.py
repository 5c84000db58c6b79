"""The base class of the item-to-item recipes: it selects positives, chooses settings, and makes the scorer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeAlias

import numpy as np

from fillrank.data import IdMap, Interactions
from fillrank.data.held_out_users import HeldOutUsers
from fillrank.factors import ItemWeights, UserNeighbours
from fillrank.factors.item_weights import history_rows
from fillrank.factors.weights import Csr
from fillrank.models.base import Recipe
from fillrank.models.grid import Axis, Judgement, Point, best_point
from fillrank.models.holding_out import some_users
from fillrank.models.monitoring import USUAL_MONITOR, judge_by
from fillrank.models.positives import PositiveFrom, positives, threshold
from fillrank.models.row_weights import ALL_POWERS, USUAL_POWER, power_of, scale_of
from fillrank.recommend import Recommender
from fillrank.training.context import FitContext

__all__ = ["ItemToItem", "Trial", "most_met"]

Trial: TypeAlias = tuple[Interactions, Interactions, Callable[[Point], ItemWeights | UserNeighbours]]
_MOST_JUDGED = 5_000  # users of the validation part


class ItemToItem(Recipe):
    """A recipe whose scorer is a pure function of the interactions and of a few numbers."""

    has_rule: ClassVar[bool] = True

    usual_point: ClassVar[Mapping[str, Any]] = {}
    """The value where the search for each setting begins; without a validation part it is used as it is."""

    together: ClassVar[Sequence[str]] = ()
    """Settings whose best values depend on each other: all pairs of their values are tried first."""

    most_tried: ClassVar[int] = 30

    positive_from: PositiveFrom = None

    def chooses(self) -> bool:
        """See :meth:`Recipe.chooses`."""
        return self.undecided()

    def uses_values(self, interactions: Interactions) -> bool:  # noqa: ARG002
        """See :meth:`Recipe.uses_values`."""
        return self.positive_from is not None

    @abstractmethod
    def _axes(self, interactions: Interactions) -> Mapping[str, Axis]:
        """The values to try for each setting."""

    @abstractmethod
    def _scorer(self, interactions: Interactions, point: Point) -> ItemWeights | UserNeighbours:
        """The scorer with these numbers."""

    def _as_tried(self, point: Mapping[str, Any]) -> Point:
        """The point as numbers, because a grid only takes numbers."""
        return point

    def _as_chosen(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """The inverse of :meth:`_as_tried`."""
        return dict(point)

    def _tried(self, interactions: Interactions, valid: Interactions) -> Trial:
        """The data of the search: a log, its validation part, and a function that makes a scorer for that log."""
        return interactions, valid, lambda point: self._scorer(interactions, point)

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        interactions = positives(self.positive_from, train)
        usual, every = dict(self.usual_point), dict(self._axes(interactions))
        weighted = self.uses_weights and interactions.weights is not None
        if weighted:
            usual["weight_power"] = USUAL_POWER
            every["weight_power"] = Axis(ALL_POWERS, allowed=lambda power: power in ALL_POWERS)
        given = {name: getattr(self, name) for name in usual if getattr(self, name) != "auto"}
        axes = {name: axis for name, axis in every.items() if name not in given}
        point = usual | given
        if axes and valid is not None:
            point = self._as_chosen(self._chosen(train, interactions, valid, axes, self._as_tried(point), context))
        scorer = replace(self._scorer(interactions, point), positive_from=threshold(self.positive_from, train))
        if weighted and point["weight_power"]:
            power = float(point["weight_power"])
            scorer = replace(scorer, weight_power=power, weight_scale=scale_of(interactions, power))
        elif self.uses_weights and not weighted:
            point = {**point, "weight_power": power_of(getattr(self, "weight_power"))}  # noqa: B009 -- not all have it
        return self._recommender(train, scorer, chosen=point)

    def _matrix(self, interactions: Interactions, point: Mapping[str, Any]) -> Csr:
        """Who met what: ones, or weights to the power that the point has, brought to a mean of 1."""
        power = point.get("weight_power", 0.0)
        if interactions.weights is None or not power:
            return interactions.csr
        return history_rows(interactions, None, power=float(power), scale=scale_of(interactions, float(power)))

    def _chosen(
        self,
        train: Interactions,
        interactions: Interactions,
        valid: Interactions,
        axes: Mapping[str, Axis],
        start: Point,
        context: FitContext,
    ) -> Point:
        """The point with the best nDCG@20 on the validation part."""
        interactions, valid, scorer = self._tried(interactions, some_users(valid, _MOST_JUDGED, seed=0))
        seen = train.csr if train.n_items == interactions.n_items else interactions.csr
        judge = judge_by(USUAL_MONITOR, interactions, valid, seen=seen)

        def judged(point: Point) -> Judgement:
            return judge(scorer(point))

        return best_point(axes, start, judged, most=self.most_tried, together=self.together, context=context)


def most_met(interactions: Interactions, other: Interactions, n: int) -> tuple[Interactions, Interactions]:
    """Both logs with only the ``n`` most popular items of ``interactions``."""
    kept = np.sort(np.argsort(-interactions.item_counts, kind="stable")[:n])
    places = np.full(interactions.n_items, -1, dtype=np.int32)
    places[kept] = np.arange(len(kept), dtype=np.int32)
    ids = IdMap(range(len(kept)))

    def cut(one: Interactions) -> Interactions:
        rows = one.select(places[one.items] >= 0)
        more: dict[str, Any] = {}
        if isinstance(rows, HeldOutUsers):
            more["known"] = cut(rows.known)
            rows = rows.select(np.isin(rows.users, more["known"].users))
        return replace(rows, items=places[rows.items], item_ids=ids, **more)

    return cut(interactions), cut(other)
