"""``fillrank reproduce``, by the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from fillrank.experiments.reproduce import runs as study_runs

Run = Callable[..., Result]
Json = Callable[..., Any]

STUDY = (
    'title = "Two lines"\ndata = "{log}"\nk = 5\n[entries.popular]\nmodel = "popularity"\n'
    'published = {{ "recall@5" = 0.5, "ndcg@5" = 0.25 }}\n[entries.svd]\nmodel = "pure-svd"\nsettings.rank = 2\n'
)


@pytest.fixture
def file(log_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.toml").write_text(STUDY.format(log=log_file))
    return tmp_path / "two.toml"


def test_a_study_ends_in_a_table_and_a_record(file: Path, fillrank: Run, json_of: Json) -> None:
    result = fillrank("reproduce", file)
    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[:2] for line in lines if line[1:2] in (["honest"], ["legacy"])] == [
        ["popular", "honest"],
        ["popular", "legacy"],
        ["svd", "honest"],
        ["svd", "legacy"],
    ]
    assert "0.5000 / 0.2500" in result.stdout
    document = json_of("reproduce", file)
    record = json.loads((file.parent / "experiments" / "studies" / "two.json").read_text())
    assert {name: value for name, value in document.items() if name != "rows"} == record
    assert [(row["entry"], row["protocol"]) for row in document["rows"]][:2] == [
        ("popular", "honest"),
        ("popular", "legacy"),
    ]


def test_a_part_of_a_study(file: Path, json_of: Json) -> None:
    words = ("reproduce", file, "--only", "svd", "--protocol", "legacy", "--out", file.parent / "part.json")
    runs = json_of(*words)["runs"]
    assert [(run["entry"], run["protocol"]) for run in runs] == [("svd", "legacy")]
    assert (file.parent / "part.json").exists()


def test_the_list(fillrank: Run, json_of: Json) -> None:
    assert "movielens-small" in fillrank("reproduce", "--list").stdout
    found = {one["study"]: one for one in json_of("reproduce", "--list")["studies"]}
    assert found["movielens-small"] == {
        "study": "movielens-small",
        "title": "MovieLens, the small set",
        "data": "movielens-small",
        "entries": 3,
        "runs": 12,
    }


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "give the name of a study, or --list"),
        (("two.toml", "--list"), 2, "give the name of a study, or --list"),
        (("nosuch",), 1, "no study is called 'nosuch'; there are "),
        (("none.toml",), 1, "the study none.toml cannot be read"),
        (("two.toml", "--only", "bsl"), 1, "the study two has no entry 'bsl'; there are popular, svd"),
        (("two.toml", "--jobs", "0"), 2, "--jobs"),
    ],
)
def test_mistakes(words: tuple[str, ...], code: int, said: str, file: Path, fillrank: Run) -> None:
    result = fillrank("reproduce", *words)
    assert result.exit_code == code
    assert said in result.stderr


def test_ctrl_c_says_how_to_go_on(file: Path, fillrank: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    original = study_runs.run_task

    def stopped(task, tuning, **options):
        if task.entry == "svd":
            raise KeyboardInterrupt
        return original(task, tuning, **options)

    monkeypatch.setattr(study_runs, "run_task", stopped)
    result = fillrank("reproduce", file, "--protocol", "honest", "--out", "r.json")
    assert result.exit_code == 130
    assert "fillrank: interrupted; the same command goes on with the 1 runs in r.json" in result.stderr
    assert "popular" in result.stdout


def test_an_entry_that_fails_is_said_and_ends_with_1(
    file: Path, fillrank: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = study_runs.run_task

    def failing(task, tuning, **options):
        if task.entry == "popular":
            raise MemoryError
        return original(task, tuning, **options)

    monkeypatch.setattr(study_runs, "run_task", failing)
    result = fillrank("reproduce", file, "--protocol", "honest", "--out", "r.json")
    assert result.exit_code == 1
    assert "popular (honest, seed 0) failed: there was not enough memory" in result.stdout
    assert "1 runs failed; the same command tries them again, and has the others in r.json" in result.stderr
    assert [run["entry"] for run in json.loads(Path("r.json").read_text())["runs"]] == ["svd"]
