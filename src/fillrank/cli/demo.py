"""``demo``: the whole process on real film ratings, from data to a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fillrank.cli.options import JsonOption, SeedOption, path_of
from fillrank.cli.output import show

__all__ = ["demo"]


def demo(
    out: Annotated[
        Path, typer.Option("--out", help="The folder for the report and its pictures.", parser=path_of)
    ] = Path("report"),
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Train on real film ratings, compare the models, recommend, and write a small report."""
    from fillrank.report import demo as run

    result = run(out, seed=seed)
    show(result.to_dict(), result, as_json=as_json)
