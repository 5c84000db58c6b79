"""``retrain`` and ``rollback``: the next model of a run, and the one before."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fillrank.cli.options import EventOption, JsonOption, ReadOption, RunArgument, ThreadsOption, open_log, read_table
from fillrank.cli.output import show
from fillrank.cli.shell import end_failed
from fillrank.errors import SettingsError
from fillrank.runtime.paths import with_ending

if TYPE_CHECKING:
    from fillrank.data import Interactions

__all__ = ["retrain", "rollback"]


def retrain(
    run: RunArgument,
    store: Annotated[
        str | None,
        typer.Option("--store", metavar="URL", envvar="FILLRANK_STORE", help="As for `fillrank serve`; else RUN.db."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="NAME|PATH",
            help="The log that there was before the events; that of the fit unless given.",
        ),
    ] = None,
    read: ReadOption = None,
    event: EventOption = None,
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many of the last models are kept.")] = 5,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit the next model from log and events, judge it on the newest day, and put it to work unless it is worse."""
    from fillrank.server.event_types import meaning_of
    from fillrank.server.retraining.attempt import retrain as attempt
    from fillrank.store import Store

    with suppress(OSError, AttributeError):
        os.nice(10)  # requests come first
    interactions = open_log(data, read) if data is not None else _log_of(run)
    meaning = meaning_of(run, read_table(None, event=event).get("event"))
    with Store(store or f"sqlite:///{with_ending(run, '.db')}") as opened:
        done = attempt(run, opened, interactions, meaning=meaning, keep=keep, threads=threads)
    verdict = done.verdict
    document = {"taken": done.taken, "number": done.number, "new": verdict.new, "running": verdict.running}
    document |= {"users": verdict.users, "judged": verdict.judged}
    words = f"the new model, number {done.number}, is at work: {verdict}"
    show(document, words if done.taken else "", as_json=as_json)
    if not done.taken:
        end_failed(f"the new model is worse, and the one at work stays: {verdict}")


def rollback(
    run: RunArgument,
    to: Annotated[
        int | None, typer.Option("--to", min=1, help="The number of a kept model; the one before unless given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Put the model that was at work before this one to work again; running servers take it within seconds."""
    from fillrank.server.retraining.attempt import roll_back

    number = roll_back(run, to)
    show({"number": number}, f"model {number} is at work in {run}", as_json=as_json)


def _log_of(run: Path) -> Interactions | None:
    """The log that the model at work was fitted to, as ``run.toml`` beside it says; None: events alone."""
    from fillrank.experiments.data.data_source import open_log as opened
    from fillrank.experiments.run import read_run

    file = run / "run.toml"
    if not file.is_file():
        return None
    plan = read_run(file)
    if not isinstance(plan.place, str):
        raise SettingsError(f"{run} was fitted to a train and a test file; say --data with the log to learn from")
    return opened(plan.place, plan.read)
