"""What ranks, made of what was learnt: vectors by cosine or product, with more of their neighbours or of popularity."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import inf
from typing import Self

import torch

from fillrank.data import Interactions
from fillrank.encoders.base import Similarity
from fillrank.encoders.lightgcn import with_neighbours
from fillrank.encoders.sparse import SparseMatrix, adjacency_of
from fillrank.factors import Factors
from fillrank.models.climbing import Climb
from fillrank.runtime.interrupt import Interrupt
from fillrank.runtime.progress import Progress
from fillrank.training import Look, World, tell

__all__ = ["NEIGHBOUR_WEIGHTS", "POPULARITY_BETAS", "USUAL_NEIGHBOUR_WEIGHT", "Ranking"]

NEIGHBOUR_WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 16.0)
"""What ``neighbour_weight="auto"`` chooses from: the first six, and on from the last of them while that is the best."""
USUAL_NEIGHBOUR_WEIGHT = 0.1
"""What ``neighbour_weight="auto"`` is for vectors learnt by cosines where there is no validation part to choose on."""
POPULARITY_BETAS = (
    *(-2.0, -1.4, -1.0, -0.7, -0.5, -0.3, -0.2, -0.15, -0.1, -0.05, -0.025),
    *(0.0, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.4, 2.0),
)
"""What ``popularity_beta="auto"`` chooses from: -0.05 to 0.2, and on from an end while that is the best. 0.1 makes the
vector of an item with 1,000 users twice as long."""
Judge = Callable[[Factors], tuple[float, Mapping[str, float]]]
"""What a ranking reaches on the validation part, higher is better, and what to show of it."""
_log = logging.getLogger("fillrank")
_NOTHING = POPULARITY_BETAS.index(0.0)
_LADDERS = {
    "neighbour_weight": (NEIGHBOUR_WEIGHTS, range(6)),
    "popularity_beta": (
        POPULARITY_BETAS,
        (_NOTHING, *range(_NOTHING - 2, _NOTHING), *range(_NOTHING + 1, _NOTHING + 8)),
    ),
}


@dataclass(frozen=True)
class Ranking:
    """Turns learnt vectors into those that rank; nothing is learnt here.

    Attributes:
        log: the log they were learnt from.
        by: the product that ranks.
        neighbour_weight: see :func:`fillrank.encoders.with_neighbours`.
        popularity_beta: the power of an item's count of users by which its vector is lengthened.
    """

    log: Interactions
    by: Similarity
    neighbour_weight: float = 0.0
    popularity_beta: float = 0.0

    @cached_property
    def _adjacency(self) -> SparseMatrix:
        return adjacency_of(self.log)

    def of(
        self, learnt: Factors, *, neighbour_weight: float | None = None, popularity_beta: float | None = None
    ) -> Factors:
        """The factors that rank; the two numbers in place of its own, if given."""
        weight = self.neighbour_weight if neighbour_weight is None else neighbour_weight
        beta = self.popularity_beta if popularity_beta is None else popularity_beta
        ranking = replace(learnt, similarity=self.by)
        if weight:
            ranking = with_neighbours(ranking, self._adjacency, weight)
        if beta:
            counts = torch.from_numpy(self.log.item_counts).clamp(min=1).to(ranking.items)
            ranking = ranking.with_item_weights(counts**beta)
        return ranking

    def chosen(
        self, names: Sequence[str], learnt: Factors, judge: Judge, *, epoch: int = 0, shown: bool = True
    ) -> Self:
        """The same with the best numbers that were tried, in turn, each with the other as it stands.

        Each is tried along its ladder, and on from an end while that is the best. Of several processes the first one
        judges, and all go the same way. Ctrl-C ends it with the best so far, and whoever listens is told that the
        training was stopped.

        Args:
            names: of those to choose, out of ``neighbour_weight`` and ``popularity_beta``.
            learnt: the factors to rank by.
            judge: looks at the validation part.
            epoch: the last of the training, for those who listen.
            shown: whether progress is.
        """
        turns = names if len(names) < 2 else (*names, names[0])
        kept = {"neighbour_weight": self.neighbour_weight, "popularity_beta": self.popularity_beta}
        best, highest, number = 0, -inf, 0
        world = World.current()
        usual = sum(len(_LADDERS[name][1]) for name in turns)
        with (
            Interrupt() as interrupt,
            Progress(usual, 1, shown=shown and world.rank == 0, unit="trial") as progress,
        ):
            for name in turns:
                climb = Climb(*_LADDERS[name])
                while not (stopped := world.any(interrupt.asked) and number > 0) and (place := climb.due()) is not None:
                    number += 1
                    tried = kept | {name: climb.rungs[place]}
                    gain, figures = world.first(partial(self._judged, learnt, judge, tried))
                    climb.scores[place] = gain
                    if gain > highest:
                        best, highest = number, gain
                    progress.step_done()
                    progress.epoch_done({"epoch": number, **figures}, best)
                kept[name] = climb.rungs[climb.best] if climb.scores else kept[name]
                if stopped:
                    _log.warning(
                        "stopped by hand in trial %d of the ranking; keeping trial %d, the best so far", number, best
                    )
                    tell(Look(epoch, highest, {}, interrupted=True))
                    break
        return replace(self, neighbour_weight=kept["neighbour_weight"], popularity_beta=kept["popularity_beta"])

    def _judged(self, learnt: Factors, judge: Judge, numbers: Mapping[str, float]) -> tuple[float, Mapping[str, float]]:
        return judge(self.of(learnt, **numbers))
