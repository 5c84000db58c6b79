"""Users whom no model has met: introduced by their known rows, and then measured on like all others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import fillrank as fr
from fillrank.data import Split, synthetic
from fillrank.data.held_out_users import HeldOutUsers
from fillrank.errors import DataError, SettingsError
from fillrank.evaluation import Evaluator
from fillrank.models import RECIPES

SMALL = {
    "pure-svd": {},
    "ials": {"dim": 4, "unobserved_weight": 0.1, "regularization": 0.01},
    "ease": {},
    "user-knn": {"similarity": "cosine", "k": 10, "shrinkage": 1.0},
    "biased-svd": {"rank": 2},
    "gibbs": {"dim": 2, "iterations": 10, "burn_in": 4},
    "contrastive": {"dim": 8, "epochs": 3, "sampler_settings": {"n_negatives": 20}},
    "cmc": {"dim": 4, "rating_dim": 2, "epochs": 2, "temperature": 0.2, "rating_share": 1.0},
}


@pytest.fixture(scope="module")
def strong() -> Split:
    return fr.split.strong(synthetic(80, 40, 1600, rank=2, seed=3).interactions, test=0.2, valid=0.1, seed=0)


def test_a_report_is_that_of_the_model_folded_in_by_hand(strong: Split) -> None:
    model = fr.PureSVD(rank=4).fit(strong.train, progress=False)
    report = fr.evaluate(model, strong, k=5, metrics=["recall", "recall_capped", "ndcg"])
    assert isinstance(strong.test, HeldOutUsers)
    known, wanted = strong.test.alone()
    scores = model.scorer.fold_in(known).score(torch.arange(known.n_users)).numpy()
    scores[known.users, known.items] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    relevant = wanted.relevant()
    for user, place in zip(np.unique(relevant.users), range(len(report.users)), strict=True):
        items = set(relevant.items[relevant.users == user].tolist())
        hits = len(items & set(best[user].tolist()))
        assert report.per_user["recall@5"][place] == pytest.approx(hits / len(items))
        assert report.per_user["recall_capped@5"][place] == pytest.approx(hits / min(5, len(items)))
    assert set(report.users.tolist()) <= set(strong.test.users.tolist())
    assert report.protocol["users"] == "new"
    assert report.protocol["split"]["split"] == "strong"


@pytest.mark.parametrize("name", SMALL)
def test_models_choose_refit_and_are_measured_on_new_users(strong: Split, name: str) -> None:
    model = RECIPES[name](**SMALL[name]).fit(strong.train, strong.valid, progress=False)
    report = fr.evaluate(model, strong, k=5)
    assert 0 < report["ndcg@5"] <= 1
    assert not set(strong.test.users.tolist()) & set(model.interactions.users.tolist())
    assert ("rmse" in report.metrics) == (model.predictor is not None)
    if model.refit:
        assert isinstance(strong.valid, HeldOutUsers)
        assert len(model.interactions) == len(strong.train) + len(strong.valid.whole())


def test_without_a_refit_the_validation_users_stay_unknown(strong: Split) -> None:
    model = fr.EASE().fit(strong.train, strong.valid, refit=False, progress=False)
    assert len(model.interactions) == len(strong.train)
    assert Evaluator.on_valid(strong, k=5).run(model)["ndcg@5"] > 0


def test_a_comparison_names_the_split_and_a_model_that_knows_no_new_users_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = synthetic(80, 40, 1600, rank=2, seed=3).interactions
    models = {"pure-svd": {"rank": 4}, "neumf": {"epochs": 1, "dim": 4}}
    table = fr.compare(log, models, split="strong", k=5, options=fr.FitOptions(progress=False))
    assert [run.model for run in table.runs] == ["pure-svd"]
    assert table.runs[0].report.protocol["split"]["split"] == "strong"
    assert "a network over pairs cannot fold" in str(table.failures[0])
    with pytest.raises(SettingsError, match="the data are a split already, so split='strong' has nothing to do"):
        fr.compare(fr.split.random(log), ["popularity"], split="strong")


def test_a_scorer_of_ones_own_without_fold_in_is_refused_in_words(strong: Split) -> None:
    class Plain:
        n_users, n_items = strong.train.n_users, strong.train.n_items

        def score(self, users: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(users), self.n_items)

        def score_pairs(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
            return torch.zeros(len(users))

    with pytest.raises(DataError, match="new to the model, and a Plain has no fold_in to take them in"):
        fr.evaluate(Plain(), strong)


def test_the_command_line_fits_and_evaluates(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from fillrank.cli.app import app

    monkeypatch.chdir(tmp_path)
    synthetic(80, 40, 1600, rank=2, seed=3).interactions.to_frame().write_csv("log.csv")
    how = ["--data", "log.csv", "--split", "strong"]
    run = CliRunner().invoke(app, ["fit", *how, "--model", "ease", "--out", "run", "--no-progress"])
    assert run.exit_code == 0, run.output
    found = CliRunner().invoke(app, ["evaluate", "run", *how, "--k", "5"])
    assert found.exit_code == 0, found.output
    assert "strong split (test 0.1, valid 0.1, known 0.8, seed 0)" in found.output
    other = CliRunner().invoke(app, ["evaluate", "run", "--data", "log.csv", "--k", "5"])
    assert other.exit_code != 0  # the random split's test rows were learnt from
