"""Where no model is named, those are taken that go with the log: ratings, or events without values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import fillrank as fr
from fillrank.data import Interactions
from fillrank.errors import SettingsError
from fillrank.experiments.run.fit import RunPlan, fit_run
from fillrank.models import RECIPES, Recipe, default_model, default_models
from fillrank.training.context import FitContext

LOGS = {
    "ratings": lambda log: log,
    "events": lambda log: log.without_values(),
    "ones": lambda log: replace(log, values=np.ones(len(log), dtype=np.float32)),
}


@pytest.mark.parametrize(("kind", "wanted"), [("ratings", "cmc"), ("events", "contrastive"), ("ones", "contrastive")])
def test_the_default_is_by_the_log(kind: str, wanted: str, ratings: Interactions) -> None:
    log = LOGS[kind](ratings)
    assert default_model(log) == wanted == default_models(log)[-1]
    assert set(default_models(log)) <= RECIPES.keys()


@pytest.mark.parametrize("kind", LOGS)
def test_every_model_that_is_compared_by_default_can_be_fitted(
    kind: str, ratings: Interactions, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def at_once(self: Recipe, train: Interactions, valid: Interactions | None, context: FitContext) -> fr.Recommender:
        return fr.Popularity()._fit(train, valid, context)

    for name in ("cmc", "contrastive", "ials"):  # long trainings; that they take such a log is tested elsewhere
        monkeypatch.setattr(RECIPES[name], "_fit", at_once)
        monkeypatch.setattr(RECIPES[name], "chooses", lambda _: False)
    with caplog.at_level("INFO", "fillrank"):
        table = fr.compare(LOGS[kind](ratings), k=3)
    assert table.models == list(default_models(LOGS[kind](ratings)))
    assert "so these are compared unless others are named: popularity, " in caplog.text


def test_a_run_that_names_no_model_takes_the_one_for_the_log(
    tmp_path: Path, ratings: Interactions, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "events.csv"
    ratings.without_values().to_frame().write_csv(file)
    content = {"data": str(file), "out": str(tmp_path / "m"), "settings": {"dim": 4, "epochs": 1}}
    with caplog.at_level("INFO", "fillrank"):
        outcome = fit_run(RunPlan.of(content))
    assert outcome is not None
    assert outcome.model.name == "contrastive"
    assert "has no ratings, so the model is contrastive unless another is named" in caplog.text
    assert 'model = "contrastive"' in (tmp_path / "m" / "run.toml").read_text()
    with pytest.raises(SettingsError, match="CMC has no setting 'dimm'"):
        RunPlan.of(content | {"settings": {"dimm": 4}})
    assert RunPlan.of(content | {"settings": {"loss": "ccl"}}).model is None  # one of the two takes it
