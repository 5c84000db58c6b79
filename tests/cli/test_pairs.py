"""A train and a test file of one's own, and a date, on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result


@pytest.fixture(scope="module")
def pair(log_file: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder, lines = tmp_path_factory.mktemp("pair"), log_file.read_text().splitlines()
    for name, rows in (("train", lines[1::2]), ("test", lines[2::2])):
        (folder / f"{name}.csv").write_text("\n".join([lines[0], *rows]) + "\n")
    return ["--train", str(folder / "train.csv"), "--test", str(folder / "test.csv")]


def test_a_pair_is_fitted_evaluated_and_compared(pair: list[str], tmp_path: Path, json_of: Callable[..., Any]) -> None:
    document = json_of("fit", *pair, "--model", "popularity", "--out", tmp_path / "m")
    assert document["rows"] == 2000
    report = json_of("evaluate", tmp_path / "m", *pair, "--k", 5)
    assert report["protocol"]["n_test"] == 2000
    table = json_of("compare", *pair, "--models", "popularity", "--seeds", 1, "--k", 5)
    assert table["models"]["popularity"]["recall@5"] == report["metrics"]["recall@5"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fit", "--train", "a.csv", "--out", "m"], "train wants test beside it"),
        (
            ["fit", "--data", "a.csv", "--test", "b.csv", "--out", "m"],
            "--test: test must be a fraction|test must be",
        ),
        (["fit", "--data", "a.csv", "--test", "1.5", "--out", "m"], "test must be a fraction .* got '1.5'"),
        (["fit", "--data", "a.csv", "--valid", "2", "--out", "m"], "--valid must be below 1"),
        (["compare", "--data", "a.csv", "--train", "b.csv", "--test", "c.csv"], "give data"),
        (["evaluate", "m"], "give data .* or else train and test"),
    ],
)
def test_what_does_not_go_together_names_the_option(
    words: list[str], said: str, fillrank: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import re

    monkeypatch.chdir(tmp_path)
    result = fillrank(*words)
    assert result.exit_code in {1, 2}
    assert re.search(said, result.stderr), result.stderr


def test_a_date_on_the_command_line(tmp_path: Path, json_of: Callable[..., Any]) -> None:
    days = [f"{user},{day},2020-01-{day:02d}" for user in range(4) for day in range(1, 21)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,date", *days]) + "\n")
    words = ("--data", tmp_path / "log.csv", "--test", "2020-01-16")
    document = json_of("fit", *words, "--model", "popularity", "--out", tmp_path / "m")
    assert document["protocol"] == {"split": "by_time", "test": "2020-01-16", "valid": 0.1}
    assert json_of("evaluate", tmp_path / "m", *words)["protocol"]["n_test"] == 20
