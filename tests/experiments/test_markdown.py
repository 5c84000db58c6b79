"""The tables that people read are the records that runs wrote."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fillrank.errors import DataError
from fillrank.experiments.reproduce.markdown import fill_tables, speeds_of, table_of

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

RECORD = {
    "protocol": {"k": [5]},
    "models": {"a": {"rmse": 0.5, "recall@5": 0.25, "ndcg@5": 0.1, "coverage@5": 1.0, "novelty@5": 2.0}, "b": {}},
    "intervals": {"a": {"rmse": [0.4, 0.6]}, "b": {}},
}


def test_a_record_becomes_rows_with_intervals_and_gaps() -> None:
    lines = table_of(RECORD).splitlines()
    assert lines[0] == "| model | RMSE | Recall@5 | nDCG@5 | coverage@5 | novelty@5, bits |"
    assert lines[2] == "| a | 0.5000 ± 0.1000 | 0.250 | 0.100 | 1.000 | 2.00 |"
    assert lines[3] == "| b | – | – | – | – | – |"


def test_a_benchmark_becomes_rows_of_ours_beside_theirs() -> None:
    found = {"median": 2.0, "ours": 0.5, "theirs": 1.0}
    peaks = {"rmse": 0.85, "peak_mb": 100.0}, {"rmse": 0.86, "peak_mb": 90.0}
    results = [
        {"rival": "them", "dim": 8, "seconds": found, "last": dict(zip(("ours", "theirs"), peaks, strict=True))},
        {"method": "cg", "dim": 4, "updates_per_second": {"median": 3.0, "ours": 6e6, "theirs": 2e6}},
    ]
    lines = speeds_of({"benchmark": "x", "results": results}).splitlines()
    assert lines[2] == "| them, d=8 | seconds a round | 0.500 | 1.000 | 2.00× | rmse 0.8500 / 0.8600 | 100 / 90 |"
    assert lines[3] == "| cg, d=4 | million updates a second | 6.0 | 2.0 | 3.00× | – | – |"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_tables_on_the_page_are_those_of_the_records(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert fill_tables(text, ROOT) == text, "run: python docs/refresh.py"


def test_the_readme_shows_a_table() -> None:
    assert re.search(r"^\| cmc \| 0\.\d{4} ± ", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the record no\.json is not there"):
        fill_tables("<!-- table: no.json -->\n<!-- end of table -->", tmp_path)
