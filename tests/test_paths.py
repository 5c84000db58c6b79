"""A path means the same at every function that takes one."""

import json
import os
import pwd
from pathlib import Path

import pytest
from typer.testing import CliRunner

import fillrank as fr
from fillrank.cli.app import app
from fillrank.completion.files import complete_file
from fillrank.errors import DataError, FillrankError, SettingsError
from fillrank.experiments.compare.plan import read_plan
from fillrank.experiments.reproduce.runs import run_study
from fillrank.experiments.reproduce.study import read_study
from fillrank.experiments.run.fit import RunPlan, fit_run, read_run
from fillrank.experiments.toml.files import read_toml
from fillrank.experiments.tune.plan import TunePlan
from fillrank.lab.files import read_lab_files
from fillrank.runtime.paths import expanded, refuse_special, with_ending


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a log and a table in it; the working folder is another."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    log = "user,item,rating\n" + "".join(
        f"{u},{i},{(u * i) % 5 + 1}\n" for u in range(20) for i in range(12) if (u + i) % 3
    )
    (tmp_path / "home" / "log.csv").write_text(log)
    (tmp_path / "home" / "table.csv").write_text("a,b,c\n1,2,3\n2,,6\n3,6,9\n")
    return tmp_path / "home"


def test_the_home_folder_is_expanded_and_nothing_else_is(home: Path) -> None:
    assert expanded("~/x y") == home / "x y"
    assert expanded("~") == home
    assert expanded(b"~/x") == home / "x"
    me = pwd.getpwuid(os.getuid())
    assert expanded(f"~{me.pw_name}/x") == Path(me.pw_dir) / "x"
    assert expanded(Path("a/~/b")) == Path("a/~/b")
    assert expanded("./~x") == Path("./~x")


def test_a_name_that_begins_with_a_tilde_is_a_name_where_there_is_such_a_file(home: Path) -> None:
    Path("~$draft.csv").write_text("user,item\n1,2\n")
    assert expanded("~$draft.csv") == Path("~$draft.csv")
    with pytest.raises(DataError, match=r"no home folder ~nobody-here; give the whole path, or \./~nobody-here/x"):
        expanded("~nobody-here/x")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "the path of the log is empty"),
        ("  ", "the path of the log is empty"),
        ("a\0b", "NUL character"),
        ("\ud800.csv", "no path can hold"),
        ("https://example.org/log.csv", "network address; download it, or name a place"),
        (Path("https://example.org/log.csv"), "is a network address"),
        ("s3://bucket/log.csv", "is a network address"),
        ("file://server/log.csv", r"is on another machine, 'server'; copy it here, or write three slashes"),
        ("file://", "names no file"),
        ("file:///", "names no file"),
        ("file:///a%00b", "names no file"),
        (5, "must be given as a path .* got int"),
        (None, "must be given as a path .* got NoneType"),
    ],
)
def test_what_cannot_be_a_path_is_refused_in_words(path: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        expanded(path, "the log")


@pytest.mark.parametrize("address", ["file:///srv/a%20b.csv", "FILE://localhost/srv/a%20b.csv", "file:/srv/a%20b.csv"])
def test_an_address_of_this_machine_is_its_path(address: str) -> None:
    assert expanded(address) == Path("/srv/a b.csv")
    assert expanded(Path("file:///srv/x")) == Path("/srv/x")
    assert expanded("./file:/x") == Path("file:/x")


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero", "/proc/self/mem", "/proc/self/status", "/sys/kernel"])
def test_devices_and_views_of_the_system_are_refused(path: str) -> None:
    for read in (fr.read, read_plan, read_run, lambda p: read_lab_files(p, p)):
        with pytest.raises(DataError, match=r"is a device|is a view of the system"):
            read(path)
    with pytest.raises(DataError, match=r"is a device|is a view of the system"):
        complete_file(path, "x.csv", fr.MatrixCompletion())


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is a pipe"):
        fr.read(tmp_path / "pipe")
    refuse_special(tmp_path / "not there")


def test_every_function_that_takes_a_path_knows_the_home_folder(home: Path) -> None:
    log = fr.read("~/log.csv")
    assert len(fr.read("~/lo*.csv")) == len(log)
    fr.Popularity().fit(log).save("~/runs/m")
    assert fr.Recommender.load("~/runs/m").name == fr.Recommender.load(home / "runs/m").name
    fr.Contrastive(dim=4, epochs=1).fit(log, checkpoint="~/state")
    assert (home / "state").is_file()
    assert complete_file("~/table.csv", "~/out/full.csv", fr.MatrixCompletion(rank=1)).n_filled == 1
    (home / "run.toml").write_text('data = "~/log.csv"\nmodel = "popularity"\nout = "~/m2"\n')
    assert fit_run(read_run("~/run.toml")) is not None
    assert (home / "m2" / "config.json").is_file()
    (home / "plan.toml").write_text('data = "~/log.csv"\n[models.popularity]\n')
    assert read_plan("~/plan.toml").data == "~/log.csv"
    study = 'title = "t"\ndata = "movielens-small"\nk = 5\nseeds = [0]\n[entries.popularity]\nmodel = "popularity"\n'
    (home / "s.toml").write_text(study)
    run_study(read_study("~/s.toml"), "~/records/s.json")
    assert json.loads((home / "records" / "s.json").read_text())["study"] == "s"
    assert not list(Path().iterdir())


def test_a_folder_by_a_dot_has_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path / "shop")
    assert with_ending(Path(), ".db") == tmp_path / "shop.db"
    assert with_ending(Path(".."), ".db") == tmp_path.with_name(f"{tmp_path.name}.db")
    assert with_ending(Path("../x.y"), ".db") == Path("../x.y.db")
    with pytest.raises(DataError, match="is the root of all folders"):
        with_ending(Path("/"), ".db")
    done = CliRunner().invoke(app, ["compare", "--data", "x.csv", "--models", "popularity", "--out", "."])
    assert "the file . is a folder; give the name of a file" in done.stderr


