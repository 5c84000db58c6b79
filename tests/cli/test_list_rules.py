"""Rules for lists on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import Result

Run = Callable[..., Result]
Json = Callable[..., Any]


def test_rules_from_an_item_table(saved: Path, tmp_path: Path, json_of: Json) -> None:
    table = tmp_path / "films.csv"
    table.write_text(
        "item,genre,in_stock\n" + "".join(f"{n},{'War|Crime' if n % 2 else 'Drama'},{n % 3 > 0}\n" for n in range(80))
    )
    told = ("--user", "3", "--item-table", table, "--separator", "|")
    rows = json_of("recommend", saved, *told, "--where", "genre=War", "--where", "in_stock=true")["recommendations"]
    assert rows
    assert all(row["item_id"] % 2 and row["item_id"] % 3 for row in rows)
    rows = json_of("recommend", saved, *told, "--at-most", "genre=2")["recommendations"]
    assert sum(row["item_id"] % 2 for row in rows) <= 2
    rows = json_of("recommend", saved, *told, "--where-not", "genre=Crime")["recommendations"]
    assert not any(row["item_id"] % 2 for row in rows)


def test_only_and_exclude_by_id_or_title(saved: Path, json_of: Json) -> None:
    asked = ("--user", "3", "--keep-seen", "--only", "FILM 3", "--only", "4", "--only", "film 5", "--exclude", "4")
    rows = json_of("recommend", saved, *asked)["recommendations"]
    assert sorted(row["item_id"] for row in rows) == [3, 5]


def test_a_rule_that_cannot_be_read_is_refused(saved: Path, tmp_path: Path, fillrank: Run) -> None:
    assert "'genre' is no COLUMN=VALUE" in fillrank("recommend", saved, "--user", "3", "--where", "genre").stderr
    assert "no whole number" in fillrank("recommend", saved, "--user", "3", "--at-most", "genre=x").stderr
    for rule in (["--where", "genre=War"], ["--at-most", "genre=1"]):
        assert (
            f"{rule[0]}: it asks for a table of items; give --item-table"
            in fillrank("recommend", saved, "--user", "3", *rule).stderr
        )
    assert "there is no file" in fillrank("recommend", saved, "--user", "3", "--item-table", tmp_path / "a.csv").stderr
    (tmp_path / "a.csv").write_text("item,genre\n3,War\n4,War,Crime\n")
    said = fillrank("recommend", saved, "--user", "3", "--item-table", tmp_path / "a.csv").stderr
    assert "line 3 is not 2 fields, as in the first line" in said
    assert "give one" in fillrank("recommend", saved, "--user", "3", "--separator", "|").stderr
    assert "give --out" in fillrank("recommend", saved, "--user", "3", "--spreadsheet-safe").stderr


def test_a_saved_model_takes_in_new_rows(saved: Path, tmp_path: Path, fillrank: Run, json_of: Json) -> None:
    rows = tmp_path / "today.csv"
    rows.write_text("user,item,rating\n9001,3,4.0\n9001,7,5.0\n9002,8001,4.5\n3,8001,3.0\n")
    told = json_of("update", saved, "--data", rows, "--out", tmp_path / "fresh")
    assert (told["rows"], told["new_users"], told["new_items"]) == (4, 2, 1)
    assert json_of("recommend", tmp_path / "fresh", "--user", "9001")["recommendations"]
    assert "no saved model" in fillrank("update", tmp_path / "nothing", "--data", rows, "--out", tmp_path / "x").stderr
