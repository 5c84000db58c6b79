"""What is learnt from and measured on: a log and a fraction or a date, or a train and a test file of one's own."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path

import polars as pl
import pytest

import fillrank as fr
from fillrank.data import Interactions, Split, split
from fillrank.errors import DataError, SettingsError
from fillrank.experiments.compare.plan import read_plan, run_plan
from fillrank.experiments.data.source import DataSource
from fillrank.experiments.reproduce.runs import run_study
from fillrank.experiments.reproduce.study import read_study
from fillrank.experiments.run.fit import DataPlan, RunPlan
from fillrank.experiments.toml.files import strict
from fillrank.experiments.tune.plan import read_tune

STUDY = """title = "Mine"
data = "no-such-data"
k = 5
protocols = ["honest"]
[entries.popular]
model = "popularity"
"""
SEARCH = """model = "pure-svd"
out = "{out}"
[search]
rank = {{ low = 1, high = 4 }}
"""


@pytest.fixture(scope="module")
def files(ratings: Interactions, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A train and a test file; two rows of the second are of a new user and of a new item."""
    folder = tmp_path_factory.mktemp("pair")
    parts = split.random(ratings, test=0.1, valid=0, seed=0)
    new = pl.DataFrame({"user_id": ["nobody", str(ratings.user_ids.ids[0])], "item_id": ["0", "no film"], "value": 3.0})
    text = [
        part.to_frame().with_columns(pl.col("user_id", "item_id").cast(pl.String)) for part in (parts.train, parts.test)
    ]
    columns = ["user_id", "item_id", "value"]
    text[0].select(columns).write_csv(folder / "train.csv")
    pl.concat([text[1].select(columns), new.with_columns(pl.col("value").cast(pl.Float32))]).write_csv(
        folder / "test.csv"
    )
    return folder / "train.csv", folder / "test.csv"


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ({"data": "x"}, 0.1),
        ({"data": "x", "test": "0.25"}, 0.25),
        ({"data": "x", "test": 0}, 0.0),
        ({"data": "x", "test": "2020-01-31"}, "2020-01-31"),
        ({"data": "x", "test": date(2020, 1, 31)}, "2020-01-31"),
        ({"data": "x", "test": "2020-01-31T12:00:00Z"}, "2020-01-31T12:00:00Z"),
        ({"train": "a.csv", "test": "b.csv"}, "b.csv"),
    ],
)
def test_what_test_may_be(content: dict, wanted: object) -> None:
    assert DataSource(**content).test == wanted


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, r"give data \(a name or a file\), or else train and test \(two files\)"),
        ({"data": "x", "train": "a.csv", "test": "b.csv"}, "give data"),
        ({"train": "a.csv"}, "train wants test beside it: the path of the file with the test rows"),
        ({"train": "a.csv", "test": 0.2}, "train wants test beside it"),
        (
            {"data": "x", "test": "b.csv"},
            "test must be a fraction .* a date .* beside train, .* got 'b.csv'",
        ),
        ({"data": "x", "test": 1.5}, "test must be a fraction .* got 1.5"),
        ({"data": "x", "test": True}, "test must be a fraction .* got True"),
        ({"data": "x", "test": "2020-02-31"}, "test must be a fraction .* got '2020-02-31'"),
    ],
)
def test_what_does_not_go_together_is_refused(content: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        strict(DataSource, content, source="run.toml", what="data")


def test_a_date_is_a_split_by_time(tmp_path: Path) -> None:
    days = [f"{user},{day},2020-01-{day:02d}" for user in range(4) for day in range(1, 21)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,date", *days]) + "\n")
    for how in ("auto", "by-time"):
        parts = DataPlan(data=str(tmp_path / "log.csv"), test="2020-01-16", valid=0.2, split=how).open()
        assert (len(parts.train), len(parts.valid or ()), len(parts.test)) == (44, 16, 20)
        assert parts.protocol["test"] == "2020-01-16"
    with pytest.raises(
        SettingsError, match=r"split: 'random' does .* test = '2020-01-16' is a moment, which goes with by-time"
    ):
        DataPlan(data=str(tmp_path / "log.csv"), test="2020-01-16", split="random").open()
    table = fr.compare(fr.read(tmp_path / "log.csv"), ["popularity"], test=date(2020, 1, 16), k=3)
    assert table.runs[0].report.protocol["split"]["split"] == "by_time"
    with pytest.raises(SettingsError, match="ml-100k/u1 is a published split with a test part of its own"):
        fr.compare("ml-100k/u1", ["popularity"], test="1998-01-01")


def test_two_files_are_a_split_and_strangers_in_test_are_counted(files, caplog: pytest.LogCaptureFixture) -> None:
    train, test = map(str, files)
    with caplog.at_level(logging.WARNING, "fillrank"):
        parts = DataPlan(train=train, test=test, valid=0.1).open()
    assert "2 of 402 test rows are left out: they are of 1 users and 1 items that have no row in train" in caplog.text
    assert (len(parts.train), len(parts.valid or ()), len(parts.test)) == (3240, 360, 400)
    assert parts.protocol["left_out"] == 2
    assert parts.train.n_users == 150
    with pytest.raises(SettingsError, match=r"split: 'random' does .* train and test files are a split; leave it"):
        DataPlan(train=train, test=test, split="random").open()
    with pytest.raises(DataError, match=r"train and test have 3600 .* pairs in common"):
        DataPlan(train=train, test=train).open()


def test_every_kind_of_file_takes_a_pair(files, tmp_path: Path) -> None:
    train, test = map(str, files)
    pair = f'train = "{train}"\ntest = "{test}"\n'
    (tmp_path / "plan.toml").write_text(pair + "k = 5\n[models.popularity]\n")
    table = run_plan(read_plan(tmp_path / "plan.toml"))
    assert table.data == "train and test"
    assert table.runs[0].report.protocol["n_test"] == 400
    (tmp_path / "study.toml").write_text(STUDY)
    study = read_study(tmp_path / "study.toml", {"data": None, "train": train, "test": test})
    run = run_study(study, tmp_path / "study.json").runs[0]
    assert run.metrics["recall@5"] == table.runs[0].report["recall@5"]
    assert run_study(study, tmp_path / "study.json").runs == (run,), "it is the same study when it is read again"
    (tmp_path / "search.toml").write_text(pair + SEARCH.format(out=tmp_path / "trials"))
    assert isinstance(read_tune(tmp_path / "search.toml").open(), Split)
    assert RunPlan.of({"train": train, "test": test, "model": "pure-svd", "out": "x"}).open().protocol["left_out"] == 2
