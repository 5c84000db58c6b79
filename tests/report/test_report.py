"""The demonstration writes what it says, and pictures are drawn from records."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fillrank.data import Interactions
from fillrank.errors import DataError, MissingExtraError
from fillrank.report import Demonstration, demo, walkthrough
from fillrank.report.plots import accuracy_against_coverage, temperature_study
from fillrank.report.walkthrough import TEMPERATURES
from fillrank.runtime.progress import Progress

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def found(ratings: Interactions, tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    return demo(tmp_path_factory.mktemp("demo") / "report", data=replace(ratings, relevant_from=4.0))


def test_the_folder_holds_a_page_a_record_and_two_pictures(found: Demonstration) -> None:
    folder = found.files[0].parent
    assert sorted(file.name for file in folder.iterdir()) == [
        "coverage.png",
        "report.json",
        "report.md",
        "temperature.png",
    ]
    assert all(file.read_bytes()[:4] == PNG for file in found.files[2:])


def test_the_record_holds_the_comparison_the_lists_and_the_temperatures(found: Demonstration) -> None:
    record = json.loads(found.files[1].read_text(encoding="utf-8"))
    assert list(record["models"]) == ["popularity", "pure-svd", "normalised-svd", "biased-svd", "cmc"]
    assert record["models"]["cmc"]["rmse"] < record["models"]["popularity"]["rmse"]
    assert [point["temperature"] for point in record["temperatures"]] == list(TEMPERATURES)
    assert len({point["coverage@10"] for point in record["temperatures"]}) > 1
    assert len(record["user"]["recommended"]) == len(record["new_user"]["recommended"]) == 10


def test_the_lists_are_somebodys(found: Demonstration, ratings: Interactions) -> None:
    liked, recommended = set(found.liked["item_id"]), set(found.recommended["item_id"])
    assert not liked & recommended
    assert found.liked["value"].is_sorted(descending=True)
    named = {ratings.item_ids.label(ratings.item_ids.resolve(name)) for name in found.favourites}
    assert len(named) == 3
    assert not named & set(found.for_new_user["label"])


def test_the_page_and_the_screen_say_the_same(found: Demonstration) -> None:
    page, screen = found.files[0].read_text(encoding="utf-8"), str(found)
    for label in found.recommended["label"]:
        assert label in page
        assert label in screen
    assert "cmc against biased-svd" in page
    assert "cmc against biased-svd" in screen
    assert str(found).splitlines()[-1].endswith("fillrank serve --data movielens-small, a page that learns your taste")


def test_ratings_without_names_or_values_are_refused(ratings: Interactions, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="wants ratings of items with names"):
        demo(tmp_path / "r", data=ratings.without_values())
    assert not (tmp_path / "r").exists()


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r'pip install "fillrank\[plot\]"'):
        temperature_study([], tmp_path / "t.png")


def test_the_page_explains_its_protocol_and_its_pictures(found: Demonstration) -> None:
    page = found.files[0].read_text(encoding="utf-8")
    assert "dealt into three parts at random (seed 0): eight tenths to learn from" in page
    assert "a rating of 4 or more counts as liked" in page
    for name in ("rmse", "recall@10", "ndcg@10", "coverage@10", "novelty@10", "popularity@10", "seconds"):
        assert f"`{name}`" in page
    for picture in ("coverage.png", "temperature.png"):
        after = page.partition(f"({picture})")[2].strip().splitlines()[0]
        assert len(after.split()) > 20, "each picture is followed by what it shows"


@pytest.mark.slow
def test_without_matplotlib_the_demonstration_says_so_first_and_has_its_table(
    ratings: Interactions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(walkthrough, "TEMPERATURES", (0.1,))
    with caplog.at_level("INFO", "fillrank"):
        found = demo(tmp_path / "report", data=ratings)
    assert caplog.messages[0].startswith("Matplotlib is not installed, so there are no pictures; pip install")
    assert sorted(file.name for file in (tmp_path / "report").iterdir()) == ["report.json", "report.md"]
    page = found.files[0].read_text(encoding="utf-8")
    assert ".png" not in page
    assert "There are no pictures" in page
    assert "| temperature | recall@10 | coverage@10 | popularity@10 |" in page
    assert "cmc" in str(found)


@pytest.mark.parametrize("when", [pytest.param("compare", marks=pytest.mark.slow), "temperatures"])
def test_ctrl_c_ends_the_demonstration(
    when: str, ratings: Interactions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if when == "compare":
        original = walkthrough.compare
        monkeypatch.setattr(walkthrough, "compare", lambda *a, **k: replace(original(*a, **k), interrupted=True))
    else:
        step_done = Progress.step_done

        def counted(self: Progress) -> None:
            step_done(self)
            if not self._shown:  # only the trainings at each temperature are silent
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(Progress, "step_done", counted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            demo(tmp_path / "report", data=ratings)
    finally:
        signal.signal(signal.SIGINT, before)
    assert not (tmp_path / "report").exists()


def test_a_picture_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    record = {
        "data": "x",
        "models": {"a": {"recall@10": 0.1, "coverage@10": 0.2}},
        "intervals": {"a": dict.fromkeys(("recall@10", "coverage@10"))},
    }
    with pytest.raises(ValueError, match="sharpie"):
        accuracy_against_coverage(record, tmp_path / "picture.sharpie")
    assert list(tmp_path.iterdir()) == []
    assert accuracy_against_coverage(record, tmp_path / "picture.svg").read_text().lstrip().startswith("<?xml")
