"""Logs with fewer users or items than a model has dimensions, and choices that go on beyond their grids."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import fillrank as fr
from fillrank.data import Interactions, split
from fillrank.data.ids import IdMap
from fillrank.errors import SettingsError
from fillrank.evaluation import Evaluator
from fillrank.models import RECIPES, Recipe
from fillrank.models.grid import Axis, best_point
from fillrank.models.holding_out import some_users
from fillrank.models.ranks import RankLadder
from fillrank.solvers.sparse import svd

QUICK = {}
MORE = {
    "pure-svd": {},
    "normalised-svd": {"beta": 0.5, "power": 0.0},
    "biased-svd": {"user_shrinkage": 5.0, "item_shrinkage": 3.0},
}
SOLVERS = {
    "pure-svd": {},
    "normalised-svd": {},
    "biased-svd": {},
    "als": QUICK,
    "ials": QUICK,
    "sgd": QUICK,
    "gibbs": {"iterations": 20, "burn_in": 5, **QUICK},
}


def small_log(n_users: int, n_items: int) -> Interactions:
    rng = np.random.default_rng(0)
    cells = rng.choice(n_users * n_items, max(n_users * n_items * 2 // 3, 3), replace=False)
    return Interactions.from_arrays(
        (cells // n_items).tolist(), (cells % n_items).tolist(), values=rng.integers(1, 6, len(cells)).astype(float)
    )


@pytest.mark.parametrize("shape", [(12, 3), (2, 9), (30, 20)])
@pytest.mark.parametrize("kind", list(SOLVERS))
def test_a_log_that_is_smaller_than_the_dimension_is_no_error(kind: str, shape: tuple[int, int]) -> None:
    parts = split.random(small_log(*shape), valid=0.2, seed=1)
    model = RECIPES[kind](**SOLVERS[kind]).fit(parts.train, parts.valid)
    again = RECIPES[kind](**model.settings).fit(parts.train)
    assert len(again.recommend(k=1)) <= shape[0]
    assert np.isfinite(model.recommend(k=2)["score"].to_numpy()).all()
    rank = model.settings.get("rank")
    assert rank is None or rank <= min(shape)


@pytest.mark.parametrize("kind", ["pure-svd", "normalised-svd", "biased-svd"])
def test_a_rank_that_was_asked_for_and_does_not_fit_is_named(kind: str) -> None:
    more = MORE[kind]
    with pytest.raises(SettingsError, match="rank must be from 1 to 3 for a 12×3 matrix, got 40"):
        RECIPES[kind](rank=40, **more).fit(small_log(12, 3))


def test_a_search_goes_on_beyond_both_ends_and_stays_within_what_is_allowed() -> None:
    seen: list[dict[str, float]] = []

    def judge(point: dict[str, float]) -> tuple[float, dict[str, float]]:
        seen.append(dict(point))
        return -abs(np.log2(point["x"]) - 6) - abs(np.log2(point["y"]) + 5), {}

    axes = {"x": Axis((1.0, 2.0), allowed=lambda x: x <= 32), "y": Axis((1.0, 2.0))}
    assert best_point(axes, {"x": 1.0, "y": 1.0}, judge, most=50) == {"x": 32.0, "y": 2.0**-5}
    assert len(seen) == len({tuple(point.values()) for point in seen}), "no point is judged twice"
    seen.clear()
    best_point(axes, {"x": 1.0, "y": 1.0}, judge, most=4)
    assert len(seen) == 4


def test_ials_takes_a_longer_vector_where_that_ranks_better() -> None:
    log = fr.synthetic(100, 70, 2000, rank=10, noise=0.1, seed=2).interactions
    parts = split.random(log.without_values(), valid=0.1)
    model = fr.IALS(unobserved_weight=0.03, regularization=0.01).fit(parts.train, parts.valid)
    figures = {
        dim: fr.IALS(**{**model.settings, "dim": dim, "iterations": 4}).fit(parts.train, parts.valid).history[3]
        for dim in (model.settings["dim"] // 2, model.settings["dim"])
    }
    one, two = (figures[dim]["valid_ndcg@20"] for dim in sorted(figures))
    assert two >= one
    assert isinstance(model.settings["dim"], int)


@pytest.mark.parametrize("kind", [fr.PureSVD, fr.NormalisedSVD])
def test_what_a_randomized_rank_was_chosen_for_is_what_is_fitted(kind: type[Recipe]) -> None:
    parts = split.random(small_log(190, 170), valid=0.1)
    model = kind().fit(parts.train, parts.valid, refit=False)
    assert model.settings["method"] == "randomized"
    again = kind(**model.settings).fit(parts.train)
    assert "auto" not in model.settings.values()
    assert torch.equal(model.scorer.items, again.scorer.items)
    assert torch.equal(model.scorer.users, again.scorer.users)


def test_normalised_svd_chooses_beta_and_power_better_than_published_and_decomposes_once_a_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = fr.synthetic(300, 200, 6000, rank=10, noise=0.1, seed=2).interactions
    parts = split.random(log.without_values(), valid=0.1)
    ranks: list[int] = []
    real = svd.truncated_svd

    def counted(matrix: object, rank: int, **more: object) -> object:
        ranks.append(rank)
        return real(matrix, rank, **more)

    monkeypatch.setattr(svd, "truncated_svd", counted)
    model = fr.NormalisedSVD().fit(parts.train, parts.valid, refit=False)
    assert ranks == sorted(set(ranks))
    assert set(ranks) <= {64, 128, 200}, (
        "each serves all ranks above half of it, and the last is the log's smaller side"
    )
    published = fr.NormalisedSVD(beta=0.5, power=0.0).fit(parts.train, parts.valid, refit=False)
    judge = Evaluator(parts.valid, train=parts.train, seen=parts.train.csr, k=20, metrics=("ndcg",))
    assert judge.run(model.scorer)["ndcg@20"] >= judge.run(published.scorer)["ndcg@20"]
    assert (published.settings["beta"], published.settings["power"]) == (0.5, 0.0)


@pytest.mark.parametrize("truth", [{"beta": -0.2, "power": 1.75}, {"beta": 1.1, "power": -0.5}])
def test_beta_and_power_go_on_to_where_the_truth_is(truth: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is judged best is made to be the truth: the search gets there, and stays with what was given."""
    parts = split.random(small_log(60, 50), valid=0.1)

    class Told:
        def __init__(self, *_: object, **__: object) -> None: ...

        def run(self, far: float) -> dict[str, float]:
            return {"ndcg@20": -far}

    def factors(basis: svd.NormalisedBasis, *, beta: float, power: float) -> float:
        return abs(beta - truth["beta"]) + abs(power - truth["power"])

    monkeypatch.setattr("fillrank.models.monitoring.Evaluator", Told)
    monkeypatch.setattr(svd.NormalisedBasis, "factors", factors)
    recipe = fr.NormalisedSVD(rank=5)
    found: dict[str, object] = {}

    def kept(self: Recipe, train: object, scorer: object, chosen: dict[str, object]) -> fr.Recommender:
        found.update(chosen)
        return fr.Popularity().fit(parts.train)

    monkeypatch.setattr(fr.NormalisedSVD, "_recommender", kept)
    recipe.fit(parts.train, parts.valid, refit=False)
    assert found == {**truth, "rank": 5}


