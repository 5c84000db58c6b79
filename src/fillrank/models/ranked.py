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
from fillrank.interrupt import Interrupt
from fillrank.training import Look, World, tell
from fillrank.training.progress import Progress

__all__ = ["NEIGHBOUR_WEIGHTS", "POPULARITY_BETAS", "Ranking"]

NEIGHBOUR_WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
"""What ``neighbour_weight="auto"`` chooses from."""
POPULARITY_BETAS = (0.0, -0.05, -0.025, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2)
"""What ``popularity_beta="auto"`` chooses from: 0.1 makes the vector of an item with 1,000 users twice as long."""
Judge = Callable[[Factors], tuple[float, Mapping[str, float]]]
"""What a ranking reaches on the validation part, higher is better, and what to show of it."""
_log = logging.getLogger("fillrank")
_CHOICES = {"neighbour_weight": NEIGHBOUR_WEIGHTS, "popularity_beta": POPULARITY_BETAS}


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

        Of several processes the first one judges, and all go the same way. Ctrl-C ends it with the best so far, and
        whoever listens is told that the training was stopped.

        Args:
            names: of those to choose, out of ``neighbour_weight`` and ``popularity_beta``.
            learnt: the factors to rank by.
            judge: looks at the validation part.
            epoch: the last of the training, for those who listen.
            shown: whether progress is.
        """
        turns = names if len(names) < 2 else (*names, names[0])
        trials = [(name, value) for name in turns for value in _CHOICES[name]]
        kept, best, highest = (
            {"neighbour_weight": self.neighbour_weight, "popularity_beta": self.popularity_beta},
            0,
            -inf,
        )
        world = World.current()
        shown = shown and world.rank == 0
        with Interrupt() as interrupt, Progress(len(trials), 1, shown=shown, unit="trial") as progress:
            for number, (name, value) in enumerate(trials, start=1):
                tried = kept | {name: value}
                gain, figures = world.first(partial(self._judged, learnt, judge, tried))
                if gain > highest:
                    kept, best, highest = tried, number, gain
                progress.step_done()
                progress.epoch_done({"epoch": number, **figures}, best)
                if world.any(interrupt.asked):
                    _log.warning(
                        "stopped by hand in trial %d of the ranking; keeping trial %d, the best so far", number, best
                    )
                    tell(Look(epoch, gain, figures, interrupted=True))
                    break
        weight, beta = kept["neighbour_weight"], kept["popularity_beta"]
        return replace(self, neighbour_weight=weight, popularity_beta=beta)

    def _judged(self, learnt: Factors, judge: Judge, numbers: Mapping[str, float]) -> tuple[float, Mapping[str, float]]:
        return judge(self.of(learnt, **numbers))
