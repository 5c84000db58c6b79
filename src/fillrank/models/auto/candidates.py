"""The candidates of a search, their order, and estimates of their time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fillrank.data import Interactions
from fillrank.models.als import ALS
from fillrank.models.base import Recipe
from fillrank.models.cmc.recipe import CMC
from fillrank.models.contrastive.recipe import Contrastive
from fillrank.models.defaults import has_ratings
from fillrank.models.gibbs import Gibbs
from fillrank.models.ials import IALS
from fillrank.models.item_to_item.autoencoders import EASE, RDLAE
from fillrank.models.item_to_item.neighbours import ItemKNN, RP3Beta, UserKNN
from fillrank.models.popularity import Popularity
from fillrank.models.sgd import SGD
from fillrank.models.svd import NormalisedSVD

__all__ = ["Candidate", "Goal", "LogShape", "candidates_for"]

Goal = Literal["lists", "ratings", "both"]


@dataclass(frozen=True)
class LogShape:
    """The numbers of a log that determine how long a fit takes.

    Attributes:
        n_users, n_items, n_rows: the sizes of the log.
        n_pairs: pairs of items that one user has met, summed over users: the work of an items × items product.
    """

    n_users: int
    n_items: int
    n_rows: int
    n_pairs: int

    @classmethod
    def of(cls, interactions: Interactions) -> LogShape:
        """Of a log.

        Example:
            >>> LogShape.of(Interactions.from_arrays([0, 0, 1], ["a", "b", "a"]))
            LogShape(n_users=2, n_items=2, n_rows=3, n_pairs=5)
        """
        met = interactions.user_counts.astype(np.int64)
        return cls(interactions.n_users, interactions.n_items, len(interactions), int((met**2).sum()))


@dataclass(frozen=True)
class Candidate:
    """A recipe to try.


    Attributes:
        recipe: the recipe; settings that are ``"auto"`` are chosen on the validation part.
        seconds: estimates how long its choices and one training take for a log, on two cores of 2024. The search
            corrects the estimate by the time that earlier candidates took.
        after: another candidate that must be the best so far, or a part of the best blend, because a costly variant is
            worth its time only if its family is good. None: it is always tried.
    """

    recipe: Recipe
    seconds: Callable[[LogShape], float]
    after: str | None = None

    @property
    def name(self) -> str:
        """The kind, and the settings that were given besides the seed."""
        own = {name: value for name, value in self.recipe.model_dump(exclude_unset=True).items() if name != "seed"}
        words = ", ".join(f"{name}={value}" for name, value in own.items())
        return f"{self.recipe.kind}({words})" if words else self.recipe.kind


def _all(seed: int) -> list[tuple[set[Goal], Candidate]]:
    """Every candidate, with the goals that it can serve."""
    lists: set[Goal] = {"lists"}
    ratings: set[Goal] = {"ratings"}
    both: set[Goal] = {"lists", "ratings"}
    return [
        (both, Candidate(Popularity(), _by_rows(1e-6))),
        (lists, Candidate(ItemKNN(), _by_pairs(1e-6))),
        (lists, Candidate(UserKNN(), _by_pairs(2e-6))),
        (lists, Candidate(RP3Beta(), _by_pairs(1e-6))),
        (lists, Candidate(EASE(), lambda shape: _of_inverses(shape, tried=10))),
        (lists, Candidate(NormalisedSVD(seed=seed), _by_rows(1e-4))),
        (lists, Candidate(IALS(seed=seed), _by_rows(3e-4))),
        (lists, Candidate(Contrastive(seed=seed), _by_rows(2e-4))),
        (lists, Candidate(RDLAE(), lambda shape: _of_inverses(shape, tried=30), after="ease")),
        (lists, Candidate(Contrastive(dim=256, seed=seed), _by_rows(6e-4), after="contrastive")),
        (ratings, Candidate(SGD(seed=seed), _by_rows(1e-5))),
        (ratings, Candidate(ALS(seed=seed), _by_rows(1e-4))),
        (ratings, Candidate(Gibbs(seed=seed), _by_rows(3e-4))),
        (both, Candidate(CMC(seed=seed), _by_rows(2e-4))),
    ]


def _by_pairs(seconds: float) -> Callable[[LogShape], float]:
    """An estimate for models that count pairs of items: seconds for each pair, all trials included."""
    return lambda shape: seconds * shape.n_pairs + 1e-5 * shape.n_rows


def _of_inverses(shape: LogShape, *, tried: int) -> float:
    """An estimate for linear autoencoders: trials on 4,096 of the smaller side at most, and one inverse of it."""
    whole = min(shape.n_users, shape.n_items)
    small = min(whole, 4096)
    return (1.5 * tried * small**3 + 3.0 * whole**3) / 4e10 + 1e-8 * shape.n_pairs


def _by_rows(seconds: float) -> Callable[[LogShape], float]:
    """An estimate for models that pass over the rows many times: seconds for each row."""
    return lambda shape: seconds * shape.n_rows


def candidates_for(interactions: Interactions, goal: Goal, *, seed: int = 0) -> list[Candidate]:
    """The candidates for a log: popularity, then the cheap ones in the order of their cost, then costly variants.

    Popularity takes no time, ranks and predicts. So a search that is cut short has a model for both.


    Args:
        interactions: the train part.
        goal: lists alone, ratings alone, or both.
        seed: the seed of every recipe that has one.

    Example:
        >>> log = Interactions.from_arrays([0, 0, 1], ["a", "b", "a"])
        >>> [candidate.name for candidate in candidates_for(log, "lists")][:3]
        ['popularity', 'ease', 'item-knn']
    """
    wanted = [candidate for goals, candidate in _all(seed) if goal == "both" or goal in goals]
    if not has_ratings(interactions):
        wanted = [candidate for candidate in wanted if candidate.recipe.kind != "cmc"]
    shape = LogShape.of(interactions)

    def order(candidate: Candidate) -> tuple[bool, bool, float]:
        return candidate.recipe.kind != "popularity", candidate.after is not None, candidate.seconds(shape)

    return sorted(wanted, key=order)
