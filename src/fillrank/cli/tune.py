"""``tune``: choose the settings of a model by trials on the validation part."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from fillrank.cli.options import (
    DataOption,
    JsonOption,
    SetOption,
    TestOption,
    TrainOption,
    parse_settings,
    path_of,
    source_over,
)
from fillrank.cli.output import show
from fillrank.cli.shell import end_interrupted
from fillrank.errors import MissingExtraError

__all__ = ["tune"]


def tune(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="TUNE.TOML", help="The data, the model, the metric, and what is varied.", parser=path_of
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The folder of the study; the same folder again goes on with it.", parser=path_of),
    ] = None,
    n_trials: Annotated[
        int | None, typer.Option("--n-trials", min=1, help="Total number of trials, including those of earlier calls.")
    ] = None,
    data: DataOption = None,
    train: TrainOption = None,
    test: TestOption = None,
    settings: SetOption = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, max=2**63 - 1, help="Of the split, the model and the trials.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tune the settings of a model on the validation part, and write the best as a run for `fillrank fit`.

    Run it in several terminals at once, and they share the trials. The test part is never looked at.
    """
    if find_spec("matplotlib") is None:  # said now, not after hours of trials
        raise MissingExtraError('the pictures of tune need Matplotlib: pip install "fillrank[tune]"')
    from fillrank.experiments.tune.plan import read_tune
    from fillrank.experiments.tune.run import run_tune
    from fillrank.report.tune_plots import draw

    over: dict[str, Any] = {"n_trials": n_trials, "seed": seed, "out": None if out is None else str(out)}
    over |= {"settings": parse_settings(settings, "--set") or None}
    plan = read_tune(
        file, {name: value for name, value in over.items() if value is not None} | source_over(data, train, test)
    )
    record = run_tune(plan)
    document = record.to_dict()
    draw(document, Path(plan.out))
    show(document, record, as_json=as_json)
    if record.best is not None:
        typer.echo(f"the best settings are a run: fillrank fit {Path(plan.out) / 'best.toml'}", err=True)
    if record.interrupted:
        end_interrupted(f"interrupted; the same command goes on with the trials in {plan.out}")
