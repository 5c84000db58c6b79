"""The recipe that tunes itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, PlainSerializer

from fillrank.data import Interactions
from fillrank.errors import SettingsError
from fillrank.models.auto.blending import FoundRanking, best_ranking
from fillrank.models.auto.candidates import Goal, candidates_for
from fillrank.models.auto.search import CandidateSearch
from fillrank.models.base import Recipe
from fillrank.models.blend import as_part, part_as_mapping
from fillrank.models.defaults import has_ratings
from fillrank.models.popularity import Popularity
from fillrank.models.unused import where
from fillrank.recommend import Recommender
from fillrank.registry import is_usual
from fillrank.training.callbacks.budget import seconds_of
from fillrank.training.context import FitContext

__all__ = ["Auto"]


def _as_choice(given: object) -> object:
    return given if given is None or is_usual(given, "auto") else as_part(given)


def _choice_as_plain(part: Recipe | Literal["auto"] | None) -> Any:
    return part_as_mapping(part) if isinstance(part, Recipe) else part


def _checked_budget(budget: float | str) -> float | str:
    seconds_of(budget)
    return budget


Choice = Annotated[
    InstanceOf[Recipe] | Literal["auto"] | None, BeforeValidator(_as_choice), PlainSerializer(_choice_as_plain)
]


class Auto(Recipe):
    """Tries many recipes within a time budget, and returns the best of them or a blend of the best.

    1. **Families.** All recipes that suit the log are fitted on the train part, the cheapest first: popularity,
    neighbours, closed forms, decompositions, then trained models. Each chooses its own ``"auto"`` settings. A candidate
    that may take longer than the rest of the budget is left out. 2. **Variants.** Larger or other versions of a family
    are tried if the family is among the best. 3. **A blend** of the best, if it ranks at least half a percent better on
    the validation part. 4. **The second fit**: the chosen model is fitted on train and validation together (see
    :meth:`Recipe.fit`).

    All choices are made on the validation part; the test part is never used. The settings of the model contain a table
    of the candidates: ``pl.DataFrame(model.settings["tried"])``.

    Attributes:
        budget: time for the whole fit: seconds, or a text such as ``"5m"``. Decompositions and inverses cannot be
            stopped in between, so their time is estimated, and the budget is kept only as well as these estimates are.
            The first candidate, popularity, is always fitted.
        goal: what to optimise: ``"lists"`` (ranked items), ``"ratings"`` (predicted values) or ``"both"``; ``"auto"``:
            both if the log has ratings, else lists.
        monitor: the metric of lists on the validation part. Predictions are judged by their root mean squared error.
        ranker, predictor: the recipes that a search has found, which are fitted again without a search. ``"auto"``:
            search for them. A predictor of None: values are not predicted.
        tried: the table of candidates, for the reader; a fit does not use it.
        seed: of every recipe that has one.

    Example:
        >>> from fillrank.data import split, synthetic
        >>> parts = split.random(synthetic(200, 100, 6000, rank=2).interactions, valid=0.1)
        >>> model = Auto(budget=2, goal="lists").fit(parts.train, parts.valid, progress=False)
        >>> "popularity" in [row["model"] for row in model.settings["tried"]]
        True
    """

    kind: ClassVar[str] = "auto"
    uses_device: ClassVar[bool] = True
    uses_weights: ClassVar[bool] = True  # if its candidates do
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("ranker", "predictor")
    has_rule: ClassVar[bool] = True

    budget: Annotated[float | str, AfterValidator(_checked_budget)] = 600.0
    goal: Goal | Literal["auto"] = "auto"
    monitor: str = "ndcg@20"
    ranker: Choice = "auto"
    predictor: Choice = "auto"
    tried: list[dict[str, Any]] = Field(default_factory=list)
    seed: int = Field(default=0, ge=0)

    def uses_values(self, interactions: Interactions) -> bool:
        """See :meth:`Recipe.uses_values`."""
        return self._goal(interactions) != "lists"

    def idle(self, interactions: Interactions, valid: Interactions | None) -> Mapping[str, str]:  # noqa: ARG002
        """See :meth:`Recipe.idle`."""
        used = interactions.values is not None or not isinstance(self.predictor, Recipe)
        return where(used, "there are ratings", "predictor")

    def objects(self) -> dict[str, Any]:
        """See :meth:`Recipe.objects`: the objects of the recipes that were found."""
        found = {"ranker": self.ranker, "predictor": self.predictor}
        return {
            f"{name}.{part}": value
            for name, one in found.items()
            if isinstance(one, Recipe)
            for part, value in one.objects().items()
        }

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        if "auto" not in (self.ranker, self.predictor):
            return self._as_found(train, context)
        if valid is None:  # the log is too small to hold anything out
            return Popularity().fit_within(context.part(0), train, None, refit=False)
        return self._searched(train, valid, context)

    def _searched(self, train: Interactions, valid: Interactions, context: FitContext) -> Recommender:
        goal, end = self._goal(train), time.monotonic() + seconds_of(self.budget)
        search = CandidateSearch(
            train, valid, goal=goal, monitor=self.monitor, end=end, context=context, seed=self.seed
        )
        search.run(candidates_for(train, goal, seed=self.seed))
        rated = next(iter(search.ratings()), None)
        if goal == "ratings" and rated is not None:
            ranking = FoundRanking(rated.recipe, rated.model.scorer)
        else:
            ranking = best_ranking(search, train, seed=self.seed)
        return self._recommender(
            train,
            ranking.scorer,
            predictor=None if rated is None else rated.model.predictor,
            chosen={
                "goal": goal,
                "ranker": part_as_mapping(ranking.recipe),
                "predictor": None if rated is None else part_as_mapping(rated.recipe),
                "tried": [*(one.row() for one in search.tried), *ranking.rows],
            },
        )

    def _as_found(self, train: Interactions, context: FitContext) -> Recommender:
        """The recipes that a search has found, or that were given, fitted without a search."""
        if not isinstance(self.ranker, Recipe):
            raise SettingsError(f"ranker = {self.ranker!r}: a recipe is wanted, because predictor is given").about(
                "ranker"
            )
        ranks = self.ranker.fit_within(context.part(0), train, None, refit=False)
        predictor = None
        if isinstance(self.predictor, Recipe) and train.values is not None:
            same = part_as_mapping(self.predictor) == part_as_mapping(self.ranker)
            rates = ranks if same else self.predictor.fit_within(context.part(1), train, None, refit=False)
            predictor = rates.predictor
        return self._recommender(train, ranks.scorer, predictor=predictor)

    def _goal(self, interactions: Interactions) -> Goal:
        """The goal: as given, or as the log allows."""
        if self.goal != "auto":
            return self.goal
        return "both" if has_ratings(interactions) else "lists"
