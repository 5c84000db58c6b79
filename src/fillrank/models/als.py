"""``ALS``: the recipe of alternating least squares on ratings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import ClassVar, Literal, cast

import numpy as np
from pydantic import Field

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.factors.fold_in import RatingRidge
from fillrank.models.alternating import TRIAL, Alternating, Judge, best_iteration, unjudged
from fillrank.models.base import NotNegative, error_on
from fillrank.models.grid import Axis, Judgement, Point, best_point
from fillrank.models.row_weights import ALL_POWERS, WeightPower, folding_by_weights, power_of, weighed
from fillrank.recommend import Recommender
from fillrank.solvers.sparse.als import RatingLoss, als_iterations
from fillrank.solvers.sparse.biases import fit_biases
from fillrank.solvers.sparse.svd import biases_as_factors
from fillrank.training.context import FitContext

__all__ = ["ALS"]

_PENALTIES = (0.03, 0.05, 0.07, 0.1, 0.15, 0.2)
_VANISHING = 1024.0  # a penalty at which all vectors vanish, so that only biases are left
_BIAS_PENALTIES, _USUAL = (1.0, 2.0, 3.0, 5.0, 10.0), (5.0, 3.0)
_DOUBT = 1e-3
_LOWEST, _HIGHEST = 1e-6, 1e6
_MOST_TRIED = 24


class ALS(Alternating):
    """Ratings by alternating least squares; see :func:`fillrank.solvers.sparse.als.als`.

    It predicts values, and ranks items by their predicted values. With a validation part, it keeps the iteration with
    the lowest error on it.

    Attributes:
        dim: length of the vectors.
        regularization, bias_regularization: see :class:`fillrank.solvers.sparse.als.RatingLoss`. The first matters
            most; with fewer ratings it must be higher. ``"auto"`` takes the values with the lowest error on the
            validation part after four iterations. At most 24 settings are tried. One of them uses the biases alone, so
            apart from chance the recipe is never worse than the biases.
        item_bias_regularization: for the biases of the items; None: the same as for the users, or chosen in the same
            way.
        bias_per_rating: see the same class.
        weight_power: power of the weights of a log that has some; brought to a mean of 1 it multiplies the squared
            error of a rating. ``"auto"`` takes the best of 0, 0.5, 1 and 2 on the validation part, in turn with the
            other settings; without one it is 1. Rows of weight 0 are left out.
        method, steps, block: see :class:`fillrank.factors.ridge.RowSolver`.
        init_scale: scale of the initial vectors.
        iterations: at most this many.
        patience: iterations without a lower error on validation before the learning stops.
        seed: for the initial vectors.

    Example:
        >>> from fillrank.data import split, synthetic
        >>> parts = split.random(synthetic(200, 100, 6000, rank=2).interactions, valid=0.1)
        >>> model = ALS(dim=4).fit(parts.train, parts.valid, progress=False)
        >>> again = ALS(**model.settings).fit(parts.train.union(parts.valid), progress=False)
        >>> bool((again.predictor.items == model.predictor.items).all())
        True
    """

    kind: ClassVar[str] = "als"
    needs_values: ClassVar[bool] = True
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("regularization", "bias_regularization", "item_bias_regularization")

    dim: int = Field(default=64, ge=1)
    regularization: NotNegative | Literal["auto"] = "auto"
    bias_regularization: NotNegative | Literal["auto"] = "auto"
    item_bias_regularization: NotNegative | Literal["auto"] | None = None
    bias_per_rating: bool = False
    weight_power: WeightPower = "auto"
    uses_weights: ClassVar[bool] = True
    iterations: int = Field(default=30, ge=1)

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        judge = None if valid is None else _error_judge(train, valid)
        kept = self._kept(context, train, valid, lambda: self._penalties(train, judge or unjudged, context))
        penalties = kept.chosen
        loss = self._loss(penalties)
        power = penalties.get("weight_power", power_of(self.weight_power))
        learnt = weighed(train, power)
        iterations = partial(self._iterations, train, penalties)
        rounds = best_iteration(self, iterations, judge, lambda factors: loss.value(factors, learnt), context, kept)
        factors = cast("Factors", folding_by_weights(cast("Factors", rounds.best), train, power, RatingRidge))
        chosen = {**penalties, "weight_power": power, "iterations": rounds.best_epoch}
        return self._recommender(train, factors, predictor=factors, chosen=chosen, history=rounds.history)

    def _loss(self, penalties: Point) -> RatingLoss:
        only = {name: penalty for name, penalty in penalties.items() if name != "weight_power"}
        return RatingLoss(**only, bias_per_rating=self.bias_per_rating)

    def _iterations(self, train: Interactions, penalties: Point, after: Factors | None = None) -> Iterator[Factors]:
        loss, solver = self._loss(penalties), self.solver()
        learnt = weighed(train, penalties.get("weight_power", 0.0))
        return als_iterations(
            learnt, self.dim, loss, solver=solver, init_scale=self.init_scale, seed=self.seed, after=after
        )

    def _penalties(self, train: Interactions, judge: Judge, context: FitContext) -> dict[str, float]:
        """The penalties, and the power of the weights: as given, or the best on validation after a few rounds.

        The best penalty for vectors is proportional to the spread of the values. So the usual penalties, which are for
        stars, are multiplied by the nearest power of two. One of them is so large that all vectors vanish: it is chosen
        if the biases alone predict best.
        """
        spread = 1.0 if train.values is None else float(train.values.std(dtype=np.float64))
        unit = 2.0 ** round(math.log2(spread)) if spread > 0 else 1.0
        start = {"regularization": self.regularization, **self._of_biases(train, judge, context)}
        axes = {name: Axis(allowed=_allowed) for name in start if name != "regularization" and self._free(name)}
        if start["regularization"] == "auto":
            start["regularization"] = 0.1 * unit
            of_vectors = Axis(tuple(p * unit for p in _PENALTIES), 2.0, _allowed, (_VANISHING * unit,))
            axes = {"regularization": of_vectors, **axes}
        if train.weights is not None:
            start["weight_power"] = power_of(self.weight_power)
            if self.weight_power == "auto":
                axes["weight_power"] = Axis(ALL_POWERS, allowed=lambda power: power in ALL_POWERS)
        point = {name: float(penalty) for name, penalty in start.items()}

        def judged(point: Point) -> Judgement:
            gain, metrics = judge(next(islice(self._iterations(train, point), TRIAL - 1, None)))
            return (_in_doubt(gain) if point["regularization"] >= _VANISHING * unit else gain), metrics

        return best_point(axes, point, judged, most=_MOST_TRIED, context=context) if axes else point

    def _free(self, name: str) -> bool:
        """Whether this penalty of biases must be chosen."""
        given = getattr(self, name)
        return given == "auto" or (given is None and self.bias_regularization == "auto")

    def _of_biases(self, train: Interactions, judge: Judge, context: FitContext) -> dict[str, float]:
        """The penalties, where not given, with which the biases alone predict best; the search begins with them."""
        names = ("bias_regularization", "item_bias_regularization")
        usual = (0.02, 0.02) if self.bias_per_rating else _USUAL
        users = usual[0] if self.bias_regularization == "auto" else self.bias_regularization
        items = self.item_bias_regularization
        items = usual[1] if self._free(names[1]) or items == "auto" else users if items is None else items
        start = {names[0]: users, names[1]: items}
        axes = {name: Axis(_BIAS_PENALTIES, allowed=_allowed) for name in names if self._free(name)}
        if self.bias_per_rating or not axes:
            return start

        log = weighed(train, power_of(self.weight_power))

        def judged(point: Point) -> Judgement:
            alone = fit_biases(log, user_shrinkage=point[names[0]], item_shrinkage=point[names[1]])
            gain, metrics = judge(biases_as_factors(alone))
            return (_in_doubt(gain) if point == start else gain), metrics

        return best_point(axes, start, judged, most=_MOST_TRIED, context=context)


def _in_doubt(gain: float) -> float:
    """Reduce the error of a usual or simple choice by a thousandth: smaller differences on validation mean nothing."""
    return gain * (1 - _DOUBT)


def _allowed(penalty: float) -> bool:
    return _LOWEST <= penalty <= _HIGHEST


def _error_judge(train: Interactions, valid: Interactions) -> Judge:
    def judge(factors: Factors) -> Judgement:
        error = error_on(valid, factors, train.value_range)
        return -error, {"valid_rmse": error}

    return judge
