"""What reaches people who have only the package: its description, its extras, and what ``make`` tells them."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
for_an_index = runpy.run_path(str(ROOT / "hatch_build.py"))["for_an_index"]
RELATIVE = re.compile(r"\]\((?!https?:)[^)]*\)|(?:src|href)=[\"'](?!https?:)|^\[[^\]]+\]:\s*(?!https?:)", re.MULTILINE)


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("[the page](docs/a.md) and [a part](#part)", "the page and a part"),
        ("![a long\ncurve](docs/images/a.png)", "a long\ncurve"),
        ("[![a badge](b.svg)](c.md) [![d](https://e.org/f.svg)](https://e.org)", "a badge [![d](https://e.org/f.svg)](https://e.org)"),
        ("[titled](a.md 'b'), <[in brackets](<a b.md>)>", "titled, <[in brackets](<a b.md>)>"),
        ("[away](https://e.org/a) [mail](mailto:a@e.org)", "[away](https://e.org/a) [mail](mailto:a@e.org)"),
        ("see [the page][1]\n\n[1]: docs/a.md\n", "see the page\n\n"),
        ('<img src="a.png" alt="a curve"> <img src="https://e.org/a.png">', 'a curve <img src="https://e.org/a.png">'),
        ("`[code](a.md)` ``[`more`](b)``", "`[code](a.md)` ``[`more`](b)``"),
        ("```md\n[kept](a.md)\n```\n[not](a.md)", "```md\n[kept](a.md)\n```\nnot"),
        ("a [list] (of things) and x[0](1)", "a [list] (of things) and x0"),
    ],
)  # fmt: skip
def test_relative_links_become_words(markdown: str, shown: str) -> None:
    assert for_an_index(markdown) == shown


def test_nothing_in_the_description_leads_into_the_repository() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert RELATIVE.search(readme), "there is nothing to do any more: take hatch_build.py out"
    assert not RELATIVE.search(for_an_index(readme))
    assert for_an_index(readme).count("```") == readme.count("```")


def test_the_built_metadata_has_that_description(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="builds the metadata: comes with the extra fillrank[dev]")
    code = f"from hatchling.build import prepare_metadata_for_build_wheel as go; print(go({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    head, _, body = (tmp_path / done.stdout.split()[-1] / "METADATA").read_text(encoding="utf-8").partition("\n\n")
    assert body.strip() == for_an_index((ROOT / "README.md").read_text(encoding="utf-8")).strip()
    assert "Description-Content-Type: text/markdown" in head
    assert {line.split(": ")[1] for line in head.splitlines() if line.startswith("Provides-Extra")} == set(EXTRAS)


def test_every_extra_is_used() -> None:
    source = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py"))
    for extra, wanted in EXTRAS.items():
        for package in wanted if extra not in {"dev", "docs"} else ():  # tools, which the library knows nothing of
            name = re.split(r"[\[<>=]", package)[0].replace("-", "_")
            assert name == "fillrank" or re.search(rf"(import|from) {name}\b|\"{name}\"", source), f"{extra}: {package}"


def test_the_constraints_fix_what_extras_bring() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    fixed = {line.split("==")[0] for line in lines if "==" in line}
    wanted = [*PROJECT["project"]["dependencies"], *(package for extra in EXTRAS.values() for package in extra)]
    names = {re.split(r"[\[<>=]", package)[0] for package in wanted} - {"fillrank"}
    assert names == fixed


def test_skipped_tests_say_why() -> None:
    reported = next(
        word for word in PROJECT["tool"]["pytest"]["ini_options"]["addopts"].split() if word.startswith("-r")
    )
    assert "s" in reported
    lines = [
        (file, line) for file in (ROOT / "tests").rglob("test_*.py") for line in file.read_text("utf-8").splitlines()
    ]
    silent = re.compile(r"pytest\.skip\(\)|skipif\((?!.*reason=).*\)\s*$")
    assert [(file.name, line) for file, line in lines if silent.search(line) and "re.compile" not in line] == []


@pytest.mark.skipif(shutil.which("make") is None, reason="runs make")
def test_make_says_that_it_installs_and_what_failed(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / ".made").touch()
    pip = tmp_path / "bin" / "python"
    pip.write_text("#!/bin/sh\necho 'ERROR: No matching distribution found for hatchling'\nexit 1\n")
    pip.chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    done = subprocess.run(
        ["make", "test", f"VENV={tmp_path}"], cwd=ROOT, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert f"installing fillrank[dev] into {tmp_path}" in done.stderr
    assert "No matching distribution" in done.stdout
    assert "no package index can be reached" in done.stderr
    assert not (tmp_path / ".dev").exists()
    old = subprocess.run(
        ["make", "demo", "PYTHON=false", f"VENV={tmp_path / 'new'}"],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "needs Python 3.11 or newer" in old.stderr
