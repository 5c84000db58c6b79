"""Every command and function that writes finds out before its work that it cannot, and writes over nobody's files."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import fillrank as fr
from fillrank.cli.app import app
from fillrank.completion.files import complete_file
from fillrank.errors import DataError, FillrankError, SettingsError
from fillrank.experiments.reproduce.runs import run_study
from fillrank.experiments.reproduce.study import read_study
from fillrank.experiments.tune.plan import TunePlan
from fillrank.experiments.tune.run import run_tune
from fillrank.models import Popularity, PureSVD
from fillrank.report import demo
from fillrank.runtime.atomic_write import check_inside


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a log, a table, a model and a study in it, in which nothing can be trained."""
    monkeypatch.chdir(tmp_path)
    rows = (f"{u},{i},{(u * i) % 5 + 1}\n" for u in range(20) for i in range(12) if (u + i) % 3)
    Path("log.csv").write_text("user,item,rating\n" + "".join(rows))
    Path("table.csv").write_text("a,b,c\n1,2,3\n2,,6\n3,6,9\n")
    Path("thesis").mkdir()
    Path("s.toml").write_text(
        'title = "t"\ndata = "movielens-small"\nk = 5\nseeds = [0]\n[entries.p]\nmodel = "popularity"\n'
    )
    PureSVD(rank=2).fit(fr.read("log.csv")).save("m")

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("the work was begun")

    for kind in (Popularity, PureSVD, fr.CMC):
        monkeypatch.setattr(kind, "fit", never)
    monkeypatch.setattr(fr.MatrixCompletion, "fit_transform", never)
    monkeypatch.setattr(fr.Recommender, "recommend", never)


def search_into(out: str) -> object:
    content = {
        "data": "log.csv",
        "model": "pure-svd",
        "out": out,
        "search": {"rank": {"low": 1, "high": 2}},
        "n_trials": 1,
    }
    return run_tune(TunePlan.of(content))


FILES: dict[str, Callable[[str], object]] = {
    "complete": lambda out: complete_file("table.csv", out, fr.MatrixCompletion(rank=1)),
    "reproduce": lambda out: run_study(read_study("s.toml"), out),
}
FOLDERS: dict[str, Callable[[str], object]] = {"tune": search_into, "demo": demo}


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("thesis", "is a folder; give the name of a file"),
        ("log.csv/x.csv", "log.csv is a file; a folder is wanted there"),
        ("/proc/x.csv", "view of the system"),
        ("/dev/null", "is a device"),
        ("", "is empty"),
        ("x" * 300 + ".csv", "File name too long"),
        ("m/items.parquet", "is inside the saved model .*m, which it would damage; give another place"),
        ("m/new/x.csv", "is inside the saved model"),
    ],
)
def test_files(name: str, out: str, words: str) -> None:
    with pytest.raises(FillrankError, match=words):
        FILES[name](out)


@pytest.mark.parametrize("name", sorted(FOLDERS))
@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("log.csv", "is a file; give the name of a folder"),
        ("log.csv/deep", "log.csv is a file; a folder is wanted there"),
        ("/proc/x", "view of the system"),
        ("", "is empty"),
        ("m", "is inside the saved model"),
        ("m/deep", "is inside the saved model"),
    ],
)
def test_folders(name: str, out: str, words: str) -> None:
    with pytest.raises(FillrankError, match=words):
        FOLDERS[name](out)


@pytest.mark.parametrize(
    "command",
    [
        ["compare", "--data", "log.csv", "--models", "popularity", "--seeds", "1", "--out", "log.csv/x.json"],
        ["compare", "--data", "log.csv", "--models", "popularity", "--seeds", "1", "--out", "thesis"],
        ["recommend", "m", "--all", "--out", "log.csv/x.csv"],
        ["complete", "table.csv", "--out", "thesis"],
        ["fit", "--data", "log.csv", "--model", "popularity", "--out", "thesis/../log.csv/m"],
    ],
)
def test_commands(command: list[str]) -> None:
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert "is a folder" in result.stderr or "is a file" in result.stderr


WORK = b"user,item,rating\n1,2,3\n"
OF_FILES = {
    "recommend": ["recommend", "m", "--all", "--out"],
    "compare": ["compare", "--data", "log.csv", "--models", "popularity", "--seeds", "1", "--out"],
    "complete": ["complete", "table.csv", "--rank", "1", "--out"],
}


