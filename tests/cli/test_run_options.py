"""How a fit runs, as options of the command: a log, a budget, threads, silence."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from fillrank.recommend import Recommender

FIT = ("--model", "sgd", "--set", "dim=2", "--set", "epochs=3")


def test_a_fit_writes_its_log_and_stores_no_option(
    log_file: Path, tmp_path: Path, fillrank: Callable[..., Result]
) -> None:
    out, log = tmp_path / "m", tmp_path / "training.csv"
    options = ("--log-to", log, "--time-budget", "1h", "--threads", 1, "--device", "cpu", "--no-progress")
    result = fillrank("fit", "--data", log_file, *FIT, "--out", out, *options)
    assert result.exit_code == 0, result.stderr
    assert "epoch" not in result.stderr
    with log.open(encoding="utf-8", newline="") as file:
        assert [(row["stage"], row["epoch"]) for row in csv.DictReader(file)][:3] == [("fit", n) for n in "123"]
    assert not {"progress", "n_threads", "device"} & Recommender.load(out).settings.keys()
    assert tomllib.loads((out / "run.toml").read_text(encoding="utf-8"))["options"] == {"time_budget": "1h"}


def test_a_budget_that_is_spent_saves_the_best_so_far(
    log_file: Path, tmp_path: Path, fillrank: Callable[..., Result]
) -> None:
    out = tmp_path / "m"
    words = ("--model", "sgd", "--set", "dim=2", "--set", "epochs=100000", "--set", "patience=100000")
    result = fillrank("fit", "--data", log_file, *words, "--time-budget", "0.1s", "--out", out)
    assert result.exit_code == 0, result.stderr
    model = Recommender.load(out)
    assert model.refit is False
    assert 1 <= model.settings["epochs"] < 100_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--time-budget", "soon"), "a time budget is a number of seconds above 0, or a text such as '10m'"),
        (("--log-to", "a.txt"), "it must end in .csv or .jsonl, got 'a.txt'"),
        (("--threads", 0), "--threads"),
    ],
)
def test_wrong_options_are_named(
    words: tuple[object, ...], said: str, log_file: Path, tmp_path: Path, fillrank: Callable[..., Result]
) -> None:
    result = fillrank("fit", "--data", log_file, *FIT, "--out", tmp_path / "m", *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert list(tmp_path.iterdir()) == []
