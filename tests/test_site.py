"""The documentation as a whole: links lead somewhere, every page is listed, every public name has a place."""

from __future__ import annotations

import importlib
import pkgutil
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import fillrank
from fillrank.experiments.compare.plan import read_plan
from fillrank.experiments.reproduce.study import read_study
from fillrank.experiments.run.fit import read_run
from fillrank.experiments.tune.plan import read_tune

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINKED = [*PAGES, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
API = sorted((DOCS / "reference").rglob("*.md"))
NAMED = [room for page in API for room in re.findall(r"^::: (\S+)", page.read_text(encoding="utf-8"), re.MULTILINE)]
WHOLE = {"reference/settings.md"}  # one table, made by a program
MOST_LINES = 200
RETIRED = re.compile(
    r"\b(mend(s|ed|ing)?|stands twice|hand(s|ed)? on|at hand|goes on from|likeness|given_ratings|slow_down"
    r"|listening_alone)\b"
)
"""Words of ours that pages for users have given up for plain ones. Research keeps the diary as it was written."""

FENCED = re.compile(r"^```.*?^```[^\n]*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\((?!\w+:)(?P<file>[^)\s#]*)(?:#(?P<anchor>[^)\s]+))?\)")
HEADING = re.compile(r"^#+ (?P<text>.+?)\s*$", re.MULTILINE)
TOML = re.compile(r"^```toml\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)


def short(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def built() -> dict[str, Any]:
    return runpy.run_path(str(DOCS / "build.py"))


def anchor_of(heading: str) -> str:
    """As Python-Markdown's toc and GitHub make it, where they agree: they do for the headings here."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "").lower()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain)).strip("-")


def anchors(page: Path) -> set[str]:
    text = page.read_text(encoding="utf-8")
    return {anchor_of(match["text"]) for match in HEADING.finditer(FENCED.sub("", text))}


def documented(name: str) -> bool:
    """Whether some page of the reference has ``fillrank.room.Name``: the room stands there, or a room around it."""
    return any(name == room or name.startswith(f"{room}.") for room in NAMED)


@pytest.mark.parametrize("page", LINKED, ids=short)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in LINK.finditer(CODE.sub("", FENCED.sub("", page.read_text(encoding="utf-8")))):
        target = page if not link["file"] else (page.parent / link["file"]).resolve()
        if not target.exists():
            dead.append(link[0])
        elif link["anchor"] and link["anchor"].startswith("fillrank."):
            if not (target in API and documented(link["anchor"])):
                dead.append(link[0])
        elif link["anchor"] and link["anchor"] not in anchors(target):
            dead.append(link[0])
    assert dead == []


def test_every_page_is_listed_once() -> None:
    module = built()
    listed = [name for _, name in module["navigation"](module["CONFIG"]["nav"])]
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in PAGES)


def test_llms_txt_has_every_page_and_a_sentence_for_most() -> None:
    module = built()
    lines = [line for line in module["llms_txt"]().splitlines() if line.startswith("- [")]
    assert len(lines) == len(PAGES)
    assert sum("): " in line for line in lines) > 0.7 * len(PAGES)
    assert "## The Multi-Margin" not in module["llms_full_txt"]()
    assert "# The Multi-Margin Cosine Loss, measured" in module["llms_full_txt"]()


@pytest.mark.parametrize("page", [page for page in PAGES if "research" not in page.parts], ids=short)
def test_a_page_for_users_stays_short(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").count("\n")
    assert lines <= MOST_LINES or page.relative_to(DOCS).as_posix() in WHOLE, f"{lines} lines: make two pages of it"


@pytest.mark.parametrize(
    "page", [page for page in LINKED[:-1] if "research" not in page.parts and page.name != "settings.md"], ids=short
)
def test_a_page_for_users_uses_no_retired_word(page: Path) -> None:
    assert [match[0] for match in RETIRED.finditer(page.read_text(encoding="utf-8"))] == []


def test_every_public_name_has_a_place_in_the_reference() -> None:
    index = (DOCS / "reference" / "api" / "index.md").read_text(encoding="utf-8")
    missing = [name for name in fillrank.__all__ if f"`fr.{name}`" not in index]
    rooms = [f"fillrank.{room.name}" for room in pkgutil.iter_modules(fillrank.__path__) if room.name[0] != "_"]
    for room in rooms:
        names = getattr(importlib.import_module(room), "__all__", ())
        missing += [f"{room}.{name}" for name in names if not documented(f"{room}.{name}")]
        if not documented(f"{room}.x") and not names:
            missing.append(room)
    assert missing == []


def test_every_room_on_a_page_exists() -> None:
    for room in NAMED:
        try:
            importlib.import_module(room)
        except ModuleNotFoundError:
            home, _, name = room.rpartition(".")
            assert hasattr(importlib.import_module(home), name), room


def test_the_tables_of_settings_are_those_of_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS))
    text = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    module = runpy.run_path(str(DOCS / "settings.py"))
    assert module["fill_settings"](text) == text, "run: python docs/refresh.py --tables"
    assert re.findall(r"<!-- settings: (\S+) -->", text) == list(module["RECIPES"])


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_the_files_in_toml_on_a_page_can_be_read(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(TOML.finditer(page.read_text(encoding="utf-8"))):
        content = tomllib.loads(block["body"])
        readers: list[tuple[str, Callable[[Path], Any]]] = [
            ("search", read_tune), ("entries", read_study), ("models", read_plan), ("out", read_run)
        ]  # fmt: skip
        file = tmp_path / f"{number}.toml"
        file.write_text(block["body"], encoding="utf-8")
        for key, read in readers:
            if key in content:
                read(file)
                break


def test_roles_of_docstrings_become_references(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("griffe", reason="reads docstrings for the site: comes with the extra fillrank[docs]")
    in_markdown = runpy.run_path(str(DOCS / "roles.py"))["in_markdown"]
    shown = in_markdown("As :class:`~fillrank.data.IdMap` in TOML::\n\n    a = 1\n\nExample:\n    >>> 1\n")
    assert '<autoref identifier="fillrank.data.IdMap" optional><code>IdMap</code></autoref>' in shown
    assert "in TOML:\n" in shown
    assert "\nExamples:\n" in shown


@pytest.mark.slow
@pytest.mark.skipif(find_spec("zensical") is None, reason="builds the site: comes with the extra fillrank[docs]")
def test_the_site_is_built_without_warnings(tmp_path: Path) -> None:
    for name in ("docs", "src", "experiments", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "zensical.toml", tmp_path / "zensical.toml")
    done = subprocess.run([sys.executable, "docs/build.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "reference" / "api" / "losses.html").read_text(encoding="utf-8")
    assert 'id="fillrank.losses.MMCL"' in page
    assert "<math" in (tmp_path / "site" / "tutorials" / "completion-course.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("heading", "anchor"), [("What `fit` does, *then*", "what-fit-does-then"), ("τ = .1", "τ-1")])
def test_anchors_are_made_of_headings(heading: str, anchor: str) -> None:
    assert anchor_of(heading) == anchor
