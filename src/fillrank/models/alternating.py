"""The common part of the recipes of alternating least squares: the row solver, and the choice of the best iteration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from pydantic import Field

from fillrank.data import Interactions
from fillrank.errors import DataError
from fillrank.factors import Factors
from fillrank.factors.ridge import RidgeMethod, RowSolver
from fillrank.models.base import Positive, Recipe
from fillrank.models.going_on import factors_of, state_file, state_of
from fillrank.models.grid import Judgement
from fillrank.models.unused import where
from fillrank.runtime.strict_json import is_number
from fillrank.training.checkpoint import Saved
from fillrank.training.context import FitContext
from fillrank.training.rounds import Rounds
from fillrank.training.settling import warn_if_unsettled
from fillrank.training.state_file import StateFile

__all__ = ["TRIAL", "Alternating", "Judge", "KeptChoice", "best_iteration", "unjudged"]

TRIAL = 4  # iterations after which penalties are compared; after 8 or 16 the same pair was the best

Judge: TypeAlias = Callable[[Factors], Judgement]
"""Evaluates the factors of an iteration."""


@dataclass(frozen=True)
class KeptChoice:
    """Where the state of a fit is kept, what was kept before (None: nothing), and the settings that were chosen."""

    file: StateFile
    saved: Saved | None
    chosen: Mapping[str, float]


class Alternating(Recipe):
    """The common settings of the two recipes: the solver of rows."""

    resumes: ClassVar[bool] = True

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

    def _kept(
        self,
        context: FitContext,
        train: Interactions,
        valid: Interactions | None,
        choose: Callable[[], dict[str, float]],
    ) -> KeptChoice:
        """Where the state of the fit is kept, and the settings: those of the state, or else what ``choose`` gives.

        Where a callback has cut the choice short nothing is kept, as another run may come further.
        """
        file = state_file(self, context, train, valid)
        saved = file.read()
        if saved is None:
            chosen = choose()
            return KeptChoice(file if "trial" not in context.state.stopped else StateFile(None, {}), None, chosen)
        found: Any = saved.facts.get("chosen")
        if not isinstance(found, dict) or not all(is_number(one) for one in found.values()):
            raise DataError(f"{file.place} does not say which settings were chosen; remove it to begin anew")
        return KeptChoice(file, saved, found)

    def solver(self) -> RowSolver:
        """The solver of rows."""
        return RowSolver(self.method, self.steps, self.block)


def unjudged(factors: Factors) -> Judgement:  # noqa: ARG001
    """The judgement without a validation part: all factors are equally good."""
    return 0.0, {}


def best_iteration(
    recipe: Alternating,
    iterations: Callable[[Factors | None], Iterator[Factors]],
    judge: Judge | None,
    objective: Callable[[Factors], float],
    context: FitContext,
    kept: KeptChoice,
) -> Rounds[Factors]:
    """Run the iterations, and keep the best by ``judge``, or the last without a judge.

    If the model still improved in the last iteration (by the judge, else by the ``objective``), a warning says so.

    Args:
        recipe: whose iterations they are.
        iterations: gives those after given factors, or all of them.
        judge: see :data:`Judge`; None: nothing is judged.
        objective: what the iterations minimise.
        context: of the fit.
        kept: where the state is kept, and what was kept before.
    """
    limit, losses = recipe.iterations, list[float]()
    rounds = Rounds[Factors](context, limit, patience=recipe.patience, unit="iteration")
    before: list[Factors] = []

    def restore(saved: Saved) -> Factors:
        current, best = factors_of(saved, "current"), factors_of(saved, "best")
        before.extend([] if current is None else [current])
        losses.extend(float(loss) for loss in saved.facts["losses"])
        return before[0] if best is None else best

    kept.file.go_on(kept.saved, rounds, restore, judged=judge is not None)
    with rounds:
        for number, factors in zip(rounds.numbers(), iterations(before[0] if before else None), strict=False):
            rounds.learnt()
            score, metrics = (None, {}) if judge is None else judge(factors)
            if judge is None and number >= limit - 1 and context.stage != "refit":
                losses.append(objective(factors))
            rounds.epoch_end(metrics, score=score, keep=lambda found=factors: found)  # type: ignore[misc]
            facts = {"chosen": dict(kept.chosen), "losses": list(losses)}
            best = None if rounds.best is factors else rounds.best
            state = lambda now=factors, best=best, facts=facts: state_of(facts, current=now, best=best)  # noqa: E731
            kept.file.round_ended(rounds, state, judged=judge is not None)
    if rounds.ran_out:
        earlier, last, of = abs(rounds.before_best), abs(rounds.best_score), "validation"
        if len(losses) == 2:
            (earlier, last), of = losses, "what it minimises"
        if judge is not None or len(losses) == 2:
            kind = type(recipe).__name__
            warn_if_unsettled(kind, "iterations", limit, before=earlier, last=last, of=of, stage=context.stage)
    return rounds
