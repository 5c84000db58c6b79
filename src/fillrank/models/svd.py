"""The recipes of singular value decompositions: ``PureSVD``, ``NormalisedSVD``, ``BiasedSVD``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.models.base import NotNegative, Recipe, error_on, needed
from fillrank.models.grid import Axis, Judgement, Point, best_point
from fillrank.models.holding_out import some_users
from fillrank.models.monitoring import USUAL_MONITOR, judge_by
from fillrank.models.ranks import RankLadder
from fillrank.models.unused import where
from fillrank.recommend import Recommender
from fillrank.solvers.sparse.biases import fit_biases
from fillrank.solvers.sparse.svd import (
    NormalisedBasis,
    SvdMethod,
    biased_svd,
    first_directions,
    normalised_basis,
    pure_svd,
)
from fillrank.training.context import FitContext

__all__ = ["BiasedSVD", "NormalisedSVD", "PureSVD"]

Rank = Annotated[int, Field(ge=1)] | Literal["auto"]

_RATING_RANKS = ((0, 1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 40, 50), (75, 100), (150, 200))
"""The ranks are tried in these groups: the next group is tried if the largest rank so far is the best."""
_SHRINKAGES = (1.0, 2.0, 3.0, 5.0, 10.0)
_MOST_TRIED = 30
_FIRST_RANKS, _FEWER_RANKS = (4, 8, 16, 24, 32, 48, 64), (8, 32, 64)
_LINES = (0.5, 0.0), (0.3, 1.0)
_BETAS = Axis(step=0.1, allowed=lambda beta: -1 <= beta <= 2)
_POWERS = Axis(step=0.25, allowed=lambda power: -2 <= power <= 4)
_MOST_SCORES, _FEWEST_USERS = 200_000_000, 1_000


class _Decomposition(Recipe):
    """The common base of the three. Without an ``"auto"`` there is nothing to choose, because there are no epochs."""

    def chooses(self) -> bool:
        """See :meth:`Recipe.chooses`."""
        return self.undecided()


class _RankingDecomposition(_Decomposition):
    """The common base of the two that rank: how the matrix is decomposed, and how choices are judged."""

    rank: Rank = "auto"
    method: SvdMethod = "randomized"
    oversampling: int = Field(default=10, ge=0)
    monitor: str = USUAL_MONITOR
    seed: int = Field(default=0, ge=0)

    def idle(self, interactions: Interactions, valid: Interactions | None) -> Mapping[str, str]:  # noqa: ARG002
        """See :meth:`Recipe.idle`."""
        drawn = where(self.method == "randomized", "method='randomized'", "oversampling")
        return {**drawn, **where(self.undecided(), "something is 'auto'", "monitor")}

    def _ladder(self, train: Interactions) -> RankLadder:
        return RankLadder.of(train, bounded=self.method == "randomized")

    def _judge(self, train: Interactions, valid: Interactions | None) -> Callable[[Factors], Judgement]:
        """A judge of factors on the validation part, with as many of its users as can be scored in reasonable time."""
        held_out = needed(self, valid)
        most = max(_MOST_SCORES // max(train.n_items, 1), _FEWEST_USERS)
        return judge_by(self.monitor, train, some_users(held_out, most, seed=self.seed))

    def _of_rank(self, ladder: RankLadder, rank: int) -> dict[str, int]:
        """The settings that give the first ``rank`` directions of the decomposition that was evaluated."""
        more = ladder.size(rank) - rank if self.method == "randomized" else 0
        return {"rank": rank, "oversampling": self.oversampling + more}


class PureSVD(_RankingDecomposition):
    """Truncated SVD of the matrix with zeros in missing cells; see :func:`fillrank.solvers.sparse.svd.pure_svd`.

    It only ranks.

    Attributes:
        rank: number of singular vectors; ``"auto"`` takes the best on the validation part: first of the ranks up to 64,
            then larger ones while the largest is the best. The decompositions have 64, 128, 256, … directions. Each
            serves all ranks above half of its size, so all together cost at most a third more than the largest. The
            largest has at most 2,048 directions, the smaller side of the log, and ``nnz·d + (users + items)·d² ≤ 10¹¹``
            multiplications for a pass over the log: 1,024 on Gowalla. A larger rank must be given; with
            ``method="exact"`` only the first two limits apply.
        use_values: decompose the values; if False, ones.
        method: ``"randomized"``, which is several times faster for large logs, or ``"exact"``, which does not depend on
            the seed.
        oversampling: further directions that the randomized method decomposes and drops; more come closer to the
            exact answer. Of a rank that was chosen: those of the decomposition that it was cut from.
        monitor: the metric of the validation part that is chosen by, on 200 million scores of users drawn by ``seed``
            where there are more.
        seed: of the start vectors.
    """

    kind: ClassVar[str] = "pure-svd"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("rank",)

    use_values: bool = True

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        interactions = train if self.use_values else train.without_values()

        def solve(rank: int) -> Factors:
            return pure_svd(interactions, rank, method=self.method, oversampling=self.oversampling, seed=self.seed)

        if self.rank != "auto":
            return self._recommender(train, solve(self.rank))
        judge, ladder, decomposed = self._judge(train, valid), self._ladder(train), dict[int, Factors]()

        def first(rank: int) -> Factors:
            size = ladder.size(rank)
            if size not in decomposed:
                decomposed[size] = solve(size)
            return first_directions(decomposed[size], rank)

        axis = ladder.axis(_FIRST_RANKS)
        start = {"rank": axis.values[-1] if axis.values else ladder.rungs[-1]}
        judged = lambda point: judge(first(int(point["rank"])))  # noqa: E731
        rank = int(best_point({"rank": axis}, start, judged, most=_MOST_TRIED, context=context)["rank"])
        return self._recommender(train, first(rank), chosen=self._of_rank(ladder, rank))


class NormalisedSVD(_RankingDecomposition):
    """Truncated SVD of the degree-normalised matrix; see :func:`fillrank.solvers.sparse.svd.normalised_svd`.

    It only ranks.

    Attributes:
        rank: number of singular vectors; the limits are those of :class:`PureSVD`.
        beta: how strongly popular items are raised again after the normalisation; .5 as published.
        power: power of the singular values; 0 as published: all directions have the same weight. ``"auto"`` for these
            three takes the best on the validation part: the rank with (β, power) = (.5, 0) and with (.3, 1), then, from
            the better one, one setting after the other; more values are tried while an end is the best. One
            decomposition serves all ranks above half of its size, and every β and power.
        method: ``"randomized"``, which is faster and ranks better on sparse logs, or ``"exact"``, which does not depend
            on the seed; see :func:`fillrank.solvers.sparse.svd.normalised_svd`.
        oversampling: further directions that the randomized method decomposes and drops; more come closer to the
            exact answer. Of a rank that was chosen: those of the decomposition that it was cut from.
        monitor: the metric of the validation part that is chosen by, on 200 million scores of users drawn by ``seed``
            where there are more.
        seed: for the initial vectors; the randomized result depends on it.
    """

    kind: ClassVar[str] = "normalised-svd"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("rank", "beta", "power")

    beta: float | Literal["auto"] = "auto"
    power: float | Literal["auto"] = "auto"

    def uses_values(self, interactions: Interactions) -> bool:  # noqa: ARG002
        """See :meth:`Recipe.uses_values`: it looks at who met what."""
        return False

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        given = {name: getattr(self, name) for name in self.chosen_on_valid if getattr(self, name) != "auto"}
        if len(given) == len(self.chosen_on_valid):
            factors = self._basis(train, given["rank"]).factors(beta=given["beta"], power=given["power"])
            return self._recommender(train, factors)
        judge, ladder, bases = self._judge(train, valid), self._ladder(train), dict[int, NormalisedBasis]()

        def factors_at(point: Point) -> Factors:
            rank = int(point["rank"])
            size = rank if "rank" in given else ladder.size(rank)
            if size not in bases:
                bases[size] = self._basis(train, size)
            return bases[size].first(rank).factors(beta=point["beta"], power=point["power"])

        found: dict[tuple[float, ...], Judgement] = {}

        def judged(point: Point) -> Judgement:  # the searches below meet the same points
            key = point["rank"], point["beta"], point["power"]
            if key not in found:
                found[key] = judge(factors_at(point))
            return found[key]

        ranks = ladder.axis(_FEWER_RANKS)
        axes = {"beta": _BETAS, "power": _POWERS, "rank": replace(ranks, values=())}
        axes = {name: axis for name, axis in axes.items() if name not in given}
        begin = ranks.values[-1] if ranks.values else ladder.rungs[-1]
        starts = [{"rank": begin, "beta": beta, "power": power} | given for beta, power in _LINES]
        along = {} if "rank" in given else {"rank": ranks}
        lines = [best_point(along, start, judged, most=_MOST_TRIED, context=context) for start in starts]
        best = max(lines, key=lambda line: judged(line)[0])
        point = best_point(axes, best, judged, most=_MOST_TRIED, context=context)
        chosen = {} if "rank" in given else self._of_rank(ladder, int(point["rank"]))
        return self._recommender(train, factors_at(point), chosen={**point, **chosen})

    def _basis(self, train: Interactions, rank: int) -> NormalisedBasis:
        return normalised_basis(train, rank, method=self.method, oversampling=self.oversampling, seed=self.seed)


class BiasedSVD(_Decomposition):
    """Mean, biases, and the truncated SVD of the residuals; see :func:`fillrank.solvers.sparse.svd.biased_svd`.

    It predicts values, and ranks items by their predicted values.

    Attributes:
        rank: number of singular vectors; 0: the biases alone; ``"auto"`` takes the best RMSE on the validation part, at
            most 200 or the smaller side of the log.
        user_shrinkage, item_shrinkage: shrinkage of the biases; ``"auto"`` takes the best RMSE too, one after the
            other; a grid grows while its best value is at an end. At most 30 pairs are tried, each with one or a few
            decompositions.
        method: ``"exact"`` or ``"randomized"``.
        seed: for the initial vectors.
    """

    kind: ClassVar[str] = "biased-svd"
    needs_values: ClassVar[bool] = True
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("rank", "user_shrinkage", "item_shrinkage")

    rank: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    user_shrinkage: NotNegative | Literal["auto"] = "auto"
    item_shrinkage: NotNegative | Literal["auto"] = "auto"
    method: SvdMethod = "exact"
    seed: int = Field(default=0, ge=0)

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        given = {"user_shrinkage": self.user_shrinkage, "item_shrinkage": self.item_shrinkage}
        if "auto" not in {self.rank, *given.values()}:
            factors = self._solve(train, int(self.rank), float(self.user_shrinkage), float(self.item_shrinkage))
            return self._recommender(train, factors, predictor=factors)
        held_out = needed(self, valid)
        found: dict[tuple[float, float], tuple[float, int]] = {}

        def judge(point: Point) -> Judgement:
            pair = point["user_shrinkage"], point["item_shrinkage"]
            found[pair] = min(self._errors(train, held_out, pair))
            return -found[pair][0], {"valid_rmse": found[pair][0]}

        axes = {name: Axis(_SHRINKAGES, allowed=_allowed) for name, value in given.items() if value == "auto"}
        start = {"user_shrinkage": 5.0, "item_shrinkage": 3.0} | {k: float(v) for k, v in given.items() if v != "auto"}
        if not axes:  # the rank alone is to be chosen
            judge(start)
        point = best_point(axes, start, judge, most=_MOST_TRIED, context=context)
        pair = point["user_shrinkage"], point["item_shrinkage"]
        if pair not in found:  # the search was left out
            judge(point)
        rank = found[pair][1]
        factors = self._solve(train, rank, *pair)
        return self._recommender(train, factors, predictor=factors, chosen={**point, "rank": rank})

    def _errors(
        self, train: Interactions, valid: Interactions, pair: tuple[float, float]
    ) -> Iterator[tuple[float, int]]:
        """The validation error of each rank, and the best rank; larger ranks are tried only while the error falls."""
        steps = _RATING_RANKS if self.rank == "auto" else ((self.rank,),)
        lowest, best = math.inf, 0
        for step in steps:
            ranks = _fitting(step, train) if self.rank == "auto" else list(step)
            largest = self._solve(train, ranks[-1], *pair)
            for rank in ranks:
                error = error_on(valid, first_directions(largest, rank), train.value_range)
                yield error, rank
                lowest, best = min((lowest, best), (error, rank))
            if best != step[-1]:
                return

    def _solve(self, train: Interactions, rank: int, user_shrinkage: float, item_shrinkage: float) -> Factors:
        biases = fit_biases(train, user_shrinkage=user_shrinkage, item_shrinkage=item_shrinkage)
        return biased_svd(train, rank, biases, method=self.method, seed=self.seed)


def _fitting(ranks: tuple[int, ...], train: Interactions) -> list[int]:
    """The ranks that are possible for a log, at least one."""
    smallest = min(train.n_users, train.n_items)
    return [rank for rank in ranks if rank <= smallest] or [smallest]


def _allowed(shrinkage: float) -> bool:
    return 0.01 <= shrinkage <= 1000
