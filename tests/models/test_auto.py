"""The recipe that tunes itself: what it tries, how it keeps to its budget, and what it ends in."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from fillrank.data import Interactions, Split, split, synthetic
from fillrank.errors import DataError, SettingsError
from fillrank.evaluation import Evaluator
from fillrank.models import RECIPES, NormalisedSVD, Popularity, PureSVD, Recipe
from fillrank.models.auto import Auto
from fillrank.models.auto.blending import best_ranking
from fillrank.models.auto.candidates import Candidate, LogShape, candidates_for
from fillrank.models.auto.deadline import Deadline
from fillrank.models.auto.search import CandidateSearch
from fillrank.recommend import Recommender
from fillrank.training.callbacks import EpochEnd, StageStart
from fillrank.training.context import FitContext


@pytest.fixture(scope="module")
def events() -> Split:
    return split.random(synthetic(120, 60, 2400, rank=3, seed=1).interactions.without_values(), valid=0.1, seed=0)


class Clock:
    """Seconds that pass only when somebody says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def search_of(parts: Split, clock: Clock, *, end: float = 100.0) -> CandidateSearch:
    assert parts.valid is not None
    context = FitContext(model="auto")
    return CandidateSearch(
        parts.train, parts.valid, goal="lists", monitor="ndcg@20", end=end, context=context, clock=clock
    )


def slow(clock: Clock, seconds: float, recipe: type[Recipe] = Popularity) -> Recipe:
    """A recipe whose fit takes ``seconds`` of the clock."""

    class Slow(recipe):  # type: ignore[valid-type, misc]
        kind: ClassVar[str] = f"slow-{seconds:g}"

        def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
            clock.now += seconds
            return super()._fit(train, valid, context)  # type: ignore[no-any-return]

    return Slow()


class Broken(Popularity):
    kind: ClassVar[str] = "broken"

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:  # noqa: ARG002
        raise DataError("it does not go with this log")


def test_what_would_take_too_long_is_left_out_and_said(events: Split) -> None:
    clock = Clock()
    search = search_of(events, clock)
    search.run([Candidate(slow(clock, 1.0), lambda _: 1.0), Candidate(slow(clock, 90.0), lambda _: 90.0)])
    assert [row.model for row in search.tried] == ["slow-1", "slow-90"]
    assert search.tried[1].note.endswith(", and 98 s were left")
    assert len(search.fitted) == clock.now == 1.0


def test_a_slow_machine_is_noticed(events: Split) -> None:
    clock = Clock()
    search = search_of(events, clock)
    search.run([Candidate(slow(clock, 40.0), lambda _: 1.0), Candidate(slow(clock, 5.0), lambda _: 5.0)])
    assert search.tried[1].note.startswith("left out: it may take ")  # 5 s would have been in time


def test_the_first_is_fitted_whatever_the_budget(events: Split) -> None:
    clock = Clock()
    search = search_of(events, clock, end=0.5)
    search.run([Candidate(slow(clock, 9.0), lambda _: 9.0), Candidate(slow(clock, 1.0), lambda _: 1.0)])
    assert len(search.fitted) == 1


def test_a_candidate_that_fails_does_not_take_the_others_with_it(events: Split) -> None:
    search = search_of(events, Clock())
    search.run([Candidate(Broken(), lambda _: 0.0), Candidate(Popularity(), lambda _: 0.0)])
    assert search.tried[0].note == "failed: it does not go with this log"
    assert [one.recipe.kind for one in search.fitted] == ["popularity"]


@pytest.mark.parametrize(("family", "tried"), [("pure-svd", True), ("gibbs", False)])
def test_a_variant_waits_for_its_family(events: Split, family: str, tried: bool) -> None:
    search = search_of(events, Clock())
    search.run([Candidate(PureSVD(rank=3), lambda _: 0.0), Candidate(PureSVD(rank=4), lambda _: 0.0, after=family)])
    assert (len(search.fitted) == 2) is tried
    assert tried or search.tried[1].note == "left out: gibbs is not among the best"


def test_a_deadline_stops_after_its_moment_and_knows_when_trials_ended() -> None:
    clock = Clock()
    limit = Deadline(10.0, clock=clock)
    clock.now = 4.0
    assert not limit.on_epoch_end(EpochEnd("trial", 1, 5))
    clock.now = 9.0
    assert not limit.on_epoch_end(EpochEnd("fit", 1, 5))
    assert limit.after_trials == 5.0
    clock.now = 10.0
    assert limit.on_stage_start(StageStart("refit"))
    assert limit.passed


