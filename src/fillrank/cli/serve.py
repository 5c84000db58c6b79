"""``serve``: a model over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fillrank.cli.options import EventOption, ReadOption, path_of, read_table
from fillrank.runtime.paths import with_ending

__all__ = ["serve"]

_FOLDER = Path("runs/serve")


def serve(
    run: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="The folder of a saved model; runs/serve.", parser=path_of)
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="NAME|PATH", help="Where RUN holds no model: a log to fit the default model to."
        ),
    ] = None,
    read: ReadOption = None,
    event: EventOption = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes any free one.")] = 8000,
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on; any but 127.0.0.1 wants an API key.")
    ] = "127.0.0.1",
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="URL",
            envvar="FILLRANK_STORE",
            help="Where events are kept: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME; else RUN.db.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Threads that rank; as many as cores unless given.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against", metavar="NAME=RUN", help="Another model for an equal share of the users; may be repeated."
        ),
    ] = None,
    retrain_every: Annotated[
        str | None,
        typer.Option(
            "--retrain-every", metavar="TIME", help="Fit the next model so often (12h, 1h30m), given new events."
        ),
    ] = None,
    retrain_after: Annotated[
        int | None, typer.Option("--retrain-after", min=1, metavar="N", help="Fit the next model after so many events.")
    ] = None,
) -> None:
    """Answer requests with a model: recommendations that know what happened a moment ago. Ctrl-C ends it."""
    from fillrank.recommend.saved import holds_a_model
    from fillrank.server import ServerSettings, create_app
    from fillrank.server.retraining.schedule import Schedule
    from fillrank.server.run import run as listen
    from fillrank.store.meaning import EventMeaning
    from fillrank.training.callbacks.budget import seconds_of

    folder = run or _FOLDER
    if data is not None and not holds_a_model(folder):
        _fit(folder, data, read_table(read, event=event))
    elif run is None and data is None:
        raise typer.BadParameter("give the folder of a model, or --data to fit one", param_hint="RUN")
    elif data is not None:
        typer.echo(f"{folder} holds a model already, which is served; remove it to fit {data} anew", err=True)
    schedule = None
    if retrain_every is not None or retrain_after is not None:
        every = None if retrain_every is None else seconds_of(retrain_every)
        schedule = Schedule(every, retrain_after)
    weights = read_table(None, event=event).get("event")
    given: dict[str, Any] = {} if workers is None else {"workers": workers}
    settings = ServerSettings(**given, meaning=None if weights is None else EventMeaning(weights=weights))
    typer.echo(f"loading {folder}", err=True)
    url = store or f"sqlite:///{with_ending(folder, '.db')}"
    app = create_app(folder, url, settings=settings, schedule=schedule, against=_by_name(against))
    listen(app, host, port, ready=lambda address: typer.echo(f"{folder} is served at {address}"))


def _by_name(against: list[str] | None) -> dict[str, Path]:
    pairs = [one.partition("=") for one in against or ()]
    wrong = next((name + equals + run for name, equals, run in pairs if not name or not run), None)
    if wrong is not None:
        raise typer.BadParameter(f"{wrong!r} is not of the form NAME=RUN", param_hint="--against")
    return {name: Path(run) for name, _, run in pairs}


def _fit(folder: Path, data: str, read: dict[str, Any]) -> None:
    from fillrank.experiments.run import RunPlan, fit_run

    plan = RunPlan.of({"data": data, "read": read, "test": 0, "out": str(folder)})
    typer.echo(f"fitting the default model to {data}, once; it is saved in {folder}", err=True)
    outcome = fit_run(plan)
    if outcome is not None and outcome.interrupted:
        raise KeyboardInterrupt(outcome.in_words(str(folder)))
