"""How commands end: exit codes, and errors in a line or two."""

import os
import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from fillrank.cli.shell import PlainSpoken, report_fault
from fillrank.errors import DataError

app = typer.Typer(cls=PlainSpoken)


@app.command()
def fine() -> None:
    typer.echo("done")


@app.command()
def failing(how: str) -> None:
    raise {
        "data": DataError("17 rows came"),
        "system": PermissionError(13, "Permission denied", "runs/x"),
        "interrupt": KeyboardInterrupt(),
        "words": KeyboardInterrupt("nothing is in runs/x"),
        "fault": ZeroDivisionError("division by zero\nand more"),
    }[how]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["fine"], 0, ""),
        (["failing", "data"], 1, r"fillrank: 17 rows came"),
        (["failing", "system"], 1, r"fillrank: \[Errno 13\] Permission denied: 'runs/x'"),
        (["failing", "interrupt"], 130, "fillrank: interrupted"),
        (["failing", "words"], 130, "fillrank: nothing is in runs/x"),
        (["failing"], 2, r"fillrank failing: Missing argument .*\nTry 'fillrank failing --help'\."),
        (["nothing"], 2, r"fillrank: No such command 'nothing'.*\nTry 'fillrank --help'\."),
        (["fine", "--fast"], 2, r"fillrank fine: No such option.*\nTry 'fillrank fine --help'\."),
    ],
)
def test_exit_codes_and_what_is_said(words: list[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILLRANK_DEBUG", raising=False)
    result = CliRunner().invoke(app, words, prog_name="fillrank")
    assert result.exit_code == code
    assert re.fullmatch(said, result.stderr.rstrip("\n"))
    assert result.stdout == ("done\n" if code == 0 else "")


def test_debugging_lets_an_error_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILLRANK_DEBUG", "1")
    result = CliRunner().invoke(app, ["failing", "data"])
    assert isinstance(result.exception, DataError)
    assert CliRunner().invoke(app, ["nothing"]).exit_code == 2  # a usage error has nothing to debug


def test_an_unforeseen_error_is_called_a_fault(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FILLRANK_DEBUG", raising=False)
    report_fault(ZeroDivisionError, ZeroDivisionError("division by zero\nand more"), None)
    said = capsys.readouterr().err
    assert said.startswith("fillrank: a fault in fillrank itself: ZeroDivisionError: division by zero\n")
    assert "FILLRANK_DEBUG=1" in said
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "code", "stdout", "stderr"),
    [
        (["--version"], 0, "fillrank 0.1", ""),
        ([], 0, "Usage: fillrank", ""),
        (["data", "info", "movielens-smal"], 1, "", "did you mean 'movielens-small'?"),
        (["complete", "log.csv"], 2, "", "fillrank complete: Missing option '--out'"),
    ],
)
def test_the_program_itself(words: list[str], code: int, stdout: str, stderr: str) -> None:
    """As a person runs it: another process, its two streams and its exit code."""
    settings = {name: value for name, value in os.environ.items() if name != "FILLRANK_DEBUG"}
    done = subprocess.run(
        [sys.executable, "-m", "fillrank", *words], capture_output=True, text=True, check=False, env=settings
    )
    assert done.returncode == code
    assert stdout in done.stdout
    assert stderr in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_a_fault_ends_the_program_without_a_traceback() -> None:
    script = "import fillrank.data as d; del d.list_datasets; from fillrank.cli import main; main(['data', 'list'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "a fault in fillrank itself: ImportError" in done.stderr
    assert "Traceback" not in done.stderr
