"""``report``: fitted runs as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fillrank.cli.options import path_of
from fillrank.cli.output import write_text
from fillrank.cli.overwriting import ForceOption, check_kind
from fillrank.runtime.atomic_write import check_file

__all__ = ["report"]


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN…", help="Folders that `fillrank fit` has saved models in.", parser=path_of),
    ],
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.", parser=path_of)] = Path("report.html"),
    k: Annotated[
        list[int] | None, typer.Option("--k", "-k", min=1, help="Length of a list; repeat for several.")
    ] = None,
    resamples: Annotated[
        int, typer.Option("--resamples", min=100, help="Resamples behind each interval and each p-value.")
    ] = 1000,
    force: ForceOption = False,
) -> None:
    """Measure runs on their test parts, and write one HTML file: metrics with intervals, curves, what is listed."""
    from fillrank.report.runs import holds_a_report, measured_run, runs_page

    check_file(out, inputs=[])
    check_kind(out, "a report", holds_a_report, force=force)
    found = []
    for run in runs:
        typer.echo(f"measuring {run}", err=True)
        found.append(measured_run(run, tuple(k or (10,))))
    write_text(runs_page(found, resamples=resamples), out)
    typer.echo(f"{len(found)} run{'s' * (len(found) > 1)} in {out}")
