"""Recipes through alternating least squares."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import ClassVar, Literal, TypeAlias, TypeVar

from pydantic import Field

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.interrupt import Interrupt
from fillrank.models.recipe import NotNegative, Positive, Recipe, error_on
from fillrank.ranking import Evaluator
from fillrank.recommend import Recommender
from fillrank.ridge import RidgeMethod, RowSolver
from fillrank.solvers.als import RatingLoss, als_rounds
from fillrank.solvers.ials import ImplicitLoss, ials_rounds
from fillrank.training.looks import Look, tell
from fillrank.training.progress import Progress

__all__ = ["ALS", "IALS"]

_log = logging.getLogger("fillrank")


_RATING_PENALTIES = (0.03, 0.05, 0.07, 0.1, 0.15, 0.2)
_WEIGHTS, _PENALTIES = (0.01, 0.03, 0.1, 0.3), (0.003, 0.01, 0.02)
_MOST_TRIED = 20
_TRIAL = 4  # rounds after which these are compared; the best pair was the same one after 8 or 16


_Judgement: TypeAlias = tuple[float, dict[str, float]]
"""How good a round is, higher is better, and the figures that say so."""
Choice = TypeVar("Choice")
_Judge: TypeAlias = Callable[[Factors], _Judgement]


class _Alternating(Recipe):
    """What the two recipes share: how rows are solved, and which round is kept."""

    dim: int = Field(default=64, ge=1)
    method: RidgeMethod = "cholesky"
    steps: int = Field(default=3, ge=1)
    block: int = Field(default=64, ge=1)
    spread: Positive = 0.1
    iterations: int = Field(default=16, ge=1)
    patience: int = Field(default=3, ge=1)
    seed: int = Field(default=0, ge=0)
    n_threads: int | None = Field(default=None, ge=1)
    progress: bool = True

    def _solver(self) -> RowSolver:
        return RowSolver(self.method, self.steps, self.block, self.n_threads)

    def _chosen(
        self, candidates: Sequence[Choice], rounds: Callable[[Choice], Iterator[Factors]], judge: _Judge
    ) -> Choice:
        """The only candidate, or the one that does best on validation after a few rounds."""
        if len(candidates) == 1:
            return candidates[0]
        best, highest = 0, -math.inf
        with Progress(len(candidates), 1, shown=self.progress, unit="trial") as progress:
            for number, choice in enumerate(candidates):
                gain, figures = judge(next(islice(rounds(choice), _TRIAL - 1, None)))
                if gain > highest:
                    best, highest = number, gain
                progress.step_done()
                progress.epoch_done({"epoch": number + 1, **figures}, best + 1)
        return candidates[best]


class ALS(_Alternating):
    """Ratings by alternating least squares; see :func:`fillrank.solvers.als.als`.

    It predicts values, and ranks by what it predicts. Given a validation part, it keeps the round that predicts that
    part best.

    Attributes:
        dim: length of the vectors.
        regularization, bias_regularization: see :class:`fillrank.solvers.als.RatingLoss`. The first matters most, and
            the fewer ratings there are the higher it has to be: ``"auto"`` takes the lowest error on the validation
            part after a few rounds.
        method, steps, block, n_threads: see :class:`fillrank.ridge.RowSolver`.
        spread: of the start.
        iterations: at most this many rounds.
        patience: rounds without a better error on validation before the learning stops.
        seed: of the start.
        progress: show it.

    Example:
        >>> from fillrank.data import split, synthetic
        >>> parts = split.random(synthetic(200, 100, 6000, rank=2).interactions, valid=0.1)
        >>> model = ALS(dim=4, progress=False).fit(parts.train, parts.valid)
        >>> again = ALS(**model.settings).fit(parts.train.union(parts.valid))
        >>> bool((again.rater.items == model.rater.items).all())
        True
    """

    kind: ClassVar[str] = "als"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("regularization",)

    regularization: NotNegative | Literal["auto"] = "auto"
    bias_regularization: NotNegative = 0.02
    iterations: int = Field(default=30, ge=1)

    def _fit(self, train: Interactions, valid: Interactions | None) -> Recommender:
        def rounds(penalty: float) -> Iterator[Factors]:
            loss = RatingLoss(penalty, self.bias_regularization)
            return als_rounds(train, self.dim, loss, solver=self._solver(), spread=self.spread, seed=self.seed)

        judge = _unjudged if valid is None else _error_judge(train, valid)
        penalty = self._penalty(train, rounds, judge) if self.regularization == "auto" else self.regularization
        kept = _best_round(self, rounds(penalty), judge)
        chosen = {"regularization": penalty, "iterations": kept.number}
        return self._recommender(train, kept.factors, rater=kept.factors, chosen=chosen, history=kept.history)

    def _penalty(self, train: Interactions, rounds: Callable[[float], Iterator[Factors]], judge: _Judge) -> float:
        """The best on validation after a few rounds.

        What is right grows in proportion to the spread of the values, so the usual ones, which are for stars, are taken
        times the nearest power of two; and the search goes on as long as the best is the lowest or the highest tried.
        """
        spread = 1.0 if train.values is None else float(train.values.std())
        unit = 2.0 ** round(math.log2(spread)) if spread > 0 else 1.0
        tried = [penalty * unit for penalty in _RATING_PENALTIES]
        best = self._chosen(tried, rounds, judge)
        while best in {min(tried), max(tried)} and len(tried) < _MOST_TRIED:
            fresh = best * 2 if best == max(tried) else best / 2
            tried.append(fresh)
            best = self._chosen((best, fresh), rounds, judge)
        return best


class IALS(_Alternating):
    """Who met what, by implicit alternating least squares; see :func:`fillrank.solvers.ials.ials`. It only ranks.

    Given a validation part, it keeps the round with the best nDCG@10.

    Attributes:
        dim: length of the vectors; longer ranks better and takes longer.
        unobserved_weight, regularization: see :class:`fillrank.solvers.ials.ImplicitLoss`. Quality hangs on these two,
            and what is best differs between data sets by factors of ten; ``"auto"`` takes the best nDCG@10 on the
            validation part after a few rounds.
        frequency_exponent: see there too.
        method, steps, block, n_threads: see :class:`fillrank.ridge.RowSolver`.
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
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("unobserved_weight", "regularization")

    unobserved_weight: NotNegative | Literal["auto"] = "auto"
    regularization: NotNegative | Literal["auto"] = "auto"
    frequency_exponent: NotNegative = 1.0

    def _fit(self, train: Interactions, valid: Interactions | None) -> Recommender:
        judge = _unjudged if valid is None else _ndcg_judge(train, valid)
        weights = _WEIGHTS if self.unobserved_weight == "auto" else (self.unobserved_weight,)
        penalties = _PENALTIES if self.regularization == "auto" else (self.regularization,)
        weight, penalty = self._chosen(
            list(product(weights, penalties)), lambda pair: self._rounds(train, *pair), judge
        )
        kept = _best_round(self, self._rounds(train, weight, penalty), judge)
        chosen = {"unobserved_weight": weight, "regularization": penalty, "iterations": kept.number}
        return self._recommender(train, kept.factors, chosen=chosen, history=kept.history)

    def _rounds(self, train: Interactions, weight: float, penalty: float) -> Iterator[Factors]:
        loss = ImplicitLoss(weight, penalty, self.frequency_exponent)
        return ials_rounds(train, self.dim, loss, solver=self._solver(), spread=self.spread, seed=self.seed)