def test_a_ladder_of_ranks_ends_where_the_log_or_the_work_does() -> None:
    small, large = small_log(90, 70), fr.synthetic(300, 80_000, 90_000).interactions
    assert RankLadder.of(small, bounded=True).rungs == (1, 2, 4, 8, 16, 24, 32, 48, 64)
    whole, payable = (RankLadder.of(large, bounded=bounded) for bounded in (False, True))
    assert whole.rungs[-1] == payable.rungs[-1] == 256
    assert [whole.size(rank) for rank in (1, 64, 65, 256, 300)] == [64, 64, 128, 256, 300]
    many = replace(large, user_ids=IdMap(range(5_000_000)))
    assert RankLadder.of(many, bounded=True).rungs[-1] == 128, "5,080,000 · 128² < 10¹¹ < 5,080,000 · 256²"


def test_some_users_are_a_part_of_the_users_with_all_their_rows() -> None:
    log = small_log(40, 20)
    some = some_users(log, 7, seed=3)
    present = np.unique(some.users)
    assert len(present) == 7
    assert len(some) == np.isin(log.users, present).sum()
    assert some_users(log, 40, seed=3) is log


def test_biased_svd_may_take_the_biases_alone() -> None:
    rng = np.random.default_rng(5)
    cells = rng.choice(80 * 60, 600, replace=False)
    values = rng.normal(0, 1, 80)[cells // 60] + rng.normal(0, 1, len(cells))
    parts = split.random(
        Interactions.from_arrays((cells // 60).tolist(), (cells % 60).tolist(), values=values), valid=0.2
    )
    alone = fr.BiasedSVD(rank=0, user_shrinkage=5.0, item_shrinkage=3.0).fit(parts.train)
    chosen = fr.BiasedSVD(**fr.BiasedSVD().fit(parts.train, parts.valid).settings).fit(parts.train)
    errors = [Evaluator.on_valid(parts).run(model)["rmse"] for model in (chosen, alone)]
    assert errors[0] <= errors[1]
    np.testing.assert_array_equal(
        alone.predictor.user_bias.numpy(), fr.Popularity().fit(parts.train).predictor.user_bias.numpy()
    )
