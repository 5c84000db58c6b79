"""The recipe through implicit alternating least squares."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from fillrank.data import Interactions
from fillrank.evaluation import Evaluator
from fillrank.factors import Factors
from fillrank.models.alternating import TRIAL, Alternating, Judge, best_round, unjudged
from fillrank.models.base import NotNegative
from fillrank.models.grid import Axis, Judgement, Point, best_point
from fillrank.recommend import Recommender
from fillrank.solvers.sparse.ials import ImplicitLoss, ials_rounds

__all__ = ["IALS"]

_WEIGHTS, _PENALTIES = (0.01, 0.03, 0.1, 0.3), (0.003, 0.01, 0.02)
_DIM, _MOST_DIM, _MOST_WORK = 64, 1024, 6e11
_MOST_TRIED = 40


class IALS(Alternating):
    """Who met what, by implicit alternating least squares; see :func:`fillrank.solvers.sparse.ials.ials`.

    It only ranks. Given a validation part, it keeps the round with the best nDCG@10.

    Attributes:
        unobserved_weight, regularization: see :class:`fillrank.solvers.sparse.ials.ImplicitLoss`. Quality hangs on
            these two, and what is best differs between data sets by factors of ten.
        dim: length of the vectors; longer often ranks better, and takes longer.
            ``"auto"`` of these three takes the best nDCG@10 on the validation part after four rounds: one setting
            after the other, each grid going on while its best is at an end, at most 40 trials. The dimension begins at
            64 and is doubled or halved, up to 1,024, the smaller side of the log, and ``2·nnz·d² + (users + items)·d³/3
            ≤ 6·10¹¹`` multiplications a round (on two cores some ten seconds): 256 on Gowalla. A larger one has to be
            given.
        frequency_exponent: see there too.
        method, steps, block, n_threads: see :class:`fillrank.factors.ridge.RowSolver`.
        spread: of the start.
        iterations: at most this many rounds.
        patience: rounds without a better nDCG@10 on validation before the learning stops.
        seed: of the start.
        progress: show it.

    Example:
        >>> from fillrank.data import checkerboard
        >>> recipe = IALS(dim=2, unobserved_weight=0.1, regularization=0.01, progress=False)
        >>> model = recipe.fit(checkerboard(20))
        >>> [int(item) % 2 for item in model.recommend(["0", "1"], k=1)["item_id"]]  # even users like even items
        [0, 1]
    """

    kind: ClassVar[str] = "ials"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("unobserved_weight", "regularization", "dim")

    dim: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    unobserved_weight: NotNegative | Literal["auto"] = "auto"
    regularization: NotNegative | Literal["auto"] = "auto"
    frequency_exponent: NotNegative = 1.0

    def uses_values(self, log: Interactions) -> bool:  # noqa: ARG002
        """See :meth:`Recipe.uses_values`: it looks at who met what."""
        return False

    def _fit(self, train: Interactions, valid: Interactions | None) -> Recommender:
        judge = unjudged if valid is None else _ndcg_judge(train, valid)
        point = self._point(train, judge)
        loss = self._loss(point)
        kept = best_round(self, self._rounds(train, point), judge, lambda factors: loss.value(factors, train))
        chosen = {**point, "iterations": kept.number}
        return self._recommender(train, kept.factors, chosen=chosen, history=kept.history)

    def _point(self, train: Interactions, judge: Judge) -> dict[str, float]:
        """Weight, penalty and dimension: as given, or the best on validation after a few rounds."""
        start = {"unobserved_weight": 0.1, "regularization": 0.01, "dim": min(_DIM, train.n_users, train.n_items)}
        grids = {
            "unobserved_weight": Axis(_WEIGHTS, 10**0.5, _allowed),
            "regularization": Axis(_PENALTIES, 2.0, _allowed),
            "dim": Axis(allowed=lambda dim: _payable(train, int(dim))),
        }
        given = {name: getattr(self, name) for name in start if getattr(self, name) != "auto"}
        axes = {name: axis for name, axis in grids.items() if name not in given}

        def judged(point: Point) -> Judgement:
            return judge(next(islice(self._rounds(train, point), TRIAL - 1, None)))

        point = start | given
        return best_point(axes, point, judged, most=_MOST_TRIED, shown=self.progress) if axes else point

    def _loss(self, point: Point) -> ImplicitLoss:
        return ImplicitLoss(point["unobserved_weight"], point["regularization"], self.frequency_exponent)

    def _rounds(self, train: Interactions, point: Point) -> Iterator[Factors]:
        loss = self._loss(point)
        dim = int(point["dim"])
        return ials_rounds(train, dim, loss, solver=self.solver(), spread=self.spread, seed=self.seed)


def _allowed(weight: float) -> bool:
    return 1e-6 <= weight <= 10


def _payable(train: Interactions, dim: int) -> bool:
    """Whether a dimension is within the limits that :class:`IALS` states."""
    work = 2.0 * len(train) * dim**2 + (train.n_users + train.n_items) * dim**3 / 3
    return 4 <= dim <= min(_MOST_DIM, train.n_users, train.n_items) and work <= _MOST_WORK


def _ndcg_judge(train: Interactions, valid: Interactions) -> Judge:
    evaluator = Evaluator(valid, train=train, seen=train.csr, k=10, metrics=("ndcg",))

    def judge(factors: Factors) -> Judgement:
        ndcg = evaluator.run(factors)["ndcg@10"]
        return ndcg, {"valid_ndcg@10": ndcg}

    return judge