def _error_judge(train: Interactions, valid: Interactions) -> _Judge:
    def judge(factors: Factors) -> _Judgement:
        error = error_on(valid, factors, train.scale)
        return -error, {"valid_rmse": error}

    return judge


def _ndcg_judge(train: Interactions, valid: Interactions) -> _Judge:
    evaluator = Evaluator(valid, train=train, seen=train.csr, k=10, metrics=("ndcg",))

    def judge(factors: Factors) -> _Judgement:
        ndcg = evaluator.run(factors)["ndcg@10"]
        return ndcg, {"valid_ndcg@10": ndcg}

    return judge


@dataclass
class _Kept:
    """The best round so far, and the figures of all."""

    factors: Factors = field(init=False)
    number: int = 0
    gain: float = -math.inf
    history: list[dict[str, float]] = field(default_factory=list)


def _unjudged(factors: Factors) -> _Judgement:  # noqa: ARG001
    """Without a validation part every round is as good as the one before, and so the last is kept."""
    return 0.0, {}


def _best_round(recipe: _Alternating, rounds: Iterator[Factors], judge: _Judge) -> _Kept:
    """The best of the first rounds by ``judge``; of equals, the last."""
    kept, started = _Kept(), time.perf_counter()
    with Interrupt() as interrupt, Progress(recipe.iterations, 1, shown=recipe.progress) as progress:
        for number, factors in enumerate(islice(rounds, recipe.iterations), start=1):
            gain, figures = judge(factors)
            if gain >= kept.gain:
                kept.factors, kept.number, kept.gain = factors, number, gain
            now = time.perf_counter()
            kept.history.append({"epoch": number, "seconds": round(now - started, 6), **figures})
            started = now
            progress.step_done()
            progress.epoch_done(kept.history[-1], kept.number)
            asked = interrupt.asked  # read once: who listens is told of every stop
            tell(Look(number, gain, figures, asked))
            if asked:
                _log.warning("stopped by hand in round %d; keeping round %d, the best so far", number, kept.number)
            if asked or number - kept.number >= recipe.patience:
                break
    return kept
