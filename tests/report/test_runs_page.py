"""A report on fitted runs is one file, and its figures are those of ``evaluate``."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fillrank.cli import app
from fillrank.data import Interactions
from fillrank.errors import ModelFileError, SettingsError
from fillrank.evaluation import evaluate
from fillrank.experiments.run import RunPlan, fit_run
from fillrank.report.runs import MeasuredRun, measured_run, runs_page
from fillrank.report.runs.charts import bar_chart, line_chart, point_chart


@pytest.fixture(scope="module")
def folder(ratings: Interactions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs: one that only ranks, one that predicts ratings, one that is trained in rounds."""
    home = tmp_path_factory.mktemp("runs")
    ratings.to_frame().write_csv(home / "log.csv")
    for name, model, settings in (
        ("<svd> & co", "pure-svd", {"rank": 4}),
        ("biased", "biased-svd", {"rank": 2}),
        ("als", "als", {"dim": 2, "iterations": 3, "regularization": 0.1}),
    ):
        plan = {"data": str(home / "log.csv"), "model": model, "settings": settings, "out": str(home / name)}
        fit_run(RunPlan.of(plan | {"options": {"progress": False}}))
    return home


@pytest.fixture(scope="module")
def runs(folder: Path) -> list[MeasuredRun]:
    return [measured_run(folder / name) for name in ("<svd> & co", "biased", "als")]


def test_the_figures_are_those_of_evaluate(runs: list[MeasuredRun]) -> None:
    page = runs_page(runs, resamples=100)
    for run in runs:
        again = evaluate(run.model, RunPlan.of({**run.plan, "out": "x"}).open(), k=10)
        assert run.report.metrics == pytest.approx(dict(again.metrics), nan_ok=True)
        for name, (low, high) in run.report.intervals(n=100).items():
            if run.report[name] < 10:
                assert f"{run.report[name]:.4f} ({low:.4f} – {high:.4f})" in page
    difference = runs[2].report["ndcg@10"] - runs[0].report["ndcg@10"]
    assert f"{difference:+.4g}" in page
    assert page.count("95 % interval</th>") == 2


def test_the_page_stands_alone_and_names_are_no_markup(runs: list[MeasuredRun]) -> None:
    page = runs_page(runs, resamples=100)
    open_tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag not in {"script", "link", "img", "iframe"}
            assert not {"src", "href", "onclick"} & {name for name, _ in attrs}
            if tag not in {"meta", "line", "rect", "circle", "polyline"}:
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag not in {"line", "rect", "circle", "polyline"}:
                assert open_tags.pop() == tag

    Tags().feed(page)
    assert open_tags == []
    assert "&lt;svd&gt; &amp; co" in page
    assert "<svd>" not in page
    for title in ("How it was measured", "Metrics", "For whom it works", "Learning curves", "Settings"):
        assert f"<h2>{title}</h2>" in page
    assert re.search(r"aria-label=\"train_rmse over epoch|aria-label=\"valid_rmse over epoch", page)


def test_shares_and_groups_add_up(runs: list[MeasuredRun]) -> None:
    for run in runs:
        listing = run.listing
        for shares in (listing.listed, listing.met, listing.liked):
            assert sum(shares) == pytest.approx(1)
        users = sum(group.users for group in listing.groups)
        assert users == len(run.report.users)
        values = run.report.per_user["ndcg@10"]
        counted = [(group.means["ndcg@10"], group.users) for group in listing.groups]
        if not any(value != value for value in values):
            assert sum(mean * n for mean, n in counted) / users == pytest.approx(run.report["ndcg@10"])


def test_the_command_writes_it_and_says_what_it_cannot_do(folder: Path, tmp_path: Path) -> None:
    def said(*words: object) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["report", *map(str, words)])
        return done.exit_code, done.output

    out = tmp_path / "r.html"
    assert said(folder / "als", "--out", out, "--resamples", 100)[0] == 0
    assert said(folder / "als", "--out", out, "--resamples", 100)[0] == 0  # over one of its own
    (tmp_path / "mine.html").write_text("mine")
    assert said(folder / "als", "--out", tmp_path / "mine.html")[0] != 0
    assert (tmp_path / "mine.html").read_text() == "mine"
    (folder / "als" / "run.toml").rename(folder / "als" / "kept")
    with pytest.raises(ModelFileError, match=r"run\.toml"):
        measured_run(folder / "als")
    (folder / "als" / "kept").rename(folder / "als" / "run.toml")


def test_a_run_without_a_test_part_is_refused(folder: Path) -> None:
    plan = {"data": str(folder / "log.csv"), "model": "popularity", "test": 0, "out": str(folder / "all")}
    fit_run(RunPlan.of(plan))
    with pytest.raises(SettingsError, match="test part"):
        measured_run(folder / "all")


def test_charts_say_what_they_show_and_take_any_figures() -> None:
    assert 'aria-label="y over x: a from 1 to 2"' in line_chart({"a": [(0, 1), (1, 2)]}, "x", "y")
    assert "NaN" not in bar_chart({"a": [float("nan"), 0.0]}, ["g", "h"], "x", "y").replace("nan", "")
    assert "<circle" in point_chart({"a<b": (1.0, 1.0)}, "x", "y")
    assert "a<b" not in point_chart({"a<b": (1.0, 1.0)}, "x", "y")
