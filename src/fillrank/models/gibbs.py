"""The recipe for Bayesian matrix factorisation by Gibbs sampling."""

from __future__ import annotations

import logging
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from fillrank.data import Interactions
from fillrank.errors import SettingsError
from fillrank.factors.temporal import TimeAwareFactors
from fillrank.models.base import Recipe
from fillrank.models.gibbs_state import ChainStates
from fillrank.models.going_on import state_file
from fillrank.recommend import Recommender
from fillrank.solvers.sparse.gibbs import GibbsSettings, Sweep, bayesian_factors
from fillrank.training.checkpoint import Saved
from fillrank.training.context import FitContext
from fillrank.training.rounds import Rounds
from fillrank.training.settling import warn_if_unsettled
from fillrank.training.state_file import StateFile

__all__ = ["Gibbs"]

logger = logging.getLogger("fillrank")

_WINDOW = 10  # sweeps whose errors are averaged, to see whether a chain is still improving


class Gibbs(Recipe):
    """Bayesian matrix factorisation with implicit sets; see :func:`fillrank.solvers.sparse.gibbs.bayesian_factors`.

    It predicts values, and ranks items by their predicted values. There is no regularization to choose, so a validation
    part is not needed. Ctrl-C ends the sampling; the mean of the samples so far is kept.

    Attributes:
        dim, iterations, burn_in, n_chains, sets, kept_dim, seed: see
            :class:`fillrank.solvers.sparse.gibbs.GibbsSettings`.
        dates: whether predictions depend on the day; ``"auto"``: if the log has times. An evaluation then predicts each
            held-out row at its own time, so it uses the day of the rating: compare such metrics only with each other.
            Items are ranked for the average day.

    Example:
        >>> from fillrank.data import split, synthetic
        >>> parts = split.random(synthetic(200, 100, 6000, rank=2).interactions)
        >>> model = Gibbs(dim=4, iterations=40, burn_in=10).fit(parts.train, progress=False)
        >>> len(model.recommend(k=3)) == 3 * parts.train.n_users
        True
    """

    kind: ClassVar[str] = "gibbs"
    needs_values: ClassVar[bool] = True
    looks_at_valid: ClassVar[bool] = False
    resumes: ClassVar[bool] = True

    dim: int = Field(default=20, ge=1)
    iterations: int = Field(default=512, ge=1)
    burn_in: int = Field(default=50, ge=0)
    n_chains: int = Field(default=2, ge=1)
    sets: bool = True
    dates: bool | Literal["auto"] = False
    kept_dim: int = Field(default=128, ge=1)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _leaves_samples(self) -> Self:
        if self.burn_in >= self.iterations:
            raise SettingsError(
                f"burn_in={self.burn_in} leaves no sample of {self.iterations} iterations; take a smaller burn_in"
            ).about("burn_in")
        return self

    def _states(self, file: StateFile, saved: Saved | None) -> ChainStates:
        return ChainStates(file, saved, self.n_chains, self.iterations)

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:  # noqa: ARG002
        dates = train.times is not None if self.dates == "auto" else self.dates
        settings = GibbsSettings(**self.model_dump(exclude={"dates"}), dates=dates)
        file = state_file(self, context, train, None)
        saved = file.read()
        rounds = Rounds[None](context, self.iterations, steps=self.n_chains, unit="iteration")
        states: list[ChainStates] = []
        file.go_on(saved, rounds, lambda saved: states.append(self._states(file, saved)), judged=False)
        kept = states[0] if states else self._states(file, None)
        with rounds:

            def after_sweep(sweep: Sweep) -> bool:
                """See :data:`fillrank.solvers.gibbs.AfterSweep`; each chain calls from its own thread."""
                over = rounds.step_end({"train_rmse": sweep.rmse, "noise": sweep.noise})
                if sweep.chain == 0:
                    rounds.learnt()
                    metrics = {"train_rmse": sweep.rmse, "noise": sweep.noise}
                    over |= rounds.epoch_end(metrics, keep=lambda: None)
                kept.sweep_ended(sweep, rounds, over=over)
                return over

            mean = bayesian_factors(train, settings, after_sweep=after_sweep, after=kept.before)
            asked = rounds.asked
        if asked:
            logger.warning("keeping the mean of the %d samples so far", mean.n_samples)
        elif len(errors := [sweep["train_rmse"] for sweep in rounds.history[self.burn_in :]]) >= 2 * _WINDOW:
            early, late = sum(errors[:_WINDOW]) / _WINDOW, sum(errors[-_WINDOW:]) / _WINDOW
            of, limit = "the error on what it learns from, since the burn-in,", self.iterations
            metrics = {"before": early, "last": late}
            warn_if_unsettled("Gibbs", "iterations", limit, **metrics, of=of, stage=context.stage)
        rounds.history[-1]["truncation_loss"] = mean.loss
        scorer = mean.predictor.undated if isinstance(mean.predictor, TimeAwareFactors) else mean.predictor
        return self._recommender(
            train, scorer, predictor=mean.predictor, chosen={"dates": dates}, history=rounds.history
        )
