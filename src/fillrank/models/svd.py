"""Recipes through the singular value decomposition."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from fillrank.data import Interactions
from fillrank.evaluation import Evaluator
from fillrank.factors import Factors
from fillrank.models.base import NotNegative, Recipe, best_by, error_on, needed
from fillrank.models.grid import Axis, Judgement, Point, best_point
from fillrank.models.holding_out import some_users
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

_RANKS = ((4, 8, 16, 24, 32, 48, 64), (96, 128), (192, 256), (384, 512), (768, 1024), (1536, 2048))
"""Tried in these steps: while the largest of a step is the best so far, the next step is tried too."""
_RATING_RANKS = ((0, 1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 40, 50), (75, 100), (150, 200))
_SHRINKAGES = (1.0, 2.0, 3.0, 5.0, 10.0)
_MOST_TRIED = 30
_FIRST_RANKS, _MOST_RANK = (4, 9, 21, 48), 2048
_LINES = (0.5, 0.0), (0.3, 1.0)
_BETAS = Axis(step=0.1, allowed=lambda beta: -1 <= beta <= 2)
_POWERS = Axis(step=0.25, allowed=lambda power: -2 <= power <= 4)
_MOST_JUDGED = 5_000


class _Decomposition(Recipe):
    """What the three share: without an ``"auto"`` there is nothing to choose, as no rounds are to be ended."""

    def chooses(self) -> bool:
        """See :meth:`Recipe.chooses`."""
        return self.undecided()


class PureSVD(_Decomposition):
    """Truncated SVD of the matrix with zeros in its holes; see :func:`fillrank.solvers.sparse.svd.pure_svd`.

    It only ranks.

    Attributes:
        rank: number of singular vectors; ``"auto"`` takes the best nDCG@10 on the validation part, at most 2,048 or the
            smaller side of the log.
        use_values: decompose the values; if False, ones.
        method: ``"exact"`` or ``"randomized"``.
        seed: of the start vectors.
    """

    kind: ClassVar[str] = "pure-svd"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("rank",)

    rank: Rank = "auto"
    use_values: bool = True
    method: SvdMethod = "exact"
    seed: int = Field(default=0, ge=0)

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:  # noqa: ARG002
        log = train if self.use_values else train.without_values()
        rank, factors = _chosen_rank(self, train, valid, lambda r: pure_svd(log, r, method=self.method, seed=self.seed))
        return self._recommender(train, factors, chosen={"rank": rank})


class NormalisedSVD(_Decomposition):
    """Truncated SVD of the degree-normalised matrix; see :func:`fillrank.solvers.sparse.svd.normalised_svd`.

    It only ranks.

    Attributes:
        rank: number of singular vectors, at most 2,048 or the smaller side of the log.
        beta: how strongly popular items are pulled back up; .5 as published.
        power: of the singular values; 0 as published: all directions weigh alike.
            ``"auto"`` of these three takes the best nDCG@20 on the validation part (of 5,000 of its users, drawn by
            ``seed``, where it has more): the rank with (β, power) = (.5, 0) and with (.3, 1), then from the better one
            a setting after the other, each going on while its best is at an end. One decomposition of a rank serves
            every β and power.
            With β and power given, the rank is chosen as that of :class:`PureSVD` is, by nDCG@10.
        method: ``"randomized"``, which is faster and on sparse logs ranks better, or ``"exact"``, free of chance; see
            :func:`fillrank.solvers.sparse.svd.normalised_svd`.
        seed: of the start vectors; the randomized answer depends on it.
    """

    kind: ClassVar[str] = "normalised-svd"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("rank", "beta", "power")

    rank: Rank = "auto"
    beta: float | Literal["auto"] = "auto"
    power: float | Literal["auto"] = "auto"
    method: SvdMethod = "randomized"
    seed: int = Field(default=0, ge=0)

    def uses_values(self, log: Interactions) -> bool:  # noqa: ARG002
        """See :meth:`Recipe.uses_values`: it looks at who met what."""
        return False

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        given = {name: getattr(self, name) for name in self.chosen_on_valid if getattr(self, name) != "auto"}
        if len(given) == len(self.chosen_on_valid):
            factors = self._basis(train, given["rank"]).factors(beta=given["beta"], power=given["power"])
            return self._recommender(train, factors)
        if given.keys() == {"beta", "power"}:  # the rank alone, as committed plans chose it

            def solve(rank: int) -> Factors:
                return self._basis(train, rank).factors(**given)

            rank, factors = _chosen_rank(self, train, valid, solve)
            return self._recommender(train, factors, chosen={"rank": rank})
        some = some_users(needed(self, valid), _MOST_JUDGED, seed=self.seed)
        evaluator = Evaluator(some, train=train, seen=train.csr, k=20, metrics=("ndcg",))
        # A randomized decomposition cut to fewer directions is another one than that of fewer directions: so each rank
        # is decomposed by itself, and what is judged is what is kept.
        bases: dict[int, NormalisedBasis] = {}
        found: dict[tuple[float, ...], Judgement] = {}

        def judge(point: Point) -> Judgement:
            rank, beta, power = int(point["rank"]), point["beta"], point["power"]
            if (rank, beta, power) not in found:
                if rank not in bases:
                    bases[rank] = self._basis(train, rank)
                ndcg = evaluator.run(bases[rank].factors(beta=beta, power=power))["ndcg@20"]
                found[rank, beta, power] = ndcg, {"valid_ndcg@20": ndcg}
            return found[rank, beta, power]

        smallest = min(train.n_users, train.n_items)
        ranks = Axis(tuple(_fitting(_FIRST_RANKS, train)), 1.5, lambda rank: 1 <= rank <= min(smallest, _MOST_RANK))
        axes = {"beta": _BETAS, "power": _POWERS, "rank": replace(ranks, values=())}
        axes = {name: axis for name, axis in axes.items() if name not in given}
        starts = [{"rank": ranks.values[-1], "beta": beta, "power": power} | given for beta, power in _LINES]
        along = {} if "rank" in given else {"rank": ranks}
        lines = [best_point(along, start, judge, most=_MOST_TRIED, context=context) for start in starts]
        best = max(lines, key=lambda line: judge(line)[0])
        point = best_point(axes, best, judge, most=_MOST_TRIED, context=context)
        rank = int(point["rank"])
        factors = bases[rank].factors(beta=point["beta"], power=point["power"])
        return self._recommender(train, factors, chosen={**point, "rank": rank})

    def _basis(self, train: Interactions, rank: int) -> NormalisedBasis:
        return normalised_basis(train, rank, method=self.method, seed=self.seed)


class BiasedSVD(_Decomposition):
    """Mean, biases, and the truncated SVD of what they leave over; see :func:`fillrank.solvers.sparse.svd.biased_svd`.

    It predicts values, and ranks by what it predicts.

    Attributes:
        rank: number of singular vectors, 0: the biases alone; ``"auto"`` takes the best RMSE on the validation part, at
            most 200 or the smaller side of the log.
        user_shrinkage, item_shrinkage: of the biases; ``"auto"`` likewise, one after the other, each grid going on
            while its best is at an end. At most 30 pairs are tried, each by one decomposition or a few.
        method: ``"exact"`` or ``"randomized"``.
        seed: of the start vectors.
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
        """The error of each rank on the validation part, and the rank; the larger ones only while they are better."""
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


