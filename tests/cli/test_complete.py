"""``fillrank complete``: from the words of the command to the file and to what is printed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

Run = Callable[..., Result]
Json = Callable[..., Any]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A noisy table of rank 2 with a header and ids, a quarter of it blank."""
    rng = np.random.default_rng(0)
    values = 3 + rng.normal(size=(30, 2)) @ rng.normal(size=(2, 12)) + 0.1 * rng.normal(size=(30, 12))
    holes = rng.random(values.shape) < 0.25
    lines = [",".join(["film", *(f"critic {j}" for j in range(12))])]
    for i, row in enumerate(values):
        lines.append(
            ",".join([f'"film, {i}"', *("" if hole else f"{v:.2f}" for v, hole in zip(row, holes[i], strict=True))])
        )
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_it_fills_and_says_what_it_did(table: Path, tmp_path: Path, fillrank: Run, json_of: Json) -> None:
    words = ("complete", table, "-o", tmp_path / "full.csv", "--rank", 2)
    document = json_of(*words)
    assert document["layout"] == "wide"
    assert (document["header"], document["row_ids"]) == (True, True)
    assert document["n_known"] + document["n_filled"] == 30 * 12 == document["n_rows"] * document["n_columns"]
    assert (document["solver"], document["rank"], document["converged"]) == ("als", 2, True)
    before, after = (path.read_text().splitlines() for path in (table, tmp_path / "full.csv"))
    for old, new in zip(before, after, strict=True):
        pairs = list(zip(re.split(r",(?! )", old), re.split(r",(?! )", new), strict=True))
        assert all(a == b for a, b in pairs if a)
        assert all(re.fullmatch(r"-?[\d.]+(e-\d+)?", b) for a, b in pairs if not a)
    result = fillrank(*words)
    assert result.exit_code == 0
    assert re.search(
        rf"^{document['n_filled']} numbers filled into .*full\.csv: a wide table of 30 × 12", result.stdout
    )


def test_cross_validation_finds_the_rank(table: Path, tmp_path: Path, json_of: Json) -> None:
    document = json_of("complete", table, "-o", tmp_path / "full.csv", "--cv", "--max-iter", 30)
    assert document["rank"] == 2
    assert document["best_rmse"] < 0.5
    assert 0 < document["best_regularization"] <= 0.3  # the grid goes on while its best is at an end


@pytest.mark.parametrize("solver", ["gd", "sgd", "adam", "svd", "soft-impute", "gibbs"])
def test_every_solver_is_within_reach(solver: str, table: Path, tmp_path: Path, json_of: Json) -> None:
    document = json_of("complete", table, "-o", tmp_path / "o.csv", "--solver", solver, "--rank", 2, "--max-iter", 30)
    assert document["solver"] == solver


def test_bounds_and_seeds(table: Path, tmp_path: Path, json_of: Json) -> None:
    out = tmp_path / "o.csv"
    texts = []
    for seed in (0, 0, 1):
        json_of(
            "complete", table, "-o", out, "--bounds", "2.9,3.1", "--solver", "gibbs", "--max-iter", 9, "--seed", seed
        )
        texts.append(out.read_text())
    assert texts[0] == texts[1] != texts[2]
    blank = [re.split(r",(?! )", line) for line in table.read_text().splitlines()]
    full = [re.split(r",(?! )", line) for line in texts[0].splitlines()]
    filled = [float(b) for old, new in zip(blank, full, strict=True) for a, b in zip(old, new, strict=True) if not a]
    assert min(filled) >= 2.9
    assert max(filled) <= 3.1


def test_a_long_table_with_all_pairs(tmp_path: Path, json_of: Json) -> None:
    (tmp_path / "log.csv").write_text("user,item,rating\nann,x,4\nbob,y,2\n")
    document = json_of("complete", tmp_path / "log.csv", "-o", tmp_path / "full.csv", "--all-pairs", "--digits", 3)
    assert (document["layout"], document["n_filled"]) == ("long", 2)
    assert len((tmp_path / "full.csv").read_text().splitlines()) == 5


def test_where_it_stopped_is_said(table: Path, tmp_path: Path, fillrank: Run) -> None:
    result = fillrank("complete", table, "-o", tmp_path / "o.csv", "--max-iter", 2)
    assert "still moving when it stopped; --max-iter" in result.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--cv", "--rank", "3"], 2, "it chooses --rank and --regularization"),
        (["--bounds", "5"], 2, "'5' is no LOW,HIGH, such as 1,5"),
        (["--bounds", "a,b"], 2, "'a,b' is no LOW,HIGH"),
        (["--bounds", "5,1"], 1, "the lower of the bounds must be below"),
        (["--solver", "magic"], 2, "magic"),
        (["--rank", "0"], 1, "rank must be a whole number of 1 or more"),
        (["--solver", "gibbs", "--regularization", "1"], 1, "learns its regularization"),
        (["--layout", "long"], 1, "a long table has three columns"),
        (["--no-row-ids"], 1, "30 fields are no finite numbers: line 2, column 'film': 'film, 0'"),
    ],
)
def test_what_is_refused(words: list[str], code: int, said: str, table: Path, tmp_path: Path, fillrank: Run) -> None:
    result = fillrank("complete", table, "-o", tmp_path / "out.csv", *words)
    assert result.exit_code == code
    assert said in " ".join(result.stderr.split())
    assert not (tmp_path / "out.csv").exists()


def test_ragged_lines_are_named(tmp_path: Path, fillrank: Run) -> None:
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n3\n")
    result = fillrank("complete", tmp_path / "ragged.csv", "-o", tmp_path / "out.csv")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "fillrank: 1 of 3 records do not have the number of fields of line 1, which has 2: line 3"
    )


def test_json_is_one_document(table: Path, tmp_path: Path, fillrank: Run) -> None:
    result = fillrank("complete", table, "-o", tmp_path / "o.csv", "--json")
    assert set(json.loads(result.stdout)) == {
        *("out", "layout", "header", "row_ids", "n_rows", "n_columns", "n_known", "n_filled"),
        *("solver", "scaled_by", "rank", "regularization", "n_iter", "converged", "notes"),
        *("rmse_kept_back", "rmse_of_means"),
    }
