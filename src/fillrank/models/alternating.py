"""The common part of the recipes of alternating least squares: the row solver, and the choice of the best iteration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from pydantic import Field

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.factors.ridge import RidgeMethod, RowSolver
from fillrank.models.base import Positive, Recipe
from fillrank.models.grid import Judgement
from fillrank.models.unused import where
from fillrank.training.context import FitContext
from fillrank.training.rounds import Rounds
from fillrank.training.settling import warn_if_unsettled

__all__ = ["TRIAL", "Alternating", "Judge", "best_iteration", "unjudged"]

TRIAL = 4  # iterations after which penalties are compared; after 8 or 16 the same pair was the best

Judge: TypeAlias = Callable[[Factors], Judgement]
"""Evaluates the factors of an iteration."""


class Alternating(Recipe):
    """The common settings of the two recipes: the solver of rows."""

    method: RidgeMethod = "cholesky"
    steps: int = Field(default=3, ge=1)
    block: int = Field(default=64, ge=1)
    init_scale: Positive = 0.1
    iterations: int = Field(default=16, ge=1)
    patience: int = Field(default=3, ge=1)
    seed: int = Field(default=0, ge=0)

    def idle(self, interactions: Interactions, valid: Interactions | None) -> Mapping[str, str]:  # noqa: ARG002
        """See :meth:`Recipe.idle`."""
        steps = where(self.method == "cg", "method='cg'", "steps")
        return {**steps, **where(self.method == "block", "method='block'", "block")}

    def solver(self) -> RowSolver:
        """The solver of rows."""
        return RowSolver(self.method, self.steps, self.block)


def unjudged(factors: Factors) -> Judgement:  # noqa: ARG001
    """The judgement without a validation part: all factors are equally good."""
    return 0.0, {}


def best_iteration(
    recipe: Alternating,
    iterations: Iterator[Factors],
    judge: Judge | None,
    objective: Callable[[Factors], float],
    context: FitContext,
) -> Rounds[Factors]:
    """Run the iterations, and keep the best by ``judge``, or the last without a judge.

    If the model still improved in the last iteration (by the judge, else by the ``objective``), a warning says so.
    """
    limit, losses = recipe.iterations, list[float]()
    with Rounds[Factors](context, limit, patience=recipe.patience, unit="iteration") as rounds:
        for number, factors in zip(rounds.numbers(), iterations, strict=False):
            rounds.learnt()
            score, metrics = (None, {}) if judge is None else judge(factors)
            if judge is None and number >= limit - 1 and context.stage != "refit":
                losses.append(objective(factors))
            rounds.epoch_end(metrics, score=score, keep=lambda found=factors: found)  # type: ignore[misc]
    if rounds.ran_out:
        before, last, of = abs(rounds.before_best), abs(rounds.best_score), "validation"
        if len(losses) == 2:
            (before, last), of = losses, "what it minimises"
        if judge is not None or len(losses) == 2:
            kind = type(recipe).__name__
            warn_if_unsettled(kind, "iterations", limit, before=before, last=last, of=of, stage=context.stage)
    return rounds
