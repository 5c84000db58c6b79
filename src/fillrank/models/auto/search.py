"""The search: candidates are fitted and evaluated one after the other, while there is time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fillrank.data import Interactions
from fillrank.errors import FillrankError
from fillrank.models.auto.candidates import Candidate, Goal, LogShape
from fillrank.models.auto.deadline import Deadline
from fillrank.models.base import Recipe, error_on
from fillrank.models.holding_out import some_users
from fillrank.models.monitoring import monitored
from fillrank.recommend import Recommender
from fillrank.runtime.interrupt import Interrupt
from fillrank.training.context import FitContext

__all__ = ["CandidateSearch", "FittedCandidate", "Tried"]

logger = logging.getLogger("fillrank")

_MOST_JUDGED = 10_000
"""The largest number of users on whose held-out items lists are evaluated."""
_SHARE = 0.55
"""The share of the remaining time that one candidate may take; its second fit, on all rows, needs less than that."""
_SLOWNESS = 0.25, 20.0
_FIRST_CALLS = 3.0
"""Seconds that a candidate may take in addition before the machine counts as slow: some are compiled at first."""


@dataclass(frozen=True)
class Tried:
    """One line of the table of candidates.

    Attributes:
        model: the name of the candidate.
        seconds: the time that it took; None: it was not fitted.
        metrics: its metrics on the validation part; None: it was not fitted.
        note: why it was left out, what went wrong, or that its time ran out.
    """

    model: str
    seconds: float | None = None
    metrics: Mapping[str, float] | None = None
    note: str = ""

    def row(self) -> dict[str, Any]:
        """As plain data, for the settings of the model."""
        seconds = {} if self.seconds is None else {"seconds": round(self.seconds, 2)}
        note = {"note": self.note} if self.note else {}
        return {"model": self.model, **seconds, **{name: float(v) for name, v in (self.metrics or {}).items()}, **note}


@dataclass(frozen=True, eq=False)
class FittedCandidate:
    """A candidate that was fitted on the train part.


    Attributes:
        recipe: the recipe with the chosen settings.
        model: the fitted model.
        ranking: the metric of its lists on the validation part; None: not evaluated.
        error: the root mean squared error of its predictions there; None: it predicts nothing, or was not evaluated.
        refit_seconds: about how long one more training with the same settings takes.
    """

    recipe: Recipe
    model: Recommender
    ranking: float | None
    error: float | None
    refit_seconds: float


class CandidateSearch:
    """Fits candidates on the train part and evaluates them on the validation part, until the time is up.


    Args:
        train, valid: the two parts.
        goal: what to evaluate: lists, ratings or both.
        monitor: the metric of lists, such as ``"ndcg@20"``.
        end: when the whole fit should be over, on the scale of ``clock``.
        context: the context of the fit.
        seed: for the random users of the evaluation, if there are many.
        clock: returns the seconds.

    Attributes:
        fitted: the candidates that were fitted, in the order in which they were tried.
        tried: a line for each candidate.
    """

    def __init__(
        self,
        train: Interactions,
        valid: Interactions,
        *,
        goal: Goal,
        monitor: str,
        end: float,
        context: FitContext,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.fitted: list[FittedCandidate] = []
        self.tried: list[Tried] = []
        self.metric, self._evaluator = monitored(monitor, train, some_users(valid, _MOST_JUDGED, seed=seed))
        self._train, self._valid, self._goal, self._context = train, valid, goal, context
        self._shape = LogShape.of(train)
        self._end, self._clock = end, clock
        self._expected = self._taken = _FIRST_CALLS

    def run(self, candidates: Sequence[Candidate]) -> None:
        """Try the candidates in their order. Ctrl-C ends the search; the models fitted so far are kept."""
        with Interrupt(holds=False) as stop:
            for n, candidate in enumerate(candidates):
                about = candidate.seconds(self._shape) * self._slowness
                why = self._why_not(candidate, about)
                if why:
                    self.tried.append(Tried(candidate.name, note=why))
                    continue
                place = self._context.part(n)
                if self.fitted and not place.begins():
                    break
                self._try(candidate, place, about, must=not self.fitted)
                if stop.asked:
                    break

    def lists(self) -> list[FittedCandidate]:
        """The fitted candidates that rank, the best first."""
        ranked = [one for one in self.fitted if one.ranking is not None]
        return sorted(ranked, key=lambda one: -(one.ranking or 0.0))

    def ratings(self) -> list[FittedCandidate]:
        """The fitted candidates that predict values, the best first."""
        rated = [one for one in self.fitted if one.error is not None]
        return sorted(rated, key=lambda one: one.error or 0.0)

    def judge(self, scorer: Any) -> float:
        """The metric of a scorer's lists on the validation part."""
        return self._evaluator.run(scorer)[self.metric]

    @property
    def left(self) -> float:
        """Seconds for further candidates: the remaining time minus the second fit of the best so far."""
        best = [*self.lists()[:2], *self.ratings()[:1]]
        return self._end - self._clock() - sum(one.refit_seconds for one in best)

    @property
    def _slowness(self) -> float:
        """How much longer the fits so far took than estimated, as a factor."""
        lowest, highest = _SLOWNESS
        return min(max(self._taken / self._expected, lowest), highest)

    def _why_not(self, candidate: Candidate, about: float) -> str:
        if candidate.after is not None and candidate.after not in self._leading():
            return f"left out: {candidate.after} is not among the best"
        if self.fitted and about > self.left * _SHARE:
            return f"left out: it may take {about:.0f} s, and {max(self.left, 0):.0f} s were left"
        return ""

    def _leading(self) -> set[str]:
        return {one.recipe.kind for one in (*self.lists()[:2], *self.ratings()[:1])}

    def _try(self, candidate: Candidate, place: FitContext, about: float, *, must: bool) -> None:
        limit = Deadline(self._clock() + (float("inf") if must else self.left * _SHARE), clock=self._clock)
        options = replace(place.options, callbacks=[*place.options.callbacks, limit])
        self._say(f"trying {candidate.name}" + (f", about {about:.0f} s" if about >= 5 else ""))
        began = self._clock()
        try:
            model = candidate.recipe.fit_within(replace(place, options=options), self._train, self._valid, refit=False)
            ranking, error = self._judged(model)
        except FillrankError as problem:
            self.tried.append(Tried(candidate.name, self._clock() - began, note=f"failed: {problem}"))
            self._say(f"{candidate.name} failed: {problem}")
            return
        seconds = self._clock() - began
        self._expected += candidate.seconds(self._shape) + _FIRST_CALLS
        self._taken += max(seconds, _FIRST_CALLS)
        chosen = candidate.recipe.again(model.settings)
        self.fitted.append(FittedCandidate(chosen, model, ranking, error, limit.after_trials))
        metrics = {name: v for name, v in ((self.metric, ranking), ("rmse", error)) if v is not None}
        note = "stopped: its time was up" if limit.passed else ""
        self.tried.append(Tried(candidate.name, seconds, metrics, note))
        words = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        self._say(f"{candidate.name}: {words}  in {seconds:.1f} s" + (f" ({note})" if note else ""))

    def _judged(self, model: Recommender) -> tuple[float | None, float | None]:
        ranking = self.judge(model.scorer) if self._goal != "ratings" else None
        error = None
        if self._goal != "lists" and model.predictor is not None:
            error = error_on(self._valid, model.predictor, self._train.value_range)
        return ranking, error

    def _say(self, text: str) -> None:
        if self._context.options.progress:
            logger.info("auto: %s", text)
