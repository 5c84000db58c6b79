"""The end of a search: the best candidate, or a blend of the best ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fillrank.data import Interactions
from fillrank.factors import FittedScorer
from fillrank.models.auto.search import CandidateSearch, Tried
from fillrank.models.base import Recipe
from fillrank.models.blend import Blended
from fillrank.models.spread import score_spread
from fillrank.models.weighing import best_weights, can_be_weighed, folded_weights, weighted_blend

__all__ = ["FoundRanking", "best_ranking"]

_MOST_PARTS, _MOST_TRIED = 4, 6
_LEAST_GAIN = 0.005
"""The gain of the metric that one more part must bring: less may be chance, and each part makes every list slower."""


@dataclass(frozen=True, eq=False)
class FoundRanking:
    """The result of a search for lists.


    Attributes:
        recipe: fits the same again.
        scorer: the scorer, fitted on the train part.
        rows: further lines for the table of candidates.
    """

    recipe: Recipe
    scorer: FittedScorer
    rows: Sequence[dict[str, Any]] = field(default=())


def best_ranking(search: CandidateSearch, train: Interactions, *, seed: int) -> FoundRanking:
    """The best candidate, or a blend of it with others, each of which must gain at least half a percent.

    Parts are added one after the other, in the order of their own metrics: at most four of the best six.
    """
    best = search.lists()[0]
    parts = [one for one in search.lists()[:_MOST_TRIED] if can_be_weighed(one.model.scorer)]
    scorers = [scorer for one in parts if can_be_weighed(scorer := one.model.scorer)]
    if len(parts) < 2 or parts[0] is not best:
        return FoundRanking(best.recipe, best.model.scorer)
    spreads = [score_spread(scorer) for scorer in scorers]
    weights = best_weights(scorers, spreads, figure=search.judge, least_gain=_LEAST_GAIN, most=_MOST_PARTS)
    heard = [one for one, weight in zip(parts, weights, strict=True) if weight > 0]
    if len(heard) == 1:
        return FoundRanking(best.recipe, best.model.scorer)
    blend = weighted_blend(scorers, weights, spreads)
    recipe = Blended(parts=[one.recipe for one in heard], weights=[one for one in weights if one > 0], seed=seed)
    name, metrics = " + ".join(one.recipe.kind for one in heard), {search.metric: search.judge(blend)}
    blend = replace(blend, folded_weights=folded_weights(blend, train, seed))
    return FoundRanking(recipe, blend, [Tried(name, metrics=metrics, note="blend").row()])
