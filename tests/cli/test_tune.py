"""``fillrank fit RUN.TOML`` and ``fillrank tune``, by the command line."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from fillrank.recommend import Recommender
from fillrank.report.tune_plots import importance, parallel_coordinates

Run = Callable[..., Result]
Json = Callable[..., Any]

RUN = 'data = "{log}"\nmodel = "pure-svd"\nout = "{out}"\nvalid = 0\n[settings]\nrank = 2\n'
SEARCH = (
    'data = "{log}"\nmodel = "pure-svd"\nmetric = "ndcg@5"\nn_trials = 3\nout = "{out}"\n'
    "[search]\nrank = {{ low = 1, high = 30 }}\nuse_values = {{ choices = [true, false] }}\n"
)


@pytest.fixture
def files(log_file: Path, tmp_path: Path) -> Path:
    for name, text in (("run", RUN), ("search", SEARCH)):
        (tmp_path / f"{name}.toml").write_text(text.format(log=log_file, out=tmp_path / f"{name}-out"))
    return tmp_path


def test_options_take_precedence_over_the_file(files: Path, json_of: Json) -> None:
    assert json_of("fit", files / "run.toml")["out"] == str(files / "run-out")
    json_of("fit", files / "run.toml", "--set", "rank=3", "--seed", 4, "--out", files / "other")
    one, two = (Recommender.load(files / name).settings for name in ("run-out", "other"))
    assert (one["rank"], one["seed"]) == (2, 0)
    assert (two["rank"], two["seed"]) == (3, 4)
    assert tomllib.loads((files / "other" / "run.toml").read_text())["settings"]["rank"] == 3


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("fit", "none.toml"), 1, "the run none.toml cannot be read"),
        (("fit", "--data", "x.csv"), 2, "--out: it is needed where no RUN.TOML says it"),
        (("fit", "--out", "x"), 2, "--data: it is needed where no RUN.TOML says it"),
        (("tune", "none.toml"), 1, "the search none.toml cannot be read"),
        (("tune",), 2, "Missing argument 'TUNE.TOML'"),
    ],
)
def test_mistakes(words: tuple[str, ...], code: int, said: str, fillrank: Run) -> None:
    result = fillrank(*words)
    assert result.exit_code == code
    assert said in result.stderr


def test_tuning_ends_in_a_table_two_pictures_and_a_run(files: Path, fillrank: Run, json_of: Json) -> None:
    pytest.importorskip("optuna", reason="searches need the extra fillrank[tune]")
    result = fillrank("tune", files / "search.toml", "--set", "method=randomized")
    assert result.exit_code == 0, result.stderr
    assert "validation part: 3 complete" in result.stdout
    assert "fillrank fit" in result.stderr
    out = files / "search-out"
    names = {"study.jsonl", "record.json", "best.toml", "parallel.png", "importance.png"}
    assert {file.name for file in out.iterdir()} == names
    document = json_of("tune", files / "search.toml", "--set", "method=randomized", "--n-trials", 4)
    assert len(document["trials"]) == 4
    json_of("fit", out / "best.toml")
    model = Recommender.load(out / "best")
    assert {name: model.settings[name] for name in ("rank", "use_values")} == document["best"]["settings"]
    assert model.settings["method"] == "randomized"


def test_a_picture_of_words_logarithms_and_one_trial(tmp_path: Path) -> None:
    params = ({"rate": 1e-4, "loss": "bsl", "n": 1}, {"rate": 0.1, "loss": "ccl", "n": 3, "extra": 2})
    trials = [{"value": value, "params": own} for value, own in zip((0.1, 0.3), params, strict=True)]
    record = {"plan": {"metric": "ndcg@5", "model": "x"}, "importance": {"rate": 0.9, "loss": 0.1}, "trials": trials}
    assert parallel_coordinates(record, tmp_path / "two.png").stat().st_size > 0
    assert parallel_coordinates(record | {"trials": trials[:1]}, tmp_path / "one.png").stat().st_size > 0
    for draw in (parallel_coordinates, importance):
        with pytest.raises(ValueError, match="run on"):
            draw(record | {"trials": [], "importance": {}}, tmp_path / "none.png")
    assert json.dumps(record)
