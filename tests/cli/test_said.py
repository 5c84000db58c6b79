"""What the commands say of what was given: spellings, unknown users, wide tables, models of all rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from fillrank.cli.options import parse_settings
from fillrank.cli.wording import in_options, in_plain_words
from fillrank.errors import DataError

Run = Callable[..., Result]
LOG = "user,item,rating\n" + "".join(
    f"u{u},{i},{(u * i) % 5 + 1}\n" for u in range(20) for i in range(12) if (u + i) % 3
)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text(LOG)
    return Path("log.csv")


@pytest.fixture
def model(log: Path, fillrank: Run) -> Path:
    done = fillrank("fit", "--data", log, "--model", "pure-svd", "--set", "rank=2", "--valid", 0, "--out", "m")
    assert done.exit_code == 0, done.stderr
    return Path("m")


def test_flags_may_be_spelt_as_python_does() -> None:
    told = parse_settings(["a=True", "b=False", "c=None", "d=true", "e=Trueish", "f='None'"], "--set")
    assert told == {"a": True, "b": False, "c": None, "d": True, "e": "Trueish", "f": "None"}


@pytest.mark.parametrize("first", ["True", "true"])
def test_a_date_with_the_day_first(first: str, log: Path, fillrank: Run) -> None:
    log.write_text("user,item,date\n1,2,01/02/2020\n1,3,02/02/2020\n")
    refused = fillrank("fit", "--data", log, "--out", "m")
    assert "day or month: --read day_first=true or --read day_first=false" in refused.stderr
    shown = fillrank("data", "inspect", log, "--read", f"day_first={first}")
    assert "from 2020-02-01 to 2020-02-02" in shown.stdout


@pytest.mark.parametrize("header", ["None", "True"])
def test_a_fit_takes_such_spellings_and_writes_them_down(header: str, log: Path, fillrank: Run) -> None:
    words = ("fit", "--data", log, "--model", "popularity", "--out", "m", "--read", f"header={header}")
    done = fillrank(*words)
    assert done.exit_code == 0, done.stderr
    again = fillrank("fit", "m/run.toml", "--out", "again")
    assert again.exit_code == 0, again.stderr


def test_another_spelling_is_refused_without_names_of_classes(log: Path, fillrank: Run) -> None:
    result = fillrank("data", "inspect", log, "--read", "day_first=perhaps")
    assert result.stderr.strip() == "fillrank: --read day_first must be true, false or None, got 'perhaps'"


def test_messages_of_another_kind_stay_as_they_are() -> None:
    said = "log.csv, line 3: value 'x (str)' is not a number"
    assert in_plain_words(DataError(said), said) == said
    assert in_options("Say header=True or header=False") == "Say --read header=true or --read header=false"


def test_users_who_are_skipped_are_named(model: Path, fillrank: Run) -> None:
    words = (
        "recommend",
        model,
        "--user",
        "a",
        "--user",
        "u1",
        "--user",
        "b",
        "--user",
        "u2",
        "-k",
        1,
        "--unknown",
        "skip",
    )
    result = fillrank(*words, "--json")
    assert result.stderr == "2 of 4 users are unknown and were skipped: 'a', 'b'\n"
    found = json.loads(result.stdout)
    assert (found["skipped"], [row["user_id"] for row in found["recommendations"]]) == (["a", "b"], ["u1", "u2"])
    written = json.loads(fillrank(*words, "--json", "--out", "lists.csv").stdout)
    assert written == {"out": "lists.csv", "rows": 2, "skipped": ["a", "b"]}


def test_a_user_who_is_named_twice_is_listed_once(model: Path, fillrank: Run) -> None:
    Path("users.txt").write_text("u1\nu2\nu1\n")
    result = fillrank("recommend", model, "--users-file", "users.txt", "-k", 1, "--json")
    assert result.stderr == "users named more than once are listed once: 'u1'\n"
    found: dict[str, Any] = json.loads(result.stdout)
    assert (found["repeated"], [row["user_id"] for row in found["recommendations"]]) == (["u1"], ["u1", "u2"])


def test_an_unknown_user_is_an_error_that_says_what_to_do(model: Path, fillrank: Run) -> None:
    result = fillrank("recommend", model, "--user", "nobody")
    assert result.exit_code == 1
    assert "--unknown skip leaves them out" in result.stderr
    assert "--unknown popular" in result.stderr
    assert "--like is for somebody new" in result.stderr
    assert "header" not in result.stderr


@pytest.mark.parametrize("header", ["user_id", "Kunde"])
@pytest.mark.parametrize("unknown", ["raise", "skip", "popular"])
def test_a_header_in_a_users_file_is_told(header: str, unknown: str, model: Path, fillrank: Run) -> None:
    Path("users.txt").write_text(f"{header}\nu1\nu2\n")
    result = fillrank("recommend", model, "--users-file", "users.txt", "--unknown", unknown)
    assert result.exit_code == (1 if unknown == "raise" else 0)
    assert f"the first line of users.txt, '{header}', looks like a header" in result.stderr


@pytest.mark.parametrize("test", [[], ["--test", 0], ["--test", 0.3]])
def test_a_model_of_all_rows_cannot_be_measured(test: list[Any], log: Path, fillrank: Run) -> None:
    fillrank("fit", "--data", log, "--model", "popularity", "--test", 0, "--out", "m")
    result = fillrank("evaluate", "m", "--data", log, *test)
    assert result.exit_code == 1
    wanted = "this model was fitted on all rows (--test 0); fit another with a test part to measure"
    assert result.stderr.strip() == f"fillrank: {wanted}"


def test_a_model_with_a_test_part_wants_it_named(model: Path, log: Path, fillrank: Run) -> None:
    told = ("evaluate", model, "--data", log, "--valid", 0)
    assert "--test 0 leaves no row to measure on" in fillrank(*told, "--test", 0).stderr
    assert "give --split, --test, --valid and --seed" in fillrank(*told, "--seed", 1).stderr
    assert fillrank(*told).exit_code == 0


@pytest.mark.parametrize("first", ["Name", "user"])
@pytest.mark.parametrize("command", [["data", "inspect"], ["fit", "--out", "m", "--data"]])
def test_a_wide_table_is_for_complete(command: list[str], first: str, log: Path, fillrank: Run) -> None:
    log.write_text(f"{first},Heat,Alien,Fargo,Big\nann,1,2,,4\nbob,,5,3,1\n")
    result = fillrank(*command, log)
    assert result.exit_code == 1
    assert "a column for each item, `fillrank complete` fills its holes" in result.stderr


def test_a_log_under_odd_names_is_not_taken_for_wide(log: Path, fillrank: Run) -> None:
    log.write_text("who,what,stars,where\nann,1,2,x\nbob,2,5,y\n")
    result = fillrank("data", "inspect", log)
    assert result.exit_code == 1
    assert "complete" not in result.stderr


def test_a_lab_names_the_users_own_id(log: Path, fillrank: Run) -> None:
    words = ("lab", "--data", log, "--user", 3, "--runs", 1)
    assert "user 3 (id 'u10'), film" in fillrank(*words).stdout
    assert json.loads(fillrank(*words, "--json").stdout)["film"]["user_id"] == "u10"


def test_fit_says_that_the_test_part_may_be_listed(log: Path, fillrank: Run) -> None:
    words = ("fit", "--data", log, "--model", "popularity", "--out", "m")
    assert "the test part is unknown to it" in fillrank(*words).stdout
    assert "the test part" not in fillrank(*words, "--test", 0).stdout


def test_a_budget_is_for_a_search(log: Path, fillrank: Run) -> None:
    done = fillrank("fit", "--data", log, "--budget", "2s", "--out", "m")
    assert done.exit_code == 0, done.stderr
    assert "popularity" in done.stdout
    assert "auto, trained on" in done.stdout
    refused = fillrank("fit", "--data", log, "--budget", "2s", "--model", "ease", "--out", "m")
    assert refused.exit_code == 2
    assert "the model is ease" in " ".join(refused.stderr.split())
