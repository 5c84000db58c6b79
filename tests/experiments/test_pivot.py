"""Studies that are grids: the table, the lines and the map."""

import json
from pathlib import Path
from typing import Any

import pytest

from fillrank.errors import DataError
from fillrank.experiments.reproduce.markdown import fill_tables, gridded
from fillrank.experiments.reproduce.pivot import number_in, pivot
from fillrank.report.grid_plots import grid_lines, grid_map

FIGURES = {
    "mmcl, 800 negatives": (0.4, 0.1),
    "mmcl, 50 negatives": (0.2, 0.05),
    "ccl, 800 negatives": (0.3, 0.2),
}


def document(figures: dict[str, tuple[float, float]]) -> dict[str, Any]:
    entry = {"model": "contrastive", "seeds": [0], "published": {}}
    runs = [
        {
            "entry": name,
            "protocol": "honest",
            "seed": 0,
            "model": "contrastive",
            "settings": {},
            "chosen": {},
            "curve": [],
            "measured": {},
            "seconds": 1.0,
            "machine": {"cores": 2},
            "metrics": {
                "recall@20": recall,
                "ndcg@20": ndcg,
                "coverage@20": None,
                "novelty@20": None,
                "gini@20": None,
            },
        }
        for name, (recall, ndcg) in figures.items()
    ]
    shape = {"study": "negatives", "title": "By negatives", "data": "gowalla", "k": 20, "test": 0.1, "valid": 0.1}
    shape |= {"protocols": ["honest"]}
    return shape | {"entries": dict.fromkeys(figures, entry), "runs": runs}


def test_columns_are_ordered_by_their_number_and_lines_as_they_come() -> None:
    grid = pivot(document(FIGURES))
    assert grid.lines == ["mmcl", "ccl"]
    assert grid.columns == ["50 negatives", "800 negatives"]
    assert grid.cells["ccl", "800 negatives"].metrics["ndcg"].mean == 0.2
    assert ("ccl", "50 negatives") not in grid.cells


def test_columns_without_numbers_stay_as_they_come() -> None:
    grid = pivot(document({"mmcl, plain": (0.1, 0.1), "mmcl, 32 hardest": (0.2, 0.1), "mmcl, LightGCN": (0.1, 0.1)}))
    assert grid.columns == ["plain", "32 hardest", "LightGCN"]


def test_only_what_stands_before_the_first_comma_is_the_line() -> None:
    assert pivot(document({"ccl, MF, batches of 8192": (0.1, 0.1)})).columns == ["MF, batches of 8192"]


def test_the_best_of_a_column_is_bold(tmp_path: Path) -> None:
    table = [
        "| Recall@20 / nDCG@20 | 50 negatives | 800 negatives |",
        "|---|--:|--:|",
        "| mmcl | **0.2000** / **0.0500** | **0.4000** / 0.1000 |",
        "| ccl | – | 0.3000 / **0.2000** |",
    ]
    assert gridded(document(FIGURES)).splitlines() == table
    (tmp_path / "r.json").write_text(json.dumps(document(FIGURES)), encoding="utf-8")
    page = "<!-- table: r.json#{} -->\n<!-- end of table -->"
    assert fill_tables(page.format("grid"), tmp_path).splitlines()[1:-1] == table
    with pytest.raises(DataError, match="a study has no table 'memory'; write #grid"):
        fill_tables(page.format("memory"), tmp_path)


@pytest.mark.parametrize("draw", [grid_lines, grid_map])
def test_pictures_show_what_is_in_the_grid(draw: Any, tmp_path: Path) -> None:
    one = draw(document(FIGURES), tmp_path / "one.png").read_bytes()
    other = draw(document(FIGURES | {"ccl, 50 negatives": (0.1, 0.15)}), tmp_path / "other.png").read_bytes()
    assert one[:4] == other[:4] == b"\x89PNG"
    assert one != other


def test_what_is_no_grid_is_refused() -> None:
    with pytest.raises(DataError, match="a grid wants entries that are called 'THIS, THAT', and 'mf-bsl' of negatives"):
        pivot(document({"mf-bsl": (0.1, 0.1)}))
    with pytest.raises(DataError, match="no run of the study negatives is finished"):
        pivot(document(FIGURES) | {"runs": []})


def test_a_number_is_found_in_words() -> None:
    assert [number_in(words) for words in ("25% of the rows", "weight 1000", "none")] == [25.0, 1000.0, None]
