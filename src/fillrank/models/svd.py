"""Recipes through the singular value decomposition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from fillrank.data import Interactions
from fillrank.errors import SettingsError
from fillrank.factors import Factors
from fillrank.models.recipe import NotNegative, Recipe, best_by, error_on, needed
from fillrank.ranking import Evaluator
from fillrank.recommend import Recommender
from fillrank.solvers.biases import fit_biases
from fillrank.solvers.svd import SvdMethod, biased_svd, first_directions, normalised_svd, pure_svd

__all__ = ["BiasedSVD", "NormalisedSVD", "PureSVD"]

Rank = Annotated[int, Field(ge=1)] | Literal["auto"]

_RANKS = ((4, 8, 16, 24, 32, 48, 64), (96, 128), (192, 256), (384, 512))
"""Tried in these steps: while the largest of a step is the best so far, the next step is tried too."""
_RATING_RANKS = (1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 40, 50)
_SHRINKAGES = ((1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (5.0, 3.0), (5.0, 5.0), (10.0, 5.0), (10.0, 10.0))


class PureSVD(Recipe):
    """Truncated SVD of the matrix with zeros in its holes; see :func:`fillrank.solvers.svd.pure_svd`. It only ranks.

    Attributes:
        rank: number of singular vectors; ``"auto"`` takes the best nDCG@10 on the validation part.
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

    def chooses(self) -> bool:
        """See :meth:`Recipe.chooses`."""
        return self.undecided()

    def _fit(self, train: Interactions, valid: Interactions | None) -> Recommender:
        log = train if self.use_values else train.without_values()
        rank, factors = _chosen_rank(self, train, valid, lambda r: pure_svd(log, r, method=self.method, seed=self.seed))
        return self._recommender(train, factors, chosen={"rank": rank})


class NormalisedSVD(Recipe):
    """Truncated SVD of the degree-normalised matrix; see :func:`fillrank.solvers.svd.normalised_svd`. It only ranks.

    Attributes:
        rank: number of singular vectors; ``"auto"`` takes the best nDCG@10 on the validation part.
        beta: how strongly popular items are pulled back up.
        power: of the singular values.
        method: ``"exact"`` or ``"randomized"``.
        seed: of the start vectors.
    """

    kind: ClassVar[str] = "normalised-svd"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("rank",)

    rank: Rank = "auto"
    beta: float = 0.5
    power: float = 0.0
    method: SvdMethod = "exact"
    seed: int = Field(default=0, ge=0)

    def chooses(self) -> bool:
        """See :meth:`Recipe.chooses`."""
        return self.undecided()

    def _fit(self, train: Interactions, valid: Interactions | None) -> Recommender:
        def solve(rank: int) -> Factors:
            return normalised_svd(train, rank, beta=self.beta, power=self.power, method=self.method, seed=self.seed)

        rank, factors = _chosen_rank(self, train, valid, solve)
        return self._recommender(train, factors, chosen={"rank": rank})


class BiasedSVD(Recipe):
    """Mean, biases, and the truncated SVD of what they leave over; see :func:`fillrank.solvers.svd.biased_svd`.

    It predicts values, and ranks by what it predicts.

    Attributes:
        rank: number of singular vectors; ``"auto"`` takes the best RMSE on the validation part.
        user_shrinkage, item_shrinkage: of the biases; ``"auto"`` likewise.
        method: ``"exact"`` or ``"randomized"``.
        seed: of the start vectors.
    """

    kind: ClassVar[str] = "biased-svd"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("rank", "user_shrinkage", "item_shrinkage")

    rank: Rank = "auto"
    user_shrinkage: NotNegative | Literal["auto"] = "auto"
    item_shrinkage: NotNegative | Literal["auto"] = "auto"
    method: SvdMethod = "exact"
    seed: int = Field(default=0, ge=0)

    def chooses(self) -> bool:
        """See :meth:`Recipe.chooses`."""
        return self.undecided()

    def _fit(self, train: Interactions, valid: Interactions | None) -> Recommender:
        if "auto" not in {self.rank, self.user_shrinkage, self.item_shrinkage}:
            factors = self._solve(train, int(self.rank), float(self.user_shrinkage), float(self.item_shrinkage))
            return self._recommender(train, factors, rater=factors)
        held_out = needed(self, valid)
        tried = (((rank, pair, f), f) for pair in self._pairs() for rank, f in self._ranks(train, pair))

        def judge(factors: Factors) -> float:
            return -error_on(held_out, factors, train.scale)

        rank, (user, item), factors = best_by(tried, judge)
        chosen = {"rank": rank, "user_shrinkage": user, "item_shrinkage": item}
        return self._recommender(train, factors, rater=factors, chosen=chosen)

    def _pairs(self) -> list[tuple[float, float]]:
        users, items = self.user_shrinkage, self.item_shrinkage
        pairs = [(u if users == "auto" else users, i if items == "auto" else items) for u, i in _SHRINKAGES]
        return list(dict.fromkeys(pairs))

    def _ranks(self, train: Interactions, pair: tuple[float, float]) -> Iterator[tuple[int, Factors]]:
        if self.rank != "auto":
            yield self.rank, self._solve(train, self.rank, *pair)
            return
        ranks = _fitting(_RATING_RANKS, train)
        largest = self._solve(train, ranks[-1], *pair)
        for rank in ranks:
            yield rank, first_directions(largest, rank)

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
    best: tuple[int, Factors] | None = None
    for step in _RANKS:
        ranks = _fitting(step, train)
        if not ranks:
            break
        largest = solve(ranks[-1])
        tried = [(rank, first_directions(largest, rank)) for rank in ranks]
        champions = tried if best is None else [best, *tried]
        best = best_by(((pair, pair[1]) for pair in champions), lambda factors: evaluator.run(factors)["ndcg@10"])
        if best[0] != ranks[-1]:
            break
    if best is None:
        raise SettingsError(f"{train!r} is too small to choose a rank for; give rank=1 or so")
    return best


def _fitting(ranks: tuple[int, ...], train: Interactions) -> list[int]:
    smallest = min(train.n_users, train.n_items)
    return [rank for rank in ranks if rank <= smallest]