def _chosen_rank(
    recipe: PureSVD | NormalisedSVD,
    train: Interactions,
    valid: Interactions | None,
    solve: Callable[[int], Factors],
) -> tuple[int, Factors]:
    """The rank asked for, or the best one on the validation part: one decomposition serves all that are tried."""
    if recipe.rank != "auto":
        return recipe.rank, solve(recipe.rank)
    evaluator = Evaluator(needed(recipe, valid), train=train, seen=train.csr, k=10, metrics=("ndcg",))
    best: tuple[int, Factors] = (0, solve(1))  # beaten by whatever is tried first
    for step in _RANKS:
        ranks = _fitting(step, train)
        # A randomized decomposition cut to fewer directions is another, better one than that of fewer directions.
        largest = solve(ranks[-1]) if recipe.method == "exact" else None
        tried = ((rank, solve(rank) if largest is None else first_directions(largest, rank)) for rank in ranks)
        champions = chain([best] if best[0] else [], tried)
        best = best_by(((pair, pair[1]) for pair in champions), lambda factors: evaluator.run(factors)["ndcg@10"])
        if best[0] != step[-1]:
            break
    return best


def _fitting(ranks: tuple[int, ...], train: Interactions) -> list[int]:
    """The ranks that a log has room for, at least one."""
    smallest = min(train.n_users, train.n_items)
    return [rank for rank in ranks if rank <= smallest] or [smallest]


def _allowed(shrinkage: float) -> bool:
    return 0.01 <= shrinkage <= 1000