@pytest.mark.parametrize("name", sorted(OF_FILES))
@pytest.mark.parametrize("content", [WORK, b"years of work\n", b"\x00\xff PAR1", b'{"a": 1}\n'])
def test_a_file_of_another_kind_is_written_over_only_by_force(name: str, content: bytes) -> None:
    out = Path("thesis/mine.csv" if name != "compare" else "thesis/mine.json")
    out.write_bytes(content)
    result = CliRunner().invoke(app, [*OF_FILES[name], str(out)])
    assert result.exit_code == 1, result.output
    assert re.search(r"mine\.\w+ exists already and is not .*give another name, or --force", result.stderr)
    assert out.read_bytes() == content
    forced = CliRunner().invoke(app, [*OF_FILES[name], str(out), "--force"])
    assert "exists already" not in forced.stderr  # the work was begun


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_lists_are_written_over_lists(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = pl.DataFrame({"user_id": [1], "rank": [1], "item_id": [2], "score": [0.5]})
    monkeypatch.setattr(fr.Recommender, "recommend", lambda *_, **__: lists)
    for _ in range(2):
        result = CliRunner().invoke(app, ["recommend", "m", "--all", "--out", f"lists.{ending}"])
        assert result.exit_code == 0, result.output
    Path(f"empty.{ending}").touch()
    assert CliRunner().invoke(app, ["recommend", "m", "--all", "--out", f"empty.{ending}"]).exit_code == 0


def test_a_filled_table_is_written_over_one_that_was_filled_before(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path.cwd()
    monkeypatch.undo()
    monkeypatch.chdir(here)
    run = ["complete", "table.csv", "--rank", "1", "--out"]
    for out in ("full.csv", "full.csv"):
        assert CliRunner().invoke(app, [*run, out]).exit_code == 0
    Path("half.csv").write_text("a,b,c\n1,2,3\n2,,6\n")
    Path("other.csv").write_text("a,b,d\n1,2,3\n2,5,6\n")
    for out in ("half.csv", "other.csv"):
        before = Path(out).read_text()
        result = CliRunner().invoke(app, [*run, out])
        assert "is not a table like table.csv that was filled before" in result.stderr
        assert (result.exit_code, Path(out).read_text()) == (1, before)
        assert CliRunner().invoke(app, [*run, out, "--force"]).exit_code == 0
    assert CliRunner().invoke(app, [*run, "table.csv"]).exit_code == 0
    assert ",," not in Path("table.csv").read_text()


def test_tuning_does_not_write_over_files_of_another_kind() -> None:
    Path("thesis/record.json").write_text("years of work")
    with pytest.raises(SettingsError, match=r"thesis holds record\.json and no trials"):
        search_into("thesis")
    assert Path("thesis/record.json").read_text() == "years of work"


@pytest.mark.parametrize("name", ["report.md", "coverage.png"])
def test_a_demonstration_does_not_write_over_a_report_of_another_kind(name: str) -> None:
    Path("thesis", name).write_text("years of work")
    with pytest.raises(DataError, match=rf"thesis holds {name} of somebody else"):
        demo("thesis")
    assert Path("thesis", name).read_text() == "years of work"


def test_a_folder_that_can_be_written_into_is_left_as_it_is() -> None:
    assert check_inside("thesis", "it") == Path("thesis")
    assert check_inside("new/folder", "it") == Path("new/folder")
    assert list(Path("thesis").iterdir()) == []
    assert not Path("new").exists()


COMPARE = ["compare", "--models", "popularity", "--seeds", "1"]


@pytest.mark.parametrize(
    "command",
    [
        ["recommend", "m", "--all", "--out", "m/items.parquet"],
        ["recommend", "m", "--all", "--out", "m/lists.csv"],
        ["recommend", "m", "--all", "--out", "linked/lists.csv"],
        [*COMPARE, "--data", "log.csv", "--out", "m/config.json"],
        ["complete", "table.csv", "--out", "m/history.jsonl"],
        ["fit", "--data", "log.csv", "--model", "popularity", "--out", "m/other"],
    ],
)
def test_nothing_is_written_into_a_saved_model(command: list[str]) -> None:
    Path("linked").symlink_to("m")
    before = {file: file.read_bytes() for file in Path("m").iterdir()}
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1, result.output
    assert "is inside the saved model" in result.stderr
    assert {file: file.read_bytes() for file in Path("m").iterdir()} == before


@pytest.mark.parametrize(
    "command",
    [
        ["recommend", "m", "--users-file", "users.csv", "--out", "users.csv"],
        ["recommend", "m", "--users-file", "users.csv", "--out", "other.csv"],
        [*COMPARE, "--data", "log.csv", "--out", "thesis/../log.csv"],
        [*COMPARE, "--data", "lo*.csv", "--out", "log.csv"],
        [*COMPARE, "--data", "parts", "--out", "parts/a.csv"],
        [*COMPARE, "--train", "log.csv", "--test", "users.csv", "--out", "users.csv"],
        ["compare", "--plan", "plan.toml", "--out", "log.csv"],
        ["compare", "--plan", "plan.toml", "--out", "plan.toml"],
        ["compare", "--plan", "s.toml", "--out", "s.toml"],
    ],
)
def test_an_input_is_not_written_over(command: list[str]) -> None:
    Path("users.csv").write_text("1\n2\n")
    Path("other.csv").symlink_to("users.csv")
    Path("plan.toml").write_text('data = "log.csv"\nseeds = [0]\n[models.popularity]\n')
    Path("parts").mkdir()
    Path("parts/a.csv").write_text(Path("log.csv").read_text())
    before = {file: file.read_bytes() for file in Path().glob("**/*.*") if file.is_file()}
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1, result.output
    assert "is also an input of this command; give another name, it is not written over" in result.stderr
    assert {file: file.read_bytes() for file in Path().glob("**/*.*") if file.is_file()} == before
