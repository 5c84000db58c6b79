"""The recipe for biased matrix factorisation by stochastic gradient descent."""

from __future__ import annotations

import logging
import math
import time
from typing import ClassVar

from pydantic import Field

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.models.base import NotNegative, Positive, Recipe, error_on
from fillrank.recommend import Recommender
from fillrank.runtime.interrupt import Interrupt
from fillrank.runtime.progress import Progress
from fillrank.solvers.sparse.sgd import SgdEpoch, SgdSettings, biased_sgd
from fillrank.training.looks import Look, tell
from fillrank.training.settling import warn_if_unsettled

__all__ = ["SGD"]

logger = logging.getLogger("fillrank")


class SGD(Recipe):
    """Biases and vectors learnt rating by rating; see :func:`fillrank.solvers.sparse.sgd.biased_sgd`.

    It predicts values, and ranks by what it predicts. Given a validation part, it keeps the epoch that predicts that
    part best. Where the epochs run out while the error is still falling, a warning says so. Rates and penalties are in
    units of the values' standard deviation.

    Attributes:
        dim, regularization, bias_regularization, bias_per_rating, learning_rate, bias_learning_rate, decay, seed: see
            :class:`fillrank.solvers.sparse.sgd.SgdSettings`.
        epochs: at most this many.
        patience: epochs without a better error on validation before the learning stops.
        n_threads: the result does not depend on it; None takes as many as PyTorch does.
        progress: show it.

    Example:
        >>> from fillrank.data import split, synthetic
        >>> parts = split.random(synthetic(200, 100, 6000, rank=2).interactions, valid=0.1)
        >>> model = SGD(dim=4, progress=False).fit(parts.train, parts.valid)
        >>> again = SGD(**model.settings).fit(parts.train.union(parts.valid))
        >>> bool((again.predictor.items == model.predictor.items).all())
        True
    """

    kind: ClassVar[str] = "sgd"

    dim: int = Field(default=64, ge=1)
    regularization: NotNegative = 0.04
    bias_regularization: NotNegative = 1.0
    bias_per_rating: bool = False
    learning_rate: Positive = 0.03
    bias_learning_rate: Positive = 0.01
    decay: float = Field(default=0.95, gt=0, le=1)
    epochs: int = Field(default=40, ge=1)
    patience: int = Field(default=3, ge=1)
    seed: int = Field(default=0, ge=0)
    n_threads: int | None = Field(default=None, ge=1)
    progress: bool = True

    def _fit(self, train: Interactions, valid: Interactions | None) -> Recommender:
        settings = SgdSettings(**self.model_dump(exclude={"patience", "n_threads", "progress"}))
        with Interrupt() as interrupt, Progress(self.epochs, 1, shown=self.progress) as progress:
            watch = _Watch(train, valid, self.patience, interrupt, progress)
            last = biased_sgd(train, settings, n_threads=self.n_threads, after_epoch=watch)
        factors = last if watch.best is None else watch.best
        watch.warn_if_unsettled(self)
        return self._recommender(
            train, factors, predictor=factors, chosen={"epochs": watch.best_epoch}, history=watch.history
        )


class _Watch:
    """Looks at each epoch, and says when to stop. Without a validation part the last epoch is the best.

    Attributes:
        best_epoch: from 1.
        best: what had been learnt then; None without a validation part.
        history: the figures of each epoch.
    """

    def __init__(
        self,
        train: Interactions,
        valid: Interactions | None,
        patience: int,
        interrupt: Interrupt,
        progress: Progress,
    ) -> None:
        self._train, self._valid, self._patience = train, valid, patience
        self._interrupt, self._progress = interrupt, progress
        self._lowest, self._started = math.inf, time.perf_counter()
        self.best: Factors | None = None
        self.best_epoch = 0
        self.history: list[dict[str, float]] = []

    def __call__(self, epoch: SgdEpoch) -> bool:
        """See :data:`fillrank.solvers.sparse.sgd.AfterEpoch`."""
        figures = {"rmse": epoch.rmse} | self._judge(epoch)
        now = time.perf_counter()
        self.history.append({"epoch": epoch.number, "seconds": round(now - self._started, 6), **figures})
        self._started = now
        self._progress.step_done()
        self._progress.epoch_done(self.history[-1], self.best_epoch)
        score = -figures.get("valid_rmse", -float(epoch.number))
        asked = self._interrupt.asked  # read once: who listens hears of every stop
        tell(Look(epoch.number, score, figures, asked))
        if asked:
            logger.warning(
                "stopped by hand in epoch %d; keeping epoch %d, the best so far", epoch.number, self.best_epoch
            )
            return True
        return epoch.number - self.best_epoch >= self._patience

    def warn_if_unsettled(self, recipe: SGD) -> None:
        """See :func:`fillrank.training.settling.warn_if_unsettled`."""
        name, of = ("rmse", "the error on what it learns from") if self._valid is None else ("valid_rmse", "validation")
        errors = [epoch[name] for epoch in self.history]
        if len(errors) == recipe.epochs == self.best_epoch > 1:
            warn_if_unsettled("SGD", "epochs", recipe.epochs, before=min(errors[:-1]), last=errors[-1], of=of)

    def _judge(self, epoch: SgdEpoch) -> dict[str, float]:
        """The error on the validation part; notes whether it is the lowest so far."""
        if self._valid is None:
            self.best_epoch = epoch.number
            return {}
        factors = epoch.factors()
        error = error_on(self._valid, factors, self._train.value_range)
        if error < self._lowest:
            self._lowest, self.best_epoch, self.best = error, epoch.number, factors
        return {"valid_rmse": error}
