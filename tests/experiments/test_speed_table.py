"""Benchmarks' records as tables: what is compared, and the parts of a record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fillrank.errors import DataError
from fillrank.experiments.reproduce.markdown import fill_tables
from fillrank.experiments.reproduce.speed_table import numbers_of, speeds_of

TWO = {"median": 1.5, "ours": 3000.0, "theirs": 2000.0}


def test_columns_that_nobody_fills_are_left_out_and_sides_have_their_names() -> None:
    results = [{"rival": "batches of 8", "dim": 4, "interactions_per_second": TWO}]
    lines = speeds_of({"sides": ["two", "one"], "results": results}).splitlines()
    assert lines == [
        "| what | measure | two | one | ratio |",
        "|---|---|--:|--:|--:|",
        "| batches of 8, d=4 | thousand interactions a second | 3.0 | 2.0 | 1.50× |",
    ]


def test_a_column_stays_where_one_result_fills_it() -> None:
    found = {"median": 2.0, "ours": 0.5, "theirs": 1.0}
    results = [
        {"rival": "a", "dim": 4, "seconds_for_all": found, "overlap": 0.99995},
        {"rival": "b", "dim": 4, "seconds_for_all": found},
    ]
    lines = speeds_of({"results": results}).splitlines()
    assert lines[0] == "| what | measure | fillrank | rival | ratio | quality |"
    assert lines[2] == "| a, d=4 | seconds for all lists | 0.50 | 1.00 | 2.00× | 100.00% the same |"
    assert lines[3] == "| b, d=4 | seconds for all lists | 0.50 | 1.00 | 2.00× | – |"


def test_a_mark_may_name_a_part_of_a_record(tmp_path: Path) -> None:
    rows = [{"route": "fast", "n_negatives": 4096, "steps_mb": 12.3}]
    (tmp_path / "r.json").write_text(json.dumps({"benchmark": "training", "results": [], "memory": rows}))
    text = fill_tables("<!-- table: r.json#memory -->\nold\n<!-- end of table -->", tmp_path)
    assert text.splitlines()[1:-1] == [
        "| route | negatives | the steps' own, MB |",
        "|---|--:|--:|",
        "| fast | 4,096 | 12 |",
    ]


def test_a_part_that_is_not_there_and_a_figure_without_words_are_named() -> None:
    with pytest.raises(DataError, match=r"no part 'speed'; it has memory"):
        numbers_of({"memory": []}, "speed")
    with pytest.raises(DataError, match=r"no words for the numbers height of 'memory'"):
        numbers_of({"memory": [{"height": 3}]}, "memory")
