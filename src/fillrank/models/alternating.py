"""What the recipes through alternating least squares share: how rows are solved, and which round is kept."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

from pydantic import Field

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.factors.ridge import RidgeMethod, RowSolver
from fillrank.models.base import Positive, Recipe
from fillrank.models.grid import Judgement
from fillrank.models.unused import where
from fillrank.runtime.interrupt import Interrupt
from fillrank.runtime.progress import Progress, current_stage
from fillrank.training.looks import Look, tell
from fillrank.training.settling import warn_if_unsettled

__all__ = ["TRIAL", "Alternating", "Judge", "best_round", "unjudged"]

logger = logging.getLogger("fillrank")

TRIAL = 4  # rounds after which penalties are compared; the best pair was the same one after 8 or 16

Judge: TypeAlias = Callable[[Factors], Judgement]
"""How good a round is."""


class Alternating(Recipe):
    """What the two recipes share: how rows are solved."""

    method: RidgeMethod = "cholesky"
    steps: int = Field(default=3, ge=1)
    block: int = Field(default=64, ge=1)
    init_scale: Positive = 0.1
    iterations: int = Field(default=16, ge=1)
    patience: int = Field(default=3, ge=1)
    seed: int = Field(default=0, ge=0)
    n_threads: int | None = Field(default=None, ge=1)
    progress: bool = True

    def idle(self, log: Interactions, valid: Interactions | None) -> Mapping[str, str]:  # noqa: ARG002
        """See :meth:`Recipe.idle`."""
        steps = where(self.method == "cg", "method='cg'", "steps")
        return {**steps, **where(self.method == "block", "method='block'", "block")}

    def solver(self) -> RowSolver:
        """How rows are solved."""
        return RowSolver(self.method, self.steps, self.block, self.n_threads)


@dataclass
class _Kept:
    """The best round so far, and the figures of all."""

    factors: Factors = field(init=False)
    number: int = 0
    gain: float = -math.inf
    history: list[dict[str, float]] = field(default_factory=list)


def unjudged(factors: Factors) -> Judgement:  # noqa: ARG001
    """Without a validation part every round is as good as the one before, and so the last is kept."""
    return 0.0, {}


def best_round(
    recipe: Alternating, rounds: Iterator[Factors], judge: Judge, objective: Callable[[Factors], float]
) -> _Kept:
    """The best of the first rounds by ``judge``; of equals, the last.

    Where they run out while the judge, or without one the ``objective``, still finds them better, a warning says so.
    """
    kept, started = _Kept(), time.perf_counter()
    losses: list[float] = []
    best_before = -math.inf
    with Interrupt() as interrupt, Progress(recipe.iterations, 1, shown=recipe.progress) as progress:
        for number, factors in enumerate(islice(rounds, recipe.iterations), start=1):
            gain, figures = judge(factors)
            if not figures and number >= recipe.iterations - 1 and current_stage() != "refit":
                losses.append(objective(factors))
            best_before = kept.gain
            if gain >= kept.gain:
                kept.factors, kept.number, kept.gain = factors, number, gain
            now = time.perf_counter()
            kept.history.append({"epoch": number, "seconds": round(now - started, 6), **figures})
            started = now
            progress.step_done()
            progress.epoch_done(kept.history[-1], kept.number)
            asked = interrupt.asked  # read once: who listens hears of every stop
            tell(Look(number, gain, figures, asked))
            if asked:
                logger.warning("stopped by hand in round %d; keeping round %d, the best so far", number, kept.number)
            if asked or number - kept.number >= recipe.patience:
                break
    if len(kept.history) == recipe.iterations == kept.number > 1 and not interrupt.asked:
        name, limit = type(recipe).__name__, recipe.iterations
        if len(losses) == 2:
            before, last = losses
            warn_if_unsettled(name, "iterations", limit, before=before, last=last, of="what it minimises")
        elif kept.gain != 0:
            before, last = abs(best_before), abs(kept.gain)
            warn_if_unsettled(name, "iterations", limit, before=before, last=last, of="validation")
    return kept
