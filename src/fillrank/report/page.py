"""Write the demonstration as a Markdown page, with its numbers as JSON beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import polars as pl

from fillrank.errors import DataError
from fillrank.report.demonstration import Demonstration
from fillrank.runtime.atomic_write import replacing
from fillrank.terminal import in_markdown

__all__ = ["check_page", "write_page"]

_HEAD = "# fillrank on "


def check_page(files: Sequence[Path]) -> None:
    """Refuse to overwrite a page, numbers or pictures that are not from an earlier demonstration.

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
    page, record, *pictures = found.files
    lines = [
        f"{_HEAD}{in_markdown(found.table.data)}",
        "",
        *_protocol(found),
        "```",
        str(found.table),
        "```",
        "",
        *_COLUMNS,
        *(_COVERAGE if pictures else _NO_PICTURES),
        *_temperatures(found, drawn=bool(pictures)),
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


_COLUMNS = (
    "How to read the table: `rmse` is how far predicted ratings are from the true ones, in the units of the ratings "
    "(lower is better; models that only rank have none). `recall@10` is the share of a user's liked items of the test "
    "part that stand in a list of ten, and `ndcg@10` the same with more weight for the top of the list (higher is "
    "better). `coverage@10` is the share of the catalogue that stands in anybody's list, `novelty@10` how surprising "
    "the listed items are (in bits: an item that half of the users have met has one), `popularity@10` how many users "
    "have met a listed item on average, and `seconds` what fitting took.",
    "",
)
_COVERAGE = (
    "## Accuracy against coverage",
    "",
    "![accuracy against coverage](coverage.png)",
    "",
    "Each point is a model. Further up, more of what users like is found; further to the right, more of the catalogue "
    "is recommended to somebody. A model that lists the same popular items to everybody stands at the left.",
    "",
)
_NO_PICTURES = (
    'There are no pictures: Matplotlib was not installed (`pip install "fillrank[plot]"`).',
    "",
)


def _protocol(found: Demonstration) -> list[str]:
    """How the numbers were measured, in plain words."""
    run = found.table.runs[0]
    protocol = run.report.protocol
    liked = protocol.get("relevant_from")
    threshold = "every rated item" if liked is None else f"a rating of {liked:g} or more"
    refitted = (
        "What was chosen was then fitted on both of these parts together."
        if found.table.refit
        else "What was chosen was fitted on the training part alone."
    )
    return [
        f"The ratings were dealt into three parts at random (seed {run.seed}): eight tenths to learn from, a tenth to "
        f"choose settings and stop by, and a tenth, {protocol['n_test']:,} ratings, to measure on. {refitted} The test "
        f"part was looked at once, at the end. Each user's list is made of all items that the user has not met before; "
        f"{threshold} counts as liked.",
        "",
    ]


def _temperatures(found: Demonstration, *, drawn: bool) -> list[str]:
    """The effect of the temperature: the picture, or its numbers if there is no picture."""
    names = ("recall@10", "coverage@10", "popularity@10")
    said = (
        "CMC trained at several temperatures, all else equal, and ranking by what it has learnt of preferences alone. "
        "The temperature says how sharply an item is distinguished from its closest rivals. As a rule a low one lists "
        "more of the catalogue, a higher one more popular items, and recall is best in between."
    )
    if drawn:
        figure = ["![recall, coverage and popularity against temperature](temperature.png)"]
        said += " From left to right: recall@10, coverage@10, and the mean number of users who have met a listed item."
    else:
        rows = [
            [f"{point['temperature']:g}", *(f"{point[name]:.4g}" for name in names)] for point in found.temperatures
        ]
        figure = [f"| temperature | {' | '.join(names)} |", "|--:" * (len(names) + 1) + "|"]
        figure += [f"| {' | '.join(row)} |" for row in rows]
    return ["## What the temperature does", "", *figure, "", said, ""]


def _list(title: str, frame: pl.DataFrame) -> list[str]:
    return [f"{title}:", "", *(f"{n}. {in_markdown(label)}" for n, label in enumerate(frame["label"], start=1)), ""]


def _write(path: Path, text: str) -> None:
    with replacing(path) as fresh:
        fresh.write_text(text, encoding="utf-8")
