"""``SGD``: the recipe of biased matrix factorisation by stochastic gradient descent."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
from pydantic import Field

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.factors.fold_in import RatingRidge
from fillrank.models.base import NotNegative, Positive, Recipe, error_on
from fillrank.models.going_on import factors_of, state_file, state_of
from fillrank.models.row_weights import USUAL_POWER, folding_by_weights, weighed
from fillrank.recommend import Recommender
from fillrank.solvers.sparse.sgd import SgdEpoch, SgdSettings, SgdSnapshot, biased_sgd
from fillrank.training.checkpoint import Saved
from fillrank.training.context import FitContext
from fillrank.training.rounds import Rounds
from fillrank.training.settling import warn_if_unsettled
from fillrank.training.state_file import prefixed

__all__ = ["SGD"]


class SGD(Recipe):
    """Learn biases and vectors rating by rating; see :func:`fillrank.solvers.sparse.sgd.biased_sgd`.

    It predicts values, and ranks items by their predicted values. With a validation part, it keeps the epoch with the
    lowest error on it. If the error was still falling in the last epoch, a warning says so. Rates and penalties are in
    units of the values' standard deviation.

    Attributes:
        dim, regularization, bias_regularization, bias_per_rating, learning_rate, bias_learning_rate, decay, seed: see
            :class:`fillrank.solvers.sparse.sgd.SgdSettings`.
        weight_power: power of the weights of a log that has some; brought to a mean of 1 it multiplies the steps of a
            rating. Rows of weight 0 are left out.
        epochs: at most this many.
        patience: epochs without a lower error on validation before the learning stops.

    Example:
        >>> from fillrank.data import split, synthetic
        >>> parts = split.random(synthetic(200, 100, 6000, rank=2).interactions, valid=0.1)
        >>> model = SGD(dim=4).fit(parts.train, parts.valid, progress=False)
        >>> again = SGD(**model.settings).fit(parts.train.union(parts.valid), progress=False)
        >>> bool((again.predictor.items == model.predictor.items).all())
        True
    """

    kind: ClassVar[str] = "sgd"
    needs_values: ClassVar[bool] = True
    resumes: ClassVar[bool] = True
    uses_weights: ClassVar[bool] = True

    dim: int = Field(default=64, ge=1)
    regularization: NotNegative = 0.04
    bias_regularization: NotNegative = 1.0
    bias_per_rating: bool = False
    learning_rate: Positive = 0.03
    bias_learning_rate: Positive = 0.01
    decay: float = Field(default=0.95, gt=0, le=1)
    weight_power: float = Field(default=USUAL_POWER, ge=0, le=4)
    epochs: int = Field(default=40, ge=1)
    patience: int = Field(default=3, ge=1)
    seed: int = Field(default=0, ge=0)

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        settings = SgdSettings(**self.model_dump(exclude={"patience", "weight_power"}))
        learnt = weighed(train, self.weight_power)
        file, judged = state_file(self, context, train, valid), valid is not None
        saved = file.read()
        rounds = Rounds[Factors | None](context, self.epochs, patience=self.patience)
        file.go_on(saved, rounds, lambda saved: factors_of(saved, "best"), judged=judged)
        with rounds:

            def after_epoch(epoch: SgdEpoch) -> bool:
                rounds.learnt()
                metrics, score, factors = {"train_rmse": epoch.rmse}, None, None
                if valid is not None:
                    factors = epoch.factors()
                    metrics["valid_rmse"] = error_on(valid, factors, train.value_range)
                    score = -metrics["valid_rmse"]
                over = rounds.epoch_end(metrics, score=score, keep=lambda: factors)
                file.round_ended(rounds, lambda: _state(epoch.snapshot(), rounds.best), judged=judged)
                return over

            if rounds.best is None or not rounds.over:  # or it was over before it was stopped
                last = biased_sgd(learnt, settings, after_epoch=after_epoch, after=_snapshot(saved))
        factors = last if rounds.best is None else rounds.best
        if rounds.ran_out:
            name, of = (
                ("train_rmse", "the error on what it learns from") if valid is None else ("valid_rmse", "validation")
            )
            errors = [epoch[name] for epoch in rounds.history]
            metrics = {"before": min(errors[:-1]), "last": errors[-1]}
            warn_if_unsettled("SGD", "epochs", self.epochs, **metrics, of=of, stage=context.stage)
        factors = cast("Factors", folding_by_weights(factors, train, self.weight_power, RatingRidge))
        chosen = {"epochs": rounds.best_epoch}
        return self._recommender(train, factors, predictor=factors, chosen=chosen, history=rounds.history)


def _state(snapshot: SgdSnapshot, best: Factors | None) -> Saved:
    kept = state_of({"epochs": snapshot.epochs}, best=best)
    arrays = {name: torch.from_numpy(array) for name, array in snapshot.arrays.items()}
    return Saved({**kept.tensors, **prefixed("sgd/", arrays)}, kept.facts)


def _snapshot(saved: Saved | None) -> SgdSnapshot | None:
    if saved is None:
        return None
    arrays = {name: tensor.numpy() for name, tensor in saved.below("sgd/").items()}
    return SgdSnapshot(int(saved.facts["epochs"]), arrays)
