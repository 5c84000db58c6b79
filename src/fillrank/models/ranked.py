"""``Ranking``: turn learned vectors into the vectors that rank, with neighbours mixed in and popularity added."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Self

import torch

from fillrank.data import Interactions
from fillrank.encoders.base import Similarity
from fillrank.encoders.lightgcn import with_neighbours
from fillrank.encoders.sparse import SparseMatrix, adjacency_of
from fillrank.factors import Factors
from fillrank.factors.fold_in import ImplicitRidge
from fillrank.models.climbing import Climb
from fillrank.training import World
from fillrank.training.context import FitContext
from fillrank.training.rounds import Rounds

__all__ = [
    "NEIGHBOUR_WEIGHTS",
    "POPULARITY_BETAS",
    "POPULARITY_WEIGHTS",
    "RANKING_NUMBERS",
    "USUAL_NEIGHBOUR_WEIGHT",
    "Ranking",
    "open_numbers",
]

NEIGHBOUR_WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 16.0)
"""The candidates of ``neighbour_weight="auto"``: the first six; the others are tried while the last one is the best."""
USUAL_NEIGHBOUR_WEIGHT = 0.1
"""The value of ``neighbour_weight="auto"`` for vectors learned by cosines, if there is no validation part."""
POPULARITY_BETAS = (
    *(-2.0, -1.4, -1.0, -0.7, -0.5, -0.3, -0.2, -0.15, -0.1, -0.05, -0.025),
    *(0.0, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.4, 2.0),
)
"""The candidates of ``popularity_beta="auto"``: -0.05 to 0.2; more are tried while an end is the best.
With 0.1, the vector of an item with 1,000 users becomes twice as long."""
POPULARITY_WEIGHTS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""The candidates of ``popularity_weight="auto"``: 0, 0.01, 0.1 and 100 (which ranks by popularity alone), then the
neighbours of the best."""
Judge = Callable[[Factors], tuple[float, Mapping[str, float]]]
"""Returns the score of a ranking on the validation part (higher is better), and the metrics to show."""
_NOTHING = POPULARITY_BETAS.index(0.0)
_LADDERS = {
    "neighbour_weight": (NEIGHBOUR_WEIGHTS, range(6)),
    "popularity_beta": (
        POPULARITY_BETAS,
        (_NOTHING, *range(_NOTHING - 2, _NOTHING), *range(_NOTHING + 1, _NOTHING + 8)),
    ),
    "popularity_weight": (POPULARITY_WEIGHTS, (0, 2, 4, len(POPULARITY_WEIGHTS) - 1)),
}
RANKING_NUMBERS = tuple(_LADDERS)
"""The settings of a recipe that belong to :attr:`Ranking.numbers`."""


def open_numbers(recipe: Any, among: Sequence[str] = RANKING_NUMBERS) -> list[str]:
    """The settings to choose. If one of the two popularity settings is given, the other is not chosen."""
    given = recipe.popularity_beta != "auto" and "popularity_weight" not in recipe.model_fields_set
    auto = [name for name in among if getattr(recipe, name) == "auto"]
    return [name for name in auto if not (given and name == "popularity_weight")]


@dataclass(frozen=True)
class Ranking:
    """Turns learned vectors into the vectors that rank, without training.

    Attributes:
        interactions: the log that they were learned from.
        by: the product that ranks.
        neighbour_weight: see :func:`fillrank.encoders.with_neighbours`.
        popularity_beta: an item's vector is multiplied by its number of users to this power.
        popularity_weight: γ of ``γ · s · log(1 + n)``, which is added to the scores of an item with n users; s is the
            mean length of the users' vectors times that of the items' vectors.
    """

    interactions: Interactions
    by: Similarity
    neighbour_weight: float = 0.0
    popularity_beta: float = 0.0
    popularity_weight: float = 0.0

    @cached_property
    def _adjacency(self) -> SparseMatrix:
        return adjacency_of(self.interactions)

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers that can be chosen, by name."""
        return {name: getattr(self, name) for name in _LADDERS}

    def of(self, learnt: Factors, **instead: float) -> Factors:
        """The factors that rank, with other :attr:`numbers` if any are given."""
        numbers = self.numbers | instead
        ranking = replace(learnt, similarity=self.by)
        if weight := numbers["neighbour_weight"]:
            ranking = with_neighbours(ranking, self._adjacency, weight)
        counts = torch.from_numpy(self.interactions.item_counts).to(ranking.items)
        if beta := numbers["popularity_beta"]:
            ranking = ranking.with_item_weights(counts.clamp(min=1) ** beta)
        if weight := numbers["popularity_weight"]:
            of_users, of_items = (side.norm(dim=1).mean() for side in (ranking.user_vectors, ranking.item_vectors))
            folding = ranking.folding
            if isinstance(folding, ImplicitRidge):  # a sum needs new users' vectors to be as long as the others
                folding = replace(folding, length=float(of_users))
            ranking = replace(ranking, item_bias=weight * of_users * of_items * counts.log1p(), folding=folding)
        return ranking

    def chosen(self, names: Sequence[str], learnt: Factors, judge: Judge, context: FitContext | None = None) -> Self:
        """The same ranking with the best numbers; they are chosen one after the other, with the others fixed.

        The values of each are tried along its ladder, and beyond an end while the end is the best. With several
        processes, the first one evaluates, and all use its result. Ctrl-C or a callback ends the search with the best
        so far.

        Args:
            names: the numbers to choose: ``neighbour_weight``, ``popularity_beta`` or ``popularity_weight``.
            learnt: the learned factors.
            judge: evaluates a ranking on the validation part.
            context: the context of the fit; None: no callbacks.
        """
        turns = names if len(names) < 2 else (*names, names[0])
        kept, world, context = self.numbers, World.current(), (context or FitContext()).trial()
        usual = sum(len(_LADDERS[name][1]) for name in turns)
        if not turns or not context.begins():
            return self
        with Rounds[None](context, usual, unit="trial", what="the ranking", world=world) as rounds:
            for name in turns:
                climb = Climb(*_LADDERS[name])
                while not rounds.over and (place := climb.due()) is not None:
                    tried = kept | {name: climb.rungs[place]}
                    gain, metrics = world.broadcast(partial(self._judged, learnt, judge, tried))
                    climb.scores[place] = gain
                    rounds.epoch_end(metrics, score=gain, keep=lambda: None)
                kept[name] = climb.rungs[climb.best] if climb.scores else kept[name]
        return replace(self, **kept)  # type: ignore[arg-type]

    def _judged(self, learnt: Factors, judge: Judge, numbers: Mapping[str, float]) -> tuple[float, Mapping[str, float]]:
        return judge(self.of(learnt, **numbers))