def test_a_plan_from_another_editor_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes('\ufeffdata = "x"\r\n'.encode())
    assert read_toml(tmp_path / "a.toml", "plan") == {"data": "x"}
    (tmp_path / "b.toml").write_bytes('data = "é"'.encode("latin-1"))
    with pytest.raises(DataError, match=r"it is not UTF-8 .*; save it as UTF-8"):
        read_toml(tmp_path / "b.toml", "plan")


def test_the_folder_of_the_data_sets_knows_the_home_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / "data" / "ml-100k"
    folder.mkdir(parents=True)
    (folder / "u.data").write_text("1\t2\t3\t881250949\n2\t1\t4\t881250949\n")
    (folder / "u.item").write_text("1|A\n2|B\n")
    assert len(fr.data.load("ml-100k", folder="~/data")) == 2
    monkeypatch.setenv("FILLRANK_DATA", "~/data")
    assert len(fr.data.load("ml-100k")) == 2


@pytest.mark.parametrize("out", ["", "https://example.org/m", "~nobody-here/m", "a\0b"])
def test_a_plan_with_a_place_that_cannot_be_is_refused(out: str) -> None:
    with pytest.raises(SettingsError, match=r"out: .*(empty|network address|no home folder|NUL)"):
        RunPlan.of({"data": "x.csv", "model": "popularity", "out": out})
    with pytest.raises(SettingsError, match=r"out: .*(empty|network address|no home folder|NUL)"):
        TunePlan.of({"data": "x.csv", "model": "pure-svd", "out": out, "search": {"rank": {"low": 1, "high": 2}}})
    with pytest.raises(FillrankError):
        fr.Contrastive().fit(fr.synthetic(20, 15, 100).interactions, checkpoint=out)


@pytest.mark.parametrize(
    "command",
    [
        ["fit", "--data", "~/log.csv", "--model", "popularity", "--out=~/a"],
        ["recommend", "~/m", "--all", "--out=~/lists.csv"],
        ["evaluate", "~/m", "--data=~/log.csv"],
        ["similar", "~/m", "1"],
        ["data", "inspect", "~/log.csv"],
        ["complete", "~/table.csv", "--out=~/full.csv"],
        ["compare", "--data=~/log.csv", "--models=popularity", "--seeds=1", "--out=~/c.json"],
    ],
)
def test_the_options_of_the_command_line_know_the_home_folder(home: Path, command: list[str]) -> None:
    fit_run(RunPlan.of({"data": "~/log.csv", "model": "pure-svd", "out": "~/m", "settings": {"rank": 2}}))
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert not list(Path().iterdir())


@pytest.mark.parametrize("command", [["fit", "--data", "x.csv", "--out="], ["recommend", "", "--all"]])
def test_an_empty_path_on_the_command_line_is_a_mistake_in_the_command(command: list[str]) -> None:
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "is empty" in result.output
