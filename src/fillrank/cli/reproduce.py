"""``reproduce``: reproduce published tables."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from fillrank.cli.options import DataOption, JsonOption, TestOption, TrainOption, path_of, source_over
from fillrank.cli.output import row_table, show
from fillrank.cli.shell import end_failed, end_interrupted

__all__ = ["reproduce"]

_FOLDER = Path("experiments") / "studies"


def reproduce(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME|FILE.TOML", help="A study that --list names, or a file of your own.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help=f"The record; the same file again goes on with it. Else {_FOLDER}/NAME.json.", parser=path_of
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="ENTRY", help="This entry alone. Repeat as needed.")
    ] = None,
    protocol: Annotated[
        Literal["honest", "legacy"] | None,
        typer.Option("--protocol", help="honest: all choices on validation. legacy: the best epoch on the test part."),
    ] = None,
    data: DataOption = None,
    train: TrainOption = None,
    test: TestOption = None,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="Number of parallel runs; each gets its share of the cores.")
    ] = 1,
    list_them: Annotated[bool, typer.Option("--list", help="List the studies that come with fillrank.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Reproduce a published table under both protocols, and show our metrics beside the published ones.

    Each run is in the record as soon as it is finished, and is not run again.
    """
    if (name is None) != list_them:
        raise typer.BadParameter("give the name of a study, or --list", param_hint="NAME|FILE.TOML")
    if name is None:
        _list(as_json=as_json)
        return
    from fillrank.experiments.reproduce.runs import run_study
    from fillrank.experiments.reproduce.study import read_study
    from fillrank.experiments.reproduce.table import rows_of

    study = read_study(name, source_over(data, train, test))
    path = _FOLDER / f"{study.name}.json" if out is None else out
    record = run_study(study, path, only=only or (), jobs=jobs, protocols=None if protocol is None else [protocol])
    document = record.to_dict()
    failures = {"failures": [asdict(one) for one in record.failures]} if record.failures else {}
    show(document | {"rows": [asdict(row) for row in rows_of(document)]} | failures, record, as_json=as_json)
    if record.interrupted:
        end_interrupted(f"interrupted; the same command goes on with the {len(record.runs)} runs in {path}")
    if record.failures:
        end_failed(
            f"{len(record.failures)} runs failed; the same command tries them again, and has the others in {path}"
        )


def _list(*, as_json: bool) -> None:
    from fillrank.experiments.reproduce.study import read_study, studies

    found = [read_study(name) for name in studies()]
    rows = [
        {
            "study": one.name,
            "title": one.title,
            "data": one.called,
            "entries": len(one.entries),
            "runs": len(list(one.tasks())),
        }
        for one in found
    ]
    show({"studies": rows}, row_table(rows), as_json=as_json)
