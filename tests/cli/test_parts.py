"""What the commands are made of: KEY=VALUE, likes, JSON, tables, files."""

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import typer

from fillrank.cli.lists import parse_likes
from fillrank.cli.options import open_log, parse_settings, parse_value
from fillrank.cli.output import row_table, show, to_json, write_frame, write_text
from fillrank.errors import SettingsError
from fillrank.experiments.data.data_source import open_split


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("64", 64),
        ("1e-3", 0.001),
        ("true", True),
        ("[10, 20]", [10, 20]),
        ('"64"', "64"),
        ("cosine", "cosine"),
        ("User Id", "User Id"),
        ("", ""),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_a_value_is_toml_or_else_a_string(text: str, value: object) -> None:
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


@pytest.mark.parametrize(
    ("pairs", "wrong"),
    [
        (["dim"], "'dim' is no KEY=VALUE"),
        (["=3"], "'=3' is no KEY=VALUE"),
        (["dim=3", "dim=4"], "'dim' comes twice"),
    ],
)
def test_a_bad_pair_is_a_usage_error(pairs: list[str], wrong: str) -> None:
    with pytest.raises(typer.BadParameter, match=wrong):
        parse_settings(pairs, "--set")


def test_a_value_may_hold_an_equals_sign() -> None:
    assert parse_settings(["name=a=b"], "--read") == {"name": "a=b"}


@pytest.mark.parametrize(
    ("likes", "wrong"),
    [(["Heat=5", "Alien"], "to all items or to none"), (["Heat", "Heat"], "comes twice")],
)
def test_likes_that_do_not_go_together(likes: list[str], wrong: str) -> None:
    with pytest.raises(typer.BadParameter, match=wrong):
        parse_likes(likes)


def test_read_is_for_files_only() -> None:
    with pytest.raises(typer.BadParameter, match="'ml-1m' is a data set known by name"):
        open_log("ml-1m", ["user=a"])


def test_each_way_to_split(tmp_path: Path) -> None:
    rows = [f"{user},{item},{3 + item % 2},{100 * user + item}" for user in range(10) for item in range(10)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,rating,time", *rows]) + "\n")
    made = {
        how: open_split(str(tmp_path / "log.csv"), {}, how, 0.2, 0.1, 3)
        for how in ("auto", "random", "per-user", "leave-last-out", "by-time")
    }
    assert {how: len(parts.test) for how, parts in made.items()} == {
        **dict.fromkeys(("auto", "random", "per-user", "by-time"), 20),
        "leave-last-out": 10,
    }
    assert all(parts.valid is not None and len(parts.valid) == 10 for parts in made.values())
    assert made["by-time"].test.users.min() == 8
    assert made["random"].test.times.tolist() == made["auto"].test.times.tolist()
    assert made["random"].test.times.tolist() != made["per-user"].test.times.tolist()


def test_json_has_no_nan_and_knows_numpy() -> None:
    document = {"a": math.nan, "b": np.float32(0.5), "c": np.array([1, 2]), "d": np.int64(3), "e": Path("x"), "f": "é"}
    assert json.loads(to_json(document)) == {"a": None, "b": 0.5, "c": [1, 2], "d": 3, "e": "x", "f": "é"}


def test_json_refuses_what_has_no_form() -> None:
    with pytest.raises(Exception, match="no JSON form for object"):
        to_json({"a": object()})


def test_a_title_in_brackets_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    table = row_table([{"rank": 1, "label": "[rec] (2007)", "score": 0.123456, "note": None}])
    show({}, table, as_json=False)
    shown = capsys.readouterr().out
    assert "[rec] (2007)" in shown
    assert "0.1235" in shown
    assert "None" not in shown


def test_a_wide_table_is_not_folded_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    show({}, row_table([{"label": "x" * 120}]), as_json=False)
    assert "x" * 120 in capsys.readouterr().out


def test_no_rows_make_an_empty_table() -> None:
    assert row_table([]).row_count == 0


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_a_frame_comes_back_from_its_file(ending: str, tmp_path: Path) -> None:
    frame = pl.DataFrame({"user_id": ["a", "b"], "rank": [1, 2], "score": [0.5, 0.25]})
    path = tmp_path / "new" / f"lists.{ending}"
    write_frame(frame, path)
    read = {"parquet": pl.read_parquet, "csv": pl.read_csv, "jsonl": pl.read_ndjson}[ending]
    assert read(path).equals(frame)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "lists.csv"
    write_text("old", path)
    with pytest.raises(pl.exceptions.PolarsError):
        write_frame(pl.DataFrame({"unflatten": [[1]]}), path)  # CSV has no lists
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'.*lists.xls': let its name end in .parquet, .csv, .jsonl"):
        write_frame(pl.DataFrame(), tmp_path / "lists.xls")
