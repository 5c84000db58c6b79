"""``IALS``: the recipe of implicit alternating least squares."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, model_validator

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.models.alternating import TRIAL, Alternating, Judge, best_iteration, unjudged
from fillrank.models.base import NotNegative
from fillrank.models.grid import Axis, Judgement, Point, best_point
from fillrank.models.monitoring import USUAL_MONITOR, judge_by
from fillrank.models.row_weights import ALL_POWERS, USUAL_POWER, WeightPower, power_of, weighed
from fillrank.recommend import Recommender
from fillrank.registry import is_usual
from fillrank.solvers.sparse.ials import ImplicitLoss, ials_iterations
from fillrank.training.context import FitContext

__all__ = ["IALS"]

_WEIGHTS, _PENALTIES, _EXPONENTS = (0.03, 0.1, 0.3, 1.0), (0.003, 0.01, 0.03), (0.5, 1.0)
_TYPICAL = 400.0
"""The number of interactions of a vector at which a penalty is the same for all exponents; so one grid serves all."""
_DIM, _MOST_DIM, _MOST_WORK = 64, 1024, 6e11
_MOST_TRIED = 50
_DOUBLING = 0.01
"""The smallest relative gain for which the dimension is doubled; a smaller gain may be chance."""


class IALS(Alternating):
    """Ranking from interactions by implicit alternating least squares; see :func:`fillrank.solvers.sparse.ials.ials`.

    It only ranks. With a validation part, it keeps the iteration with the best nDCG@20.

    Attributes:
        unobserved_weight, regularization, frequency_exponent: see :class:`fillrank.solvers.sparse.ials.ImplicitLoss`.
            The quality depends on the first two, whose best values differ between data sets by factors of ten. If
            ``regularization`` is given and the exponent is not, the exponent is 1.
        dim: length of the vectors; longer vectors often rank better, and take longer. ``"auto"`` for these four
            settings takes the best nDCG@20 on the validation part after four iterations: first exponent, weight and
            penalty together on a grid, then one setting after the other. A grid grows while its best value is at an
            end. There are at most 50 trials. The dimension begins at 64; it is halved, or doubled while that gains a
            percent. It is at most 1,024, the smaller side of the log, and ``2·nnz·d² + (users + items)·d³/3 ≤ 6·10¹¹``
            multiplications in an iteration (about ten seconds on two cores): 256 on Gowalla. A larger dimension must be
            given.
        weight_power: for a log with weights: the weights to this power, scaled to a mean of 1, are the confidences
            ``c`` in the loss. ``"auto"`` takes the best of 0, 0.5, 1 and 2 on the validation part, in turn with the
            other settings; without a validation part it is 1. Rows of weight 0 are left out.
        method, steps, block: see :class:`fillrank.factors.ridge.RowSolver`.
        init_scale: scale of the initial vectors.
        iterations: at most this many.
        patience: iterations without a better nDCG@20 on validation before the learning stops.
        seed: for the initial vectors.

    Example:
        >>> from fillrank.data import checkerboard
        >>> recipe = IALS(dim=2, unobserved_weight=0.1, regularization=0.01)
        >>> model = recipe.fit(checkerboard(20), progress=False)
        >>> [int(item) % 2 for item in model.recommend(["0", "1"], k=1)["item_id"]]  # even users like even items
        [0, 1]
    """

    kind: ClassVar[str] = "ials"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("unobserved_weight", "regularization", "frequency_exponent", "dim")

    dim: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    unobserved_weight: NotNegative | Literal["auto"] = "auto"
    regularization: NotNegative | Literal["auto"] = "auto"
    frequency_exponent: NotNegative | Literal["auto"] = "auto"
    weight_power: WeightPower = "auto"
    uses_weights: ClassVar[bool] = True

    @model_validator(mode="before")
    @classmethod
    def _exponent_of_a_penalty(cls, settings: Any) -> Any:
        """The meaning of a penalty depends on the exponent, so a given penalty gets the usual exponent."""
        if isinstance(settings, dict) and not is_usual(settings.get("regularization", "auto"), "auto"):
            return {"frequency_exponent": 1.0, **settings}
        return settings

    def uses_values(self, interactions: Interactions) -> bool:  # noqa: ARG002
        """See :meth:`Recipe.uses_values`; only the interactions are used."""
        return False

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        judge = None if valid is None else judge_by(USUAL_MONITOR, train, valid)
        kept = self._kept(context, train, valid, lambda: self._point(train, judge or unjudged, context))
        point = kept.chosen
        loss = self._loss(point)
        learnt = weighed(train, point.get("weight_power", 0.0))
        iterations = partial(self._iterations, train, point)
        rounds = best_iteration(self, iterations, judge, lambda factors: loss.value(factors, learnt), context, kept)
        chosen = {"weight_power": power_of(self.weight_power), **point, "iterations": rounds.best_epoch}
        return self._recommender(train, cast("Factors", rounds.best), chosen=chosen, history=rounds.history)

    def _point(self, train: Interactions, judge: Judge, context: FitContext) -> dict[str, float]:
        """Weight, penalty, exponent and dimension: as given, or the best on validation after a few iterations."""
        start: dict[str, float] = {
            "frequency_exponent": 1.0,
            "unobserved_weight": 0.1,
            "regularization": 0.01,
            "dim": min(_DIM, train.n_users, train.n_items),
        }
        grids = {
            "frequency_exponent": Axis(_EXPONENTS, allowed=lambda exponent: exponent in _EXPONENTS),
            "unobserved_weight": Axis(_WEIGHTS, 10**0.5, _allowed),
            "regularization": Axis(_PENALTIES, 2.0, _allowed),
            "dim": Axis(allowed=lambda dim: _payable(train, int(dim))),
        }
        if train.weights is not None:
            start["weight_power"] = USUAL_POWER
            grids["weight_power"] = Axis(ALL_POWERS, allowed=lambda power: power in ALL_POWERS)
        given = {name: getattr(self, name) for name in start if getattr(self, name) != "auto"}
        axes = {name: axis for name, axis in grids.items() if name not in given}
        point = start | given
        if not axes:
            return point
        spread_out = "regularization" in axes

        def settled(point: Point) -> dict[str, float]:
            unit = _TYPICAL ** (1 - point["frequency_exponent"]) if spread_out else 1.0
            return {**point, "regularization": point["regularization"] * unit}

        def judged(point: Point) -> Judgement:
            gain, metrics = judge(next(islice(self._iterations(train, settled(point)), TRIAL - 1, None)))
            return gain * (1 - _DOUBLING) ** math.log2(point["dim"]), metrics

        alike = ("frequency_exponent", "unobserved_weight", "regularization")  # each of them pulls vectors to zero
        return settled(best_point(axes, point, judged, most=_MOST_TRIED, together=alike, context=context))

    def _loss(self, point: Point) -> ImplicitLoss:
        return ImplicitLoss(point["unobserved_weight"], point["regularization"], point["frequency_exponent"])

    def _iterations(self, train: Interactions, point: Point, after: Factors | None = None) -> Iterator[Factors]:
        loss = self._loss(point)
        dim = int(point["dim"])
        interactions = weighed(train, point.get("weight_power", 0.0))
        return ials_iterations(
            interactions, dim, loss, solver=self.solver(), init_scale=self.init_scale, seed=self.seed, after=after
        )


def _allowed(weight: float) -> bool:
    return 1e-6 <= weight <= 10


def _payable(train: Interactions, dim: int) -> bool:
    """Whether a dimension is within the limits that :class:`IALS` states."""
    work = 2.0 * len(train) * dim**2 + (train.n_users + train.n_items) * dim**3 / 3
    return 4 <= dim <= min(_MOST_DIM, train.n_users, train.n_items) and work <= _MOST_WORK
