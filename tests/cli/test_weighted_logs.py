"""Weights, types of events and half-lives on the command line and in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

from fillrank.errors import SettingsError
from fillrank.experiments.compare.plan import Plan
from fillrank.experiments.run.fit import RunPlan
from fillrank.experiments.tune.plan import read_tune


@pytest.fixture(scope="module")
def events_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    cells = rng.choice(40 * 25, 400, replace=False)
    lines = [
        f"{cell // 25},{cell % 25},{rng.choice(['view', 'purchase'])},{day}" for day, cell in enumerate(cells, start=1)
    ]
    path = tmp_path_factory.mktemp("events") / "events.csv"
    path.write_text("\n".join(["user,item,event,time", *(f"{line}" for line in lines)]) + "\n")
    return path


def test_a_fit_says_what_events_weigh(events_file: Path, tmp_path: Path, json_of: Callable[..., Any]) -> None:
    words = ("--event", "view=1,purchase=10", "--half-life", "0.001")
    document = json_of("fit", "--data", events_file, *words, "--model", "popularity", "--out", tmp_path / "m")
    assert document["protocol"]["half_life"] == 0.001
    kept = (tmp_path / "m" / "run.toml").read_text()
    assert "purchase = 10" in kept
    assert "half_life = 0.001" in kept
    table = json_of("compare", "--data", events_file, *words, "--models", "popularity", "--seeds", 1)
    assert "popularity" in table["models"]
    found = json_of("data", "inspect", events_file, "--event", "view=1,purchase=10")
    assert found["weight_range"] == [1, 10]
    assert found["fit"]["accepts"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--event", "view=1"], "event types without a weight: 'purchase'"),
        (["--event", "view"], "is no list such as view=1,purchase=10"),
        (["--event", "view=1,view=2"], "names a type twice"),
        (["--event", "view=much,purchase=1"], "the weight of event 'view' must be a number of 0 or more, got 'much'"),
        (["--weight", "cost"], "weight='cost': there is no such column"),
        (["--weight", "cost", "--read", "weight=cost"], "'weight' comes twice, in --read too"),
        (["--half-life", "-1"], "--half-life"),
    ],
)
def test_what_cannot_be_a_weight_names_the_option(
    words: list[str], said: str, events_file: Path, tmp_path: Path, fillrank: Callable[..., Result]
) -> None:
    result = fillrank("fit", "--data", events_file, *words, "--model", "popularity", "--out", tmp_path / "m")
    assert result.exit_code != 0
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_inspect_counts_unknown_types(events_file: Path, fillrank: Callable[..., Result]) -> None:
    said = fillrank("data", "inspect", events_file, "--event", "view=1").stdout
    assert "there are types of events without a weight: 'purchase' (" in said


def test_every_kind_of_plan_has_weights_that_fade(events_file: Path, tmp_path: Path) -> None:
    source = {"data": str(events_file), "read": {"event": {"view": 1, "purchase": 10}}, "half_life": 0.001}
    plans = [
        RunPlan.of({**source, "model": "popularity", "out": str(tmp_path)}),
        Plan(**source, now="1970-01-02").sources()[0],
    ]
    assert plans[1].now == "1970-01-02"
    parts = plans[0].open()  # type: ignore[union-attr]
    assert parts.valid is not None
    assert max(parts.train.weights.max(), parts.valid.weights.max()) <= 10  # type: ignore[union-attr]
    assert len(np.unique(parts.train.weights)) > 100  # type: ignore[arg-type]
    assert set(np.unique(parts.test.weights)) == {1, 10}  # type: ignore[arg-type]
    file = tmp_path / "tune.toml"
    file.write_text(
        f"data = {str(events_file)!r}\nmodel = 'popularity'\nmetric = 'ndcg@10'\nhalf_life = 2\nnow = 1970-01-02\n"
        f"out = {str(tmp_path / 'out')!r}\n[read]\nevent = {{ view = 1, purchase = 2 }}\n"
        "[search]\nuser_shrinkage = { low = 1.0, high = 2.0 }\n"
    )
    assert read_tune(file, {}).half_life == 2
    with pytest.raises(SettingsError, match="now says from when ages are counted, and half_life is not given"):
        RunPlan.of({"data": "a.csv", "model": "popularity", "out": "m", "now": "2020-01-01"})
