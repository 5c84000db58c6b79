"""Tuning: spaces whose every draw is valid, trials that repeat, studies that go on, and nothing of the test part."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tomllib
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from fillrank.data import synthetic
from fillrank.errors import DataError, SettingsError, TrainingError
from fillrank.evaluation import Evaluator
from fillrank.experiments.run.fit import RunPlan, fit_run
from fillrank.experiments.toml.files import toml_text
from fillrank.experiments.tune.plan import TunePlan, read_tune
from fillrank.experiments.tune.record import TuneRecord
from fillrank.experiments.tune.run import run_tune
from fillrank.experiments.tune.space import MarginsAndWeights, Space
from fillrank.experiments.tune.trials import Following
from fillrank.losses import MMCL
from fillrank.training.callbacks import EpochEnd

pytest.importorskip("optuna", reason="searches need the extra fillrank[tune]")

SETTINGS: dict[str, Any] = {
    "dim": 4,
    "epochs": 3,
    "neighbour_weight": 0.0,  # a search hears no look before the ranking is chosen
    "popularity_beta": 0.0,
    "sampler_settings": {"n_negatives": 8},
}
GIVEN = {"loss_settings": {"margins": [0.7, 0.8, 0.9], "weights": [0.1, 0.15, 0.75], "negative_weight": 700.0}}
"""With nothing of the loss to choose, there are no short trainings, and each look is one of the trial's own."""
RATES = {"learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}}


class Dice:
    """Draws like a trial: each number from a list of shares, 0 the low end and 1 the high one."""

    def __init__(self, shares: list[float]) -> None:
        self._shares = cycle(shares)
        self.names: list[str] = []

    def suggest_float(self, name: str, low: float, high: float, **_: Any) -> float:
        self.names.append(name)
        return low + (high - low) * next(self._shares)

    def suggest_int(self, name: str, low: int, high: int, **_: Any) -> int:
        self.names.append(name)
        return min(high, low + int(next(self._shares) * (high - low + 1)))

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        self.names.append(name)
        return choices[int(next(self._shares) * (len(choices) - 1))]


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("search") / "log.csv"
    synthetic(60, 40, 900, seed=3).interactions.to_frame().write_csv(path)
    return path


def plan(log_file: Path, out: Path, **own: Any) -> TunePlan:
    content = {"data": str(log_file), "out": str(out), "model": "mmcl", "metric": "ndcg@5", "n_trials": 3}
    return TunePlan.of(content | {"settings": SETTINGS, "search": RATES} | own)


def drawn(record: TuneRecord) -> list[tuple[dict[str, Any], float | None]]:
    return [(dict(trial.settings), trial.value) for trial in record.trials]


shares = st.lists(st.floats(0, 1), min_size=8, max_size=8)


@given(shares, st.integers(1, 4), st.integers(0, 3), st.floats(-1, 0.9), st.floats(0.001, 2))
@settings(deadline=None, max_examples=300)
def test_every_draw_of_margins_and_weights_is_valid(
    given: list[float], fewest: int, more: int, lowest: float, width: float
) -> None:
    highest = min(1.0, lowest + width)
    space = MarginsAndWeights((fewest, fewest + more), lowest, highest)
    for one in (space.draw(Dice(given), "m"), *space.corners()):
        made = MMCL(**one)  # refuses margins that do not rise, and weights that do not add up to 1
        assert fewest <= len(made.margins) <= fewest + more
        assert lowest <= min(made.margins) <= max(made.margins) <= highest


def test_margins_and_weights_reach_the_whole_of_their_space() -> None:
    """Given the largest, the two others are evenly spread: each third of their order statistics has its share."""
    source, space = random.Random(0), MarginsAndWeights((3, 3), 0.0, 1.0)
    draws = [space.draw(Dice([source.random() for _ in range(5)]), "m") for _ in range(4000)]
    middle = [(settings["margins"][1]) / settings["margins"][2] for settings in draws]
    assert sum(middle) / len(draws) == pytest.approx(2 / 3, abs=0.02)  # the larger of two even draws
    assert sum(settings["weights"][2] for settings in draws) / len(draws) == pytest.approx(1 / 2, abs=0.02)
    rest = [settings["weights"][1] / (1 - settings["weights"][2]) for settings in draws]
    assert sum(rest) / len(draws) == pytest.approx(1 / 2, abs=0.02)


def test_one_margin_is_drawn_as_one_number() -> None:
    dice = Dice([0.5])
    assert MarginsAndWeights((1, 1), 0.0, 0.9).draw(dice, "m") == {"margins": [pytest.approx(0.45)], "weights": [1.0]}
    assert dice.names == ["m.largest_margin"]


def test_a_space_draws_nested_settings() -> None:
    content = {
        "dim": {"low": 8, "high": 64},
        "loss_settings": {"temperature": {"low": 0.1, "high": 1.0}, "several_positives": {"choices": [True, False]}},
        "encoder_settings": {"shape": {"choices": [[1, 2], [3]]}},
    }
    space = Space.of(content)
    assert space.draw(Dice([0.0, 1.0, 0.0, 1.0])) == {
        "dim": 8,
        "loss_settings": {"temperature": 1.0, "several_positives": True},
        "encoder_settings": {"shape": [3]},
    }
    assert len(list(space.corners())) == 8


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"learning_rate": {"low": 0.1, "high": 0.01}}, "learning_rate: low must not be above high, got 0.1 and 0.01"),
        ({"learning_rate": {"low": 0.0, "high": 0.1, "log": True}}, "learning_rate: a logarithmic scale has no 0"),
        ({"learning_rate": {"low": 0.1}}, "learning_rate needs both low and high, got low"),
        ({"learning_rate": {"low": 0.1, "hihg": 1}}, "learning_rate has no entry 'hihg'; it has low, high, log, step"),
        ({"learning_rate": {"low": 0.1, "high": float("nan")}}, "high must be a finite number, got nan"),
        ({"learning_rate": {"low": 0.1, "high": 1, "step": 0}}, "step must be a positive number"),
        ({"learning_rate": {"choices": []}}, "choices must be a list of at least one value"),
        ({"learning_rate": 0.1}, "learning_rate = 0.1 is neither a range nor a choice"),
        ({}, "there is nothing to vary"),
        ({"learning_rte": {"low": 0.1, "high": 1}}, "MMCL has no setting 'learning_rte'"),
        ({"dropout": {"low": 0.0, "high": 1.0}}, "dropout = 1.0: must be below 1"),
        ({"batch_size": {"low": 1.5, "high": 4}}, "batch_size = 1.5: must be a whole number"),
        ({"epochs": {"low": 1, "high": 3}}, "epochs is fixed in .settings. and varied in .search."),
        ({"loss_settings": {"margin": {"low": 0.1, "high": 1.0}}}, "the loss 'mmcl' has no setting 'margin'"),
        ({"loss_settings": {"negative_weight": {"low": -1.0, "high": 1.0}}}, "negative_weight must be a number of 0"),
        ({"sampler_settings": {"alpha": {"choices": [1]}}}, "the sampler 'uniform' has no setting 'alpha'"),
        (
            {"encoder_settings": {"n_layers": {"choices": [1]}}},
            "the encoder 'mf' has no setting 'n_layers'; it has none",
        ),
        ({"loss_settings": {"margins_and_weights": {"n_margins": [3, 2]}}}, r"n_margins must be \[fewest, most\]"),
        ({"loss_settings": {"margins_and_weights": {"lowest": 0.9, "highest": 0.5}}}, "lowest < highest <= 1"),
    ],
)
def test_a_bad_space_is_refused_before_anything_is_read(search: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plan(Path("no-such-log.csv"), Path("x"), search=search)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"metric": "ndgc@20"}, "metric must be one of recall, .*; got 'ndgc@20'"),
        ({"metric": "ndcg"}, "metric must be one of"),
        ({"metric": "rmse@10"}, "metric must be one of"),
        ({"valid": 0.0}, "valid = 0 leaves nothing to choose on"),
        ({"n_trials": 0}, "n_trials must be 1 or more"),
        ({"trials": 3}, "trials is not known here .did you mean 'n_trials'.*; a plan of tune has data"),
        ({"model": "mmmcl"}, "no model is called 'mmmcl'"),
    ],
)
def test_a_wrong_search_is_refused(own: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plan(Path("no-such-log.csv"), Path("x"), **own)


def test_a_study_goes_on_as_if_it_had_not_been_stopped(log_file: Path, tmp_path: Path) -> None:
    search = RATES | {"loss_settings": {"margins_and_weights": {"n_margins": [1, 3]}}}
    whole = run_tune(plan(log_file, tmp_path / "whole", search=search, n_trials=4))
    run_tune(plan(log_file, tmp_path / "parts", search=search, n_trials=2))
    with (tmp_path / "parts" / "study.jsonl").open("a") as torn:
        torn.write('{"op_code": 4, "wor')  # a process was killed while it wrote
    resumed = run_tune(plan(log_file, tmp_path / "parts", search=search, n_trials=4))
    assert drawn(resumed) == drawn(whole)
    assert len({str(settings) for settings, _ in drawn(whole)}) == 4
    assert run_tune(plan(log_file, tmp_path / "parts", search=search, n_trials=3)).trials == resumed.trials
    with pytest.raises(SettingsError, match=r"of another plan \(metric, search.loss_settings.* differ\)"):
        run_tune(plan(log_file, tmp_path / "parts", metric="recall@5", n_trials=4))


def test_the_best_settings_are_a_run_that_gives_the_same_figure(log_file: Path, tmp_path: Path) -> None:
    chosen = plan(log_file, tmp_path / "s")
    record = run_tune(chosen)
    best = max(record.trials, key=lambda trial: trial.value or 0)
    assert record.best == best
    outcome = fit_run(RunPlan.of(tomllib.loads((tmp_path / "s" / "best.toml").read_text())))
    assert outcome is not None
    assert outcome.model.refit, "the winner is fitted on everything; its figure was that of the first fit"
    once = {"refit": False, "out": str(tmp_path / "once")}
    outcome = fit_run(RunPlan.of(tomllib.loads((tmp_path / "s" / "best.toml").read_text()) | once))
    assert outcome is not None
    found = Evaluator.on_valid(chosen.open(), k=5).run(outcome.model).metrics["ndcg@5"]
    assert found == pytest.approx(best.value, rel=1e-6)
    document = json.loads((tmp_path / "s" / "record.json").read_text())
    assert document["protocol"]["part"] == "valid"
    assert document["best"]["value"] == best.value
    assert document["machine"]["versions"]["optuna"]
    assert "3 complete" in str(record.table().title)


def test_errors_are_minimised_and_models_without_epochs_take_part(log_file: Path, tmp_path: Path) -> None:
    search = {"rank": {"low": 1, "high": 6}}
    own = {"model": "biased-svd", "settings": {"user_shrinkage": 3.0, "item_shrinkage": 3.0}, "search": search}
    record = run_tune(plan(log_file, tmp_path / "s", metric="rmse", **own))
    values = [trial.value for trial in record.trials]
    assert record.best is not None
    assert record.best.value == min(values)
    with pytest.raises(SettingsError, match=r"trial 0 \(rank = \d\): pure-svd has no rmse here, only ndcg@10"):
        run_tune(plan(log_file, tmp_path / "t", metric="rmse", model="pure-svd", settings={}, search=search))


def test_the_test_part_changes_nothing(log_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_tune(plan(log_file, tmp_path / "a", n_trials=1))
    monkeypatch.setattr(TunePlan, "open", lambda self: _without_test(RunPlan.open(self)))
    assert drawn(run_tune(plan(log_file, tmp_path / "b", n_trials=1))) == drawn(before)


def _without_test(parts: Any) -> Any:
    bare = object.__new__(type(parts))  # a split of which the test part cannot be taken
    for name in ("train", "valid", "protocol"):
        object.__setattr__(bare, name, getattr(parts, name))
    return bare


def test_a_trial_that_promises_little_is_pruned(
    log_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six trials that get better each epoch, then a bad one: it ends in its third epoch, the first that may end."""
    trials = iter([1.0] * 6 + [0.1])
    heights: list[float] = []

    def note(self: Following, end: EpochEnd) -> None:
        if end.epoch == 1:
            heights.append(next(trials))
        heard(self, replace(end, score=heights[-1] * end.epoch))

    heard = Following.on_epoch_end
    monkeypatch.setattr(Following, "on_epoch_end", note)
    quick = {"settings": SETTINGS | GIVEN | {"epochs": 4, "patience": 9}, "n_trials": 7, "search": RATES}
    record = run_tune(plan(log_file, tmp_path / "s", **quick))
    assert [trial.state for trial in record.trials] == ["complete"] * 6 + ["pruned"]
    assert [trial.epochs for trial in record.trials] == [4] * 6 + [3]
    assert record.trials[-1].value is None


def test_ctrl_c_ends_the_trial_and_leaves_a_study_that_goes_on(
    log_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = []
    quick = {"settings": SETTINGS | GIVEN, "search": RATES}

    def press(self: Following, end: EpochEnd) -> None:
        epochs.append(end)
        heard(self, replace(end, interrupted=len(epochs) == 5))

    heard = Following.on_epoch_end
    with monkeypatch.context() as patch:
        patch.setattr(Following, "on_epoch_end", press)
        record = run_tune(plan(log_file, tmp_path / "s", **quick))
    assert record.interrupted
    assert [trial.state for trial in record.trials] == ["complete", "fail"]
    record = run_tune(plan(log_file, tmp_path / "s", **quick))
    assert [trial.state for trial in record.trials] == ["complete", "fail", "complete", "complete"]
    assert not record.interrupted


def test_trials_that_diverge_are_counted_and_named(
    log_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(self: Following, end: EpochEnd) -> None:
        raise TrainingError("the loss is nan")

    monkeypatch.setattr(Following, "on_epoch_end", diverge)
    with pytest.raises(TrainingError, match="none of 2 trials came to its end; the last error: the loss is nan"):
        run_tune(plan(log_file, tmp_path / "s", n_trials=2))
    assert json.loads((tmp_path / "s" / "record.json").read_text())["trials"][1]["error"] == "the loss is nan"


def test_a_trial_that_fails_leaves_the_others(log_file: Path, tmp_path: Path) -> None:
    """One of the two ranks is above what the log has."""
    search = {"rank": {"choices": [2, 5000]}}
    record = run_tune(plan(log_file, tmp_path / "s", n_trials=8, model="pure-svd", settings={}, search=search))
    assert {trial.state for trial in record.trials} == {"complete", "fail"}
    assert record.best is not None
    assert record.best.settings == {"rank": 2}
    (said,) = {trial.error for trial in record.trials if trial.error is not None}
    assert "rank" in said
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        console.print(record)
    assert f"failed: {said}" in capture.get()


def test_a_file_that_is_no_study_and_a_group_of_processes(
    log_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "study.jsonl").write_text('{"op_code": 0}\n{"broken\n')
    with pytest.raises(DataError, match="is no whole study"):
        run_tune(plan(log_file, tmp_path))
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "0"), ("MASTER_ADDR", "here"), ("MASTER_PORT", "29500")):
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="start it several times, without torchrun"):
        run_tune(plan(log_file, tmp_path))


@pytest.mark.slow
def test_two_processes_share_the_trials(log_file: Path, tmp_path: Path) -> None:
    chosen = plan(log_file, tmp_path / "s", n_trials=6)
    (tmp_path / "search.toml").write_text(toml_text(chosen.model_dump()))
    assert read_tune(tmp_path / "search.toml") == chosen
    command = [sys.executable, "-m", "fillrank", "tune", str(tmp_path / "search.toml"), "--json"]
    pair = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in pair:
        said, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors
        assert json.loads(said)["best"]["value"] > 0
    record = run_tune(chosen)
    assert 6 <= len(record.trials) <= 7  # the one that was under way when there were enough
    assert {trial.state for trial in record.trials} <= {"complete", "pruned"}
    assert len({trial.settings["learning_rate"] for trial in record.trials}) == len(record.trials)


def test_tuning_knows_the_number_of_negatives_that_a_recipe_has_by_itself(log_file: Path, tmp_path: Path) -> None:
    """What ``fit`` takes, tuning takes: a sampler's settings without ``n_negatives`` among them."""
    settings = {"dim": 4, "epochs": 1, "sampler": "popularity"}
    search = {"sampler_settings": {"beta": {"choices": [0.0, 0.5]}}}
    record = run_tune(plan(log_file, tmp_path, settings=settings, search=search, n_trials=2))
    assert all(trial.value is not None for trial in record.trials)
