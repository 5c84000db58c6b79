"""``data inspect`` shows every log that it can, and says whether ``fit`` would accept it, which the tests try out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Run = Callable[..., Result]
PAIRS = [(f"u{user}", f"i{item}") for user in range(10) for item in range(6) if (user + item) % 2]


def _log(ending: str, header: str = "user,item", cell: Callable[[int], str] = str) -> str:
    rows = [f"{user},{item},{cell(number)}" for number, (user, item) in enumerate(PAIRS)]
    return "\n".join([f"{header},{ending}", *rows, ""])


CASES = {
    "good": (_log("rating"), [], [], []),
    "ambiguous dates": (
        _log("date", cell=lambda number: f"{number % 12 + 1:02}/03/2024"),
        [],
        ["--read day_first=true", "--read day_first=false"],
        ["day_first=true"],
    ),
    "some ambiguous dates": (
        _log("date", cell=lambda number: "03/04/2024" if number == 2 else "2024-04-03"),
        [],
        ["--read day_first=true"],
        ["day_first=false"],
    ),
    "bad rows": (
        _log("rating", cell=lambda number: "oops" if number in {1, 4} else "3"),
        [],
        ["2 of 30 rows are bad", "--read on_bad=skip"],
        ["on_bad=skip"],
    ),
    "decimal commas": (
        _log("rating", cell=lambda number: '"4,5"' if number % 2 else "3"),
        [],
        ["--read decimal=…", "15 of 30 rows are bad"],
        ["decimal=','"],
    ),
    "repeated pairs": (
        _log("rating") + "u0,i1,2\nu0,i3,2\n",
        [],
        ["2 rows repeat", "--read duplicates=last"],
        ["duplicates=last"],
    ),
    "both, one of them settled": (
        _log("rating") + "u0,i1,2\nu0,i3,x\n",
        ["on_bad=skip"],
        ["1 rows repeat", "--read duplicates=last"],
        ["duplicates=mean"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_fit_does_what_inspect_says(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fillrank: Run) -> None:
    text, options, words, way_out = CASES[case]
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text(text)
    given = [word for option in options for word in ("--read", option)]
    settled = [*given, *(word for option in way_out for word in ("--read", option))]

    shown = fillrank("data", "inspect", "log.csv", *given)
    assert shown.exit_code == 0, shown.stderr
    assert "columns: user = user, item = item" in shown.stdout
    assert all(word in shown.stdout for word in words), shown.stdout
    fitted = fillrank("fit", "--data", "log.csv", *given, "--model", "popularity", "--out", "m")
    assert ("fit accepts this file" in shown.stdout) == (fitted.exit_code == 0) == (not words)
    found = json.loads(fillrank("data", "inspect", "log.csv", *given, "--json").stdout)["fit"]
    assert found["accepts"] == (not words)

    assert "fit accepts this file" in fillrank("data", "inspect", "log.csv", *settled).stdout
    fitted = fillrank("fit", "--data", "log.csv", *settled, "--model", "popularity", "--out", "n")
    assert fitted.exit_code == 0, fitted.stderr


def test_a_file_of_ambiguous_dates_is_shown_without_them(tmp_path: Path, fillrank: Run) -> None:
    path = tmp_path / "log.csv"
    path.write_text(CASES["ambiguous dates"][0])
    shown = fillrank("data", "inspect", path).stdout
    assert "30 interactions of 10 users with 6 items" in shown
    assert "columns: user = user, item = item, time = date" in shown
    assert "leave the column 'date' out" in shown
    assert "on_bad" not in shown
    found = json.loads(fillrank("data", "inspect", path, "--json").stdout)
    assert (found["n_rows"], found["n_bad"], found["first_time"], found["unused"]) == (30, 30, None, [])
    assert found["columns"] == {"user": "user", "item": "item", "time": "date"}


def test_a_log_too_small_to_split(tmp_path: Path, fillrank: Run) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item\na,x\nb,y\n")
    assert "--test 0 --valid 0 learns from all of them" in fillrank("data", "inspect", path).stdout
    words = ("fit", "--data", path, "--model", "popularity", "--out", tmp_path / "m")
    assert fillrank(*words).exit_code == 1
    assert fillrank(*words, "--test", 0, "--valid", 0).exit_code == 0


def test_where_nothing_can_be_read_the_error_stays(tmp_path: Path, fillrank: Run) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item,rating,date\na,x,much,03/04/2024\nb,y,little,03/04/2024\n")
    shown = fillrank("data", "inspect", path)
    assert shown.exit_code == 1
    assert "none of the 2 rows" in shown.stderr
    assert "value 'much' is not a finite number" in shown.stderr
