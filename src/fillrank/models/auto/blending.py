"""The end of a search: the best candidate, or a blend of the best ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from fillrank.data import Interactions
from fillrank.factors import Blend, FittedScorer
from fillrank.factors.blend import PARTS, BlendPart
from fillrank.models.auto.search import CandidateSearch, FittedCandidate, Tried
from fillrank.models.base import Recipe
from fillrank.models.blend import Blended
from fillrank.models.spread import score_spread
from fillrank.models.weighing import best_share, folded_weights, joined_weights, weighted_blend

__all__ = ["FoundRanking", "best_ranking"]

_MOST_PARTS, _MOST_TRIED = 4, 6
_GAIN = 1.005
"""What one more part has to gain of the metric: less may be luck, and each part makes every list slower."""


@dataclass(frozen=True, eq=False)
class FoundRanking:
    """What a search ends in, as far as lists go.

    Attributes:
        recipe: that fits the same again.
        scorer: fitted on the train part.
        rows: further lines of the table of what was tried.
    """

    recipe: Recipe
    scorer: FittedScorer
    rows: Sequence[dict[str, Any]] = field(default=())


def best_ranking(search: CandidateSearch, train: Interactions, *, seed: int) -> FoundRanking:
    """The best candidate; or with others at its side, where each of them gains half a percent at least.

    Parts are added one after the other, in the order of their own metric, at most four of the best six.
    """
    ranked = search.lists()
    best = ranked[0]
    parts, value = [best], best.ranking or 0.0
    weights, spreads = [1.0], [_spread(best)]
    for other in [one for one in ranked[1:_MOST_TRIED] if _can_join(best) and _can_join(one)]:
        grown, wider = [*parts, other], [*spreads, _spread(other)]
        share = best_share(lambda share: search.judge(_joined(grown, joined_weights(weights, share), wider)))  # noqa: B023
        joined = joined_weights(weights, share)
        gained = search.judge(_joined(grown, joined, wider))
        if 0 < share < 1 and gained > _GAIN * value and len(grown) <= _MOST_PARTS:
            parts, value, weights, spreads = grown, gained, joined, wider
    if len(parts) == 1:
        return FoundRanking(best.recipe, best.model.scorer)
    recipe = Blended(parts=[one.recipe for one in parts], weights=weights, seed=seed)
    blend = _joined(parts, weights, spreads)
    row = Tried(" + ".join(one.recipe.kind for one in parts), metrics={search.metric: value}, note="blend").row()
    return FoundRanking(recipe, replace(blend, folded_weights=folded_weights(blend, train, seed)), [row])


def _can_join(one: FittedCandidate) -> bool:
    return isinstance(one.model.scorer, (*PARTS.values(), Blend))


def _spread(one: FittedCandidate) -> float:
    return score_spread(_scorer(one)) if _can_join(one) else 0.0


def _joined(parts: Sequence[FittedCandidate], weights: Sequence[float], spreads: Sequence[float]) -> Blend:
    return weighted_blend([_scorer(one) for one in parts], weights, spreads)


def _scorer(one: FittedCandidate) -> BlendPart | Blend:
    return cast("BlendPart | Blend", one.model.scorer)
