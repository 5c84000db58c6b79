"""Text from outside cannot steer a terminal, hide, or be run: not in tables, errors, logs, cards, nor spreadsheets."""

from __future__ import annotations

import json
import logging
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import Result

import fillrank as fr
from fillrank.cli.output import for_spreadsheets
from fillrank.errors import DataError, FillrankError, UnknownIdError
from fillrank.experiments.compare.table import ComparisonTable
from fillrank.terminal import in_markdown, printable, printable_json, shown

NASTY = "\x1b]52;c;ZXZpbA==\x1b\\\x1b[31m\u202e\u200b\x9b2J\x07[/x] :smile: [red]Heat"
HARMLESS = "\\x1b]52;c;ZXZpbA==\\x1b\\\\x1b[31m\\u202e\\u200b\\x9b2J\\x07[/x] :smile: [red]Heat"


def steers(text: str) -> bool:
    """Whether a terminal would do something else than show it."""
    visible = {
        "\u0600",
        "\u0601",
        "\u0602",
        "\u0603",
        "\u0604",
        "\u0605",
        "\u06dd",
        "\u070f",
        "\u08e2",
        "\u0890",
        "\u0891",
    }
    return any(
        unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and c not in visible and ord(c) < 0x10000
        for c in text
    )


@given(st.text(st.characters()) | st.text(st.sampled_from("\x1b\x9b\u202e\u200d\ufeff\ud800\t\n\r\x7fa[")))
def test_nothing_steers_and_what_is_harmless_stays(text: str) -> None:
    assert not steers(printable(text))
    printable(text).encode()  # no half of a pair is left, or this would raise
    if not steers(text):
        assert printable(text) == text


@given(st.text())
def test_json_means_what_it_meant(text: str) -> None:
    document = json.dumps({text: text}, ensure_ascii=False, indent=2)
    assert json.loads(printable_json(document)) == {text: text}
    assert not steers(printable_json(document).replace("\n", ""))


def test_errors_and_messages_are_printable(caplog: pytest.LogCaptureFixture) -> None:
    for kind in (FillrankError, DataError, UnknownIdError):
        assert str(kind(f"line 3: {NASTY}\nand more")) == f"line 3: {HARMLESS}\nand more"
    logging.getLogger("fillrank").warning("left out %s", NASTY)
    assert caplog.messages == [f"left out {HARMLESS}"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nasty")
    lines = [f'u{u},"i{i}{NASTY}","{NASTY} {i}"' for u in range(20) for i in range(12) if (u + i) % 3]
    (folder / "log.csv").write_text("user,item,title\n" + "\n".join(lines) + "\n")
    log = fr.read(folder / "log.csv", name=f"{NASTY}\n# a heading <b>")
    fr.Popularity().fit(log).save(folder / "m")
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ("recommend", "m", "--user", "u1", "-k", "3"),
        ("recommend", "m", "--user", "u1", "-k", "3", "--json"),
        ("similar", "m", "i1" + NASTY),
        ("recommend", "m", "--user", NASTY),
        ("data", "inspect", "log.csv"),
        ("data", "inspect", "no" + NASTY + ".csv"),
        ("data", "info", NASTY),
        ("compare", "--data", "log.csv", "--models", "popularity:" + NASTY, "--seeds", "1"),
        ("compare", "--data", "log.csv", "--models", NASTY),
        ("fit", "--data", "bad.csv", "--model", "popularity", "--out", "x"),
        ("fit", "--data", "log.csv", "--model", NASTY, "--out", "x"),
        ("fit", "--data", "log.csv", "--set", NASTY + "=3", "--out", "x"),
        ("fit", "run.toml"),
        ("complete", "bad.csv", "-o", "out.csv"),
        ("reproduce", "study.toml", "--out", "r.json"),
        (NASTY,),
    ],
)
def test_no_command_lets_it_through(
    words: tuple[str, ...], saved: Path, fillrank: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(saved)
    Path("bad.csv").write_text(f"user,item,rating\nu1,i1,{NASTY}\n")
    Path("run.toml").write_text(f"{json.dumps(NASTY)} = 3\ndata = 'log.csv'\nout = 'x'\n")
    Path("study.toml").write_text(
        'title = "[/x] [red]t :smile:"\ndata = "log.csv"\nk = 3\n[entries."[/x] [b]e"]\nmodel = "popularity"\n'
    )
    result = fillrank(*words)
    assert result.exit_code in {0, 1, 2}, result.exception
    assert isinstance(result.exception, SystemExit | None), result.exception
    for line in (result.stdout + result.stderr).splitlines():
        assert not steers(line), repr(line)
    if words[0] == "reproduce":
        assert "[/x] [red]t :smile:" in result.stdout
        assert "[/x] [b]e" in result.stdout


def test_rich_takes_nothing_for_markup() -> None:
    console = Console(width=200, color_system="truecolor", force_terminal=True)
    with console.capture() as capture:
        console.print(ComparisonTable("[red]:smile: [/x]", (), {}), shown("[b]Heat[/x] :smile:"))
    assert "[red]:smile: [/x]" in capture.get()
    assert "[b]Heat[/x] :smile:" in capture.get()


def test_the_card_of_a_model_has_names_as_themselves(saved: Path) -> None:
    card = (saved / "m" / "README.md").read_text(encoding="utf-8")
    assert in_markdown(NASTY) in card
    assert not any(steers(line) for line in card.splitlines())
    assert "<b>" not in card
    assert "\n# a heading" not in card


@given(st.text(alphabet="=+-@\t\r\n1.a＝'"), st.floats(allow_nan=False))
def test_no_cell_of_an_export_is_run(text: str, number: float) -> None:
    frame = for_spreadsheets(pl.DataFrame({"id": [text], "score": [number], "=name": ["x"]}))
    (cell,) = frame["id"]
    assert cell in {text, "'" + text}
    assert frame["score"].to_list() == [number]
    assert frame.columns == ["id", "score", "'=name"]
    try:
        float(text.replace(",", "."))
    except ValueError:
        assert not cell.startswith(tuple("=+-@\t\r\n＝"))


def test_an_export_for_spreadsheets(saved: Path, fillrank: Callable[..., Result], monkeypatch: Any) -> None:
    monkeypatch.chdir(saved)
    log = fr.Interactions.from_arrays(["=cmd()", "-5", "b"], ["+1+1", "@x", "plain"])
    fr.Popularity().fit(log).save("calc")
    words = ("recommend", "calc", "--all", "-k", 3, "--keep-seen", "--out", "x.csv")
    assert fillrank(*words).exit_code == 0
    assert set(pl.read_csv("x.csv", infer_schema=False)["user_id"]) == {"=cmd()", "-5", "b"}
    assert fillrank(*words, "--spreadsheet-safe").exit_code == 0
    safe = pl.read_csv("x.csv", infer_schema=False)
    assert set(safe["user_id"]) == {"'=cmd()", "-5", "b"}
    assert set(safe["item_id"]) == {"'+1+1", "'@x", "plain"}
    assert safe["score"].cast(pl.Float64).is_finite().all()
