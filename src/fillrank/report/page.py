"""The demonstration as a page of Markdown, with the figures beside it as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from fillrank.errors import DataError
from fillrank.terminal import in_markdown
from fillrank.writing import replacing

if TYPE_CHECKING:
    from fillrank.report.walkthrough import Demonstration

__all__ = ["check_page", "write_page"]

_HEAD = "# fillrank on "


def check_page(files: Sequence[Path]) -> None:
    """Refuse to write over a page, or figures and pictures beside it, that are not of an earlier demonstration.

    Raises:
        DataError: such a file is there.
    """
    page = files[0]
    with suppress(OSError), page.open(encoding="utf-8", errors="replace") as lines:
        if lines.readline().startswith(_HEAD):
            return
    others = [file.name for file in files if file.exists()]
    if others:
        raise DataError(f"{page.parent} holds {', '.join(others)} of somebody else; name another folder for the report")


def write_page(found: Demonstration) -> None:
    """Write ``found.files[0]`` (Markdown) and ``found.files[1]`` (JSON), each whole or not at all."""
    page, record, coverage, temperature = found.files
    lines = [
        f"{_HEAD}{in_markdown(found.table.data)}",
        "",
        "```",
        str(found.table),
        "```",
        "",
        f"![accuracy against coverage]({coverage.name})",
        "",
        "## What the temperature does",
        "",
        f"![recall, coverage and popularity against temperature]({temperature.name})",
        "",
        f"## User {in_markdown(found.user_id)}",
        "",
        *_list("Liked most", found.liked),
        *_list("Recommended", found.recommended),
        f"## A new user who likes {in_markdown(', '.join(found.favourites))}",
        "",
        *_list("Recommended", found.for_new_user),
    ]
    _write(page, "\n".join(lines))
    _write(record, json.dumps(found.to_dict(), indent=2, default=str) + "\n")


def _list(title: str, frame: pl.DataFrame) -> list[str]:
    return [f"{title}:", "", *(f"{n}. {in_markdown(label)}" for n, label in enumerate(frame["label"], start=1)), ""]


def _write(path: Path, text: str) -> None:
    with replacing(path) as fresh:
        fresh.write_text(text, encoding="utf-8")
