"""What is chosen on validation, and the settings of the contrastive completer."""

from __future__ import annotations

import pytest
import torch

import fillrank as fr
from fillrank.data import Split
from fillrank.errors import DataError, SettingsError
from fillrank.evaluation import Evaluator
from fillrank.models import CMC, BiasedSVD, PureSVD, Recipe, recipe

FAST = {
    "temperature": 0.1,
    "dim": 8,
    "rating_dim": 4,
    "epochs": 3,
    "batch_size": 512,
    "negatives": "uniform",
    "n_negatives": 40,
}


def test_the_rank_of_pure_svd_is_the_best_on_validation(parts: Split) -> None:
    evaluator = Evaluator.on_valid(parts, k=20)
    settings = PureSVD().fit(parts.train, parts.valid, refit=False).settings
    decomposed = settings["rank"] + settings["oversampling"]
    scores = {
        rank: evaluator.run(PureSVD(rank=rank, oversampling=decomposed - rank).fit(parts.train))["ndcg@20"]
        for rank in (1, 2, 4, 8, 16, 24, 32, 48, 64)
    }
    assert scores[settings["rank"]] == max(scores.values())


def test_biased_svd_chooses_what_predicts_best(parts: Split) -> None:
    evaluator = Evaluator.on_valid(parts)
    chosen = BiasedSVD().fit(parts.train, parts.valid, refit=False)
    for rank in (1, 3, 8, 20):
        other = BiasedSVD(rank=rank, user_shrinkage=5.0, item_shrinkage=3.0).fit(parts.train)
        assert evaluator.run(chosen)["rmse"] <= evaluator.run(other)["rmse"] + 1e-6


def test_what_ials_tries_first_is_shown(
    parts: Split, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fillrank.runtime.progress._FIRST", 0.0)  # every line, not one now and then
    monkeypatch.setattr("fillrank.runtime.progress._NEXT", 0.0)
    settings = {"dim": 4, "iterations": 1, "unobserved_weight": 0.1}
    with caplog.at_level("INFO", "fillrank"):
        model = fr.IALS(**settings).fit(parts.train, parts.valid)
    trials = [line.getMessage() for line in caplog.records if line.getMessage().startswith("trial")]
    figures = [float(line.rpartition(" ")[2]) for line in trials]
    best = figures.index(max(figures)) + 1
    assert f"trial {len(trials)}/50 (best {best})" in trials[-1]
    caplog.clear()
    with caplog.at_level("INFO", "fillrank"):
        fr.IALS(**model.settings).fit(parts.train, parts.valid)
        fr.IALS(**settings).fit(parts.train, parts.valid, progress=False)
    assert "trial" not in caplog.text, "there is nothing to try, or nobody to show it to"


@pytest.mark.parametrize("recipe", [PureSVD(rank="auto"), BiasedSVD(user_shrinkage="auto")])
def test_a_choice_that_was_asked_for_needs_validation_data(recipe: Recipe, parts: Split) -> None:
    with pytest.raises(SettingsError, match=r"has settings to choose \('auto'\) and no valid"):
        recipe.fit(parts.train)


def test_every_setting_of_cmc_that_shapes_training_changes_the_result(parts: Split) -> None:
    """A guard against dead options."""
    plain = CMC(**FAST).fit(parts.train).recommend(k=5)["score"]
    for name, value in {
        "dim": 9,
        "rating_dim": 5,
        "temperature": 0.3,
        "positive_from": 0.5,
        "negatives": "in-batch",
        "n_negatives": 13,
        "logq_correction": False,
        "symmetric": True,
        "contrastive_weight": 0.5,
        "regularization": 0.4,
        "bias_regularization": 0.4,
        "bias_shrinkage": 4.0,
        "vector_regularization": 0.3,
        "dropout": 0.4,
        "polish": False,
        "init": "random",
        "rating_share": 0.3,
        "neighbour_weight": 0.5,
        "popularity_beta": 0.3,
        "popularity_weight": 1.0,
        "learning_rate": 0.02,
        "vector_learning_rate": 0.02,
        "epochs": 2,
        "batch_size": 300,
        "ema_span": 0.0,
        "seed": 1,
    }.items():
        changed = CMC(**{**FAST, name: value}).fit(parts.train).recommend(k=5)["score"]
        assert not changed.equals(plain), name


def test_how_cmc_ranks_is_chosen_after_training_and_changes_no_prediction(parts: Split) -> None:
    plain = {"neighbour_weight": 0.0, "popularity_beta": 0.0, "popularity_weight": 0.0}
    chosen = CMC(**FAST).fit(parts.train, parts.valid, refit=False)
    before = CMC(**FAST, **plain).fit(parts.train, parts.valid, refit=False)
    numbers = {name: chosen.settings[name] for name in plain}
    assert any(numbers.values()), "the popular items of this log are met more often"
    judge = Evaluator.on_valid(parts, k=20)
    assert judge.run(chosen)["ndcg@20"] > judge.run(before)["ndcg@20"]
    assert judge.run(chosen)["rmse"] == judge.run(before)["rmse"]
    again = CMC(**chosen.settings).fit(parts.train)
    known = torch.arange(parts.train.n_users)
    assert again.scorer.score(known).equal(chosen.scorer.score(known))
    older = {name: value for name, value in before.settings.items() if name not in plain}  # a file of before
    old, new = (CMC(**settings).fit(parts.train).scorer for settings in (older, before.settings))
    assert old.score(known).equal(new.score(known))


def test_numbers_of_the_ranking_that_are_asked_for_need_a_validation_part(parts: Split) -> None:
    with pytest.raises(SettingsError, match="settings to choose"):
        CMC(**FAST, neighbour_weight="auto").fit(parts.train)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0}, "temperature = 0: must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate = nan: must be a finite number"),
        ({"dim": 0}, "dim = 0: must be 1 or more"),
        ({"negatives": "hard"}, "negatives = 'hard': must be 'in-batch' or 'uniform'"),
        ({"dropout": 1.0}, "dropout = 1.0: must be below 1"),
        ({"dimm": 3}, "CMC has no setting 'dimm'; it has dim, rating_dim"),
    ],
)
def test_settings_that_cannot_work_are_named(settings: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message.replace("(", r"\(")):
        CMC(**settings)


def test_a_device_that_is_not_there_is_named(parts: Split) -> None:
    with pytest.raises(SettingsError, match="device 'abacus' cannot be used"):
        CMC(**FAST).fit(parts.train, device="abacus")


def test_a_threshold_that_leaves_no_positive_is_refused(parts: Split) -> None:
    with pytest.raises(DataError, match="no value is 99 or more, so there is no positive; lower positive_from"):
        CMC(**FAST, positive_from=99).fit(parts.train)


def test_an_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"no model is called 'svd'; did you mean 'pure-svd' or .* There are pop"):
        recipe("svd")


def test_early_stopping_keeps_the_best_epoch(parts: Split) -> None:
    model = CMC(**{**FAST, "epochs": 12, "patience": 2, "monitor": "rmse"}).fit(parts.train, parts.valid, refit=False)
    errors = [epoch["valid_rmse"] for epoch in model.history]
    assert model.settings["epochs"] == 1 + min(range(len(errors)), key=lambda n: errors[n])
    report = fr.evaluate(model, test=parts.valid, train=parts.train)
    assert report["rmse"] == pytest.approx(min(errors), abs=1e-6)
