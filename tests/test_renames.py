"""What fillrank 0.1 called otherwise is still read: in calls, in files, in records, each with the new word."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

import fillrank as fr
from fillrank.errors import SettingsError
from fillrank.experiments.reproduce.record import read_record
from fillrank.experiments.reproduce.study import read_study
from fillrank.experiments.run.fit import RunPlan, read_run
from fillrank.experiments.tune.plan import read_tune
from fillrank.experiments.tune.run import run_tune
from fillrank.models import RECIPES, Recipe
from fillrank.renames import SAMPLER_SETTINGS, SETTINGS, VALUES, read_event, read_settings
from fillrank.samplers import SAMPLERS

GOLDEN = Path(__file__).parent / "golden" / "version-0.1"


def test_no_setting_of_today_is_called_like_an_old_one() -> None:
    today = {name for kind in RECIPES.values() for name in kind.model_fields}
    assert today.isdisjoint(SETTINGS)
    assert set(SETTINGS.values()) <= today
    assert set(VALUES["route"].values()) < {"auto", "autograd", "delayed-propagation"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (lambda: fr.Contrastive(look_every=2, warm_up=0.1), fr.Contrastive(eval_every=2, warmup=0.1)),
        (lambda: fr.Contrastive(clip=1.0, average_span=2), fr.Contrastive(max_grad_norm=1.0, ema_span=2)),
        (lambda: fr.Contrastive(start="random", start_scale=1), fr.Contrastive(init="random", init_scale=1)),
        (
            lambda: fr.LightGCN(route="spread", spread_every=9),
            fr.LightGCN(route="delayed-propagation", propagate_every=9),
        ),
        (lambda: fr.ALS(spread=0.2), fr.ALS(init_scale=0.2)),
        (lambda: fr.CMC(correct=False), fr.CMC(logq_correction=False)),
        (
            lambda: fr.Contrastive(sampler_settings={"correct": False}),
            fr.Contrastive(sampler_settings={"logq_correction": False}),
        ),
        (
            lambda: fr.Contrastive(sampler={"name": "uniform", "correct": False}),
            fr.Contrastive(sampler={"name": "uniform", "logq_correction": False}),
        ),
        (lambda: fr.models.Popularity(relevant_only=True), fr.models.Popularity(positive_from="relevant")),
        (lambda: fr.models.Popularity(relevant_only=False), fr.models.Popularity()),
        (
            lambda: fr.models.Blended(parts=[{"model": "als", "settings": {"spread": 0.2}}]),
            fr.models.Blended(parts=[fr.ALS(init_scale=0.2)]),
        ),
    ],
)
def test_a_recipe_takes_an_old_name_and_says_the_new_one(old: Any, new: Recipe) -> None:
    with pytest.warns(DeprecationWarning, match="is .* now"):
        assert old() == new


def test_both_names_of_a_setting_are_one_too_many() -> None:
    with pytest.raises(SettingsError, match="look_every and eval_every are one thing; leave look_every, the old"):
        fr.Contrastive(look_every=2, eval_every=3)


def test_a_sampler_of_somebody_else_may_call_its_settings_as_it_likes() -> None:
    given = {"sampler": "mine", "sampler_settings": {"correct": False}}
    assert read_settings(given) == (given, {})
    assert all(hasattr(SAMPLERS.find(name), "__init__") for name in ("uniform", "mixed"))
    assert set(SAMPLER_SETTINGS) == {"correct"}


def test_a_model_of_01_has_the_settings_of_today(caplog: pytest.LogCaptureFixture) -> None:
    model = fr.Recommender.load(GOLDEN / "models" / "contrastive")
    assert model.settings["eval_every"] == 1
    assert not set(model.settings) & set(SETTINGS)
    said = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == 1
    assert "look_every is eval_every now" in said[0]


def test_a_run_and_what_is_said_over_it_may_each_have_either_name(caplog: pytest.LogCaptureFixture) -> None:
    plan = read_run(GOLDEN / "run-whole" / "run.toml", {"settings": {"look_every": 3, "init": "random"}})
    assert (plan.settings["eval_every"], plan.settings["init"]) == (3, "random")
    assert "start is init now" in caplog.text
    assert RunPlan.of({"data": "a.csv", "model": "als", "out": "x", "settings": {"spread": 1.0}}).settings == {
        "init_scale": 1.0
    }


STUDY = """
title = "Small"
data = "log.csv"
k = 3
protocols = ["honest"]
[entries.mf]
model = "contrastive"
settings = { dim = 2, epochs = 1, progress = false, NAME = "random" }
"""


def test_the_record_of_a_study_answers_by_either_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)
    studies = []
    for name in ("start", "init"):
        (tmp_path / "study.toml").write_text(STUDY.replace("NAME", name), encoding="utf-8")
        studies.append(read_study(tmp_path / "study.toml"))
    assert studies[0] == studies[1]
    asked = studies[0].entries["mf"].asked()
    old = {
        {new: old for old, new in SETTINGS.items() if old != "spread"}.get(name, name): asked[name] for name in asked
    }
    assert {"start", "look_every"} < set(old)
    content = json.loads((GOLDEN / "study.json").read_text(encoding="utf-8")) | {"refit": True}
    content["runs"][0] |= {"entry": "mf", "model": "contrastive", "settings": old, "refit": True}
    (tmp_path / "record.json").write_text(json.dumps(content), encoding="utf-8")
    record = read_record(tmp_path / "record.json", studies[0])
    assert all(record.has(task) for task in studies[0].tasks())


def test_a_search_goes_on_by_the_new_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal has the old names of the settings that it varies; the trials that it counts go on."""
    monkeypatch.chdir(GOLDEN)
    text = (
        'data = "log.csv"\nmodel = "als"\nmetric = "rmse"\nn_trials = NUMBER\nout = "OUT"\n'
        "settings = { dim = 1, iterations = 2, progress = false }\n[search]\nNAME = { low = 0.05, high = 0.5 }\n"
    ).replace("OUT", (tmp_path / "out").as_posix())
    plan = tmp_path / "plan.toml"
    plan.write_text(text.replace("NUMBER", "2").replace("NAME", "init_scale"), encoding="utf-8")
    run_tune(read_tune(plan))
    journal = tmp_path / "out" / "study.jsonl"
    journal.write_text(journal.read_text(encoding="utf-8").replace("init_scale", "spread"), encoding="utf-8")
    plan.write_text(text.replace("NUMBER", "3").replace("NAME", "spread"), encoding="utf-8")
    record = run_tune(read_tune(plan))
    assert [set(trial.settings) for trial in record.trials] == [{"init_scale"}] * 3
    assert set(record.importance) == {"init_scale"}


def test_an_event_of_a_journal_without_settings_stays_as_it_is() -> None:
    event = {"op_code": 4, "worker_id": "x", "study_id": 0, "datetime_start": "2026-01-01"}
    assert read_event(event) == event


def test_old_attributes_give_the_new_ones() -> None:
    model = fr.Recommender.load(GOLDEN / "models" / "als")
    for thing, old, new in (
        (model, "rater", "predictor"),
        (model, "scale", "value_range"),
        (model, "log", "interactions"),
        (model.interactions, "scale", "value_range"),
    ):
        with pytest.warns(DeprecationWarning, match=rf"\.{old} is \.{new} now"):
            assert getattr(thing, old) is getattr(thing, new)


def test_an_old_name_of_another_recipe_is_refused_as_it_was_given(recwarn: pytest.WarningsRecorder) -> None:
    with pytest.raises(SettingsError, match=r"SGD has no setting 'start' \(version 0.1 called init so, and"):
        fr.SGD(start="random")
    assert [one for one in recwarn if issubclass(one.category, DeprecationWarning)] == []