def test_what_was_found_is_fitted_again_with_the_same_settings(events: Split) -> None:
    model = Auto(budget=3, seed=3).fit(events.train, events.valid, progress=False)
    assert events.valid is not None
    again = Auto(**model.settings).fit(events.train.union(events.valid), progress=False)
    assert model.recommend(k=5).equals(again.recommend(k=5))


def test_it_ranks_no_worse_on_validation_than_the_best_it_tried(events: Split) -> None:
    model = Auto(budget=5).fit(events.train, events.valid, refit=False, progress=False)
    best = max(row.get("ndcg@20", 0.0) for row in model.settings["tried"])
    assert Evaluator.on_valid(events, k=20, metrics=("ndcg",)).run(model.scorer)["ndcg@20"] == pytest.approx(best)


def test_a_blend_has_to_gain_half_a_percent(events: Split) -> None:
    """Two times the same is no gain; something that errs in other ways is."""
    search = search_of(events, Clock())
    search.run([Candidate(PureSVD(rank=3), lambda _: 0.0), Candidate(PureSVD(rank=3), lambda _: 0.0)])
    ranking = best_ranking(search, events.train, seed=0)
    assert ranking.recipe.kind == "pure-svd"
    assert not ranking.rows


def test_a_blend_is_fitted_again_as_it_was_found(events: Split) -> None:
    search = search_of(events, Clock())
    search.run([Candidate(recipe, lambda _: 0.0) for recipe in (Popularity(), PureSVD(rank=2), NormalisedSVD(rank=9))])
    ranking = best_ranking(search, events.train, seed=0)
    again = ranking.recipe.fit(events.train, progress=False)
    users = torch.arange(5)
    torch.testing.assert_close(ranking.scorer.score(users), again.scorer.score(users))


def test_ratings_have_a_predictor_and_lists_a_ranker(ratings: Interactions) -> None:
    model = Auto(budget=3).fit(ratings, progress=False)
    assert model.predictor is not None
    assert model.settings["goal"] == "both"
    assert {"rmse", "ndcg@20"} <= {name for row in model.settings["tried"] for name in row}


def test_only_ratings(ratings: Interactions) -> None:
    model = Auto(budget=3, goal="ratings").fit(ratings, progress=False)
    assert model.settings["ranker"] == model.settings["predictor"]
    assert not any("ndcg@20" in row for row in model.settings["tried"])


@pytest.mark.parametrize("rows", [1, 2, 5, 12])
def test_no_log_is_too_small(rows: int) -> None:
    log = Interactions.from_arrays(list(range(rows)), list(range(rows)))
    assert len(Auto(budget=1).fit(log, progress=False).recommend(k=1, filter_seen=False)) == rows


def test_it_is_saved_with_what_was_tried(events: Split, tmp_path: Path) -> None:
    model = Auto(budget=1).fit(events.train, progress=False)
    model.save(tmp_path / "model")
    loaded = Recommender.load(tmp_path / "model")
    assert loaded.settings["tried"] == model.settings["tried"]
    assert loaded.settings["ranker"]["model"] in RECIPES


def test_it_says_what_it_tries(events: Split, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="fillrank"):
        Auto(budget=1).fit(events.train, events.valid)
    assert "auto: trying popularity" in caplog.text
    assert "auto: popularity: ndcg@20 0." in caplog.text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"budget": "soon"}, "a time budget is a number of seconds above 0"),
        ({"budget": 0}, "a time budget is a number of seconds above 0"),
        ({"ranker": "no-such"}, "no model is called 'no-such'"),
        ({"goal": "fame"}, "goal = 'fame'"),
        ({"monitor": "ndcg"}, "monitor must be a metric at a length"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_fitted(settings: dict[str, Any], said: str, events: Split) -> None:
    with pytest.raises(SettingsError, match=said):
        Auto(**settings).fit(events.train, events.valid, progress=False)


def test_the_shape_of_a_log_counts_pairs_of_items() -> None:
    log = Interactions.from_arrays([0, 0, 0, 1], ["a", "b", "c", "a"])
    assert LogShape.of(log) == LogShape(n_users=2, n_items=3, n_rows=4, n_pairs=10)


def test_the_cheap_come_first(events: Split) -> None:
    shape = LogShape.of(events.train)
    for goal in ("lists", "ratings", "both"):
        first, *others = candidates_for(events.train, goal)
        assert first.recipe.kind == "popularity"
        costs = [candidate.seconds(shape) for candidate in others if not candidate.after]
        assert costs == sorted(costs)
        assert len(costs) > 1


def test_a_search_that_is_cut_short_has_a_model_for_lists_and_for_ratings(ratings: Interactions) -> None:
    model = Auto(budget=1e-3).fit(ratings, progress=False)
    assert model.predictor is not None
    assert set(model.recommend(k=3)["rank"]) == {1, 2, 3}
