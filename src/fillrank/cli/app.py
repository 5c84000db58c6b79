"""The list of commands, and ``main``."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from fillrank._version import __version__
from fillrank.cli import (
    complete,
    data,
    demo,
    doctor,
    lab,
    lists,
    models,
    report,
    reproduce,
    retrain,
    serve,
    store,
    tune,
    update,
)
from fillrank.cli.shell import PlainSpoken, debugging, report_fault
from fillrank.runtime.interrupt import terminate

__all__ = ["app", "main"]

app = typer.Typer(
    name="fillrank",
    cls=PlainSpoken,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_FIRST = "First steps"
_MODELS = "Models"
_LISTS = "Recommendations"
_WORK = "At work"

app.command(rich_help_panel=_FIRST)(demo.demo)
app.command(rich_help_panel=_FIRST)(doctor.doctor)
app.command(rich_help_panel=_FIRST)(lab.lab)
app.add_typer(data.app, name="data", rich_help_panel=_FIRST)
app.command(rich_help_panel=_MODELS)(models.compare)
app.command(rich_help_panel=_MODELS)(models.fit)
app.command(rich_help_panel=_MODELS)(tune.tune)
app.command("sweep", hidden=True)(tune.tune)  # its name in 0.1
app.command(rich_help_panel=_MODELS)(reproduce.reproduce)
app.command(rich_help_panel=_MODELS)(models.evaluate)
app.command(rich_help_panel=_MODELS)(report.report)
app.command(rich_help_panel=_MODELS)(update.update)
app.command(rich_help_panel=_MODELS)(complete.complete)
app.command(rich_help_panel=_LISTS)(lists.recommend)
app.command(rich_help_panel=_LISTS)(lists.similar)
app.command(rich_help_panel=_LISTS)(lists.explain)
app.command(rich_help_panel=_WORK)(serve.serve)
app.command(rich_help_panel=_WORK)(retrain.retrain)
app.command(rich_help_panel=_WORK)(retrain.rollback)
app.add_typer(store.app, name="store", rich_help_panel=_WORK)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fillrank {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def fillrank(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Fill the matrix, rank the items: matrix completion and recommendation from a table of (user, item, value)."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def say_what_goes_on() -> None:
    """Show on stderr what the library logs: one line for each model and, where there is no bar, each epoch."""
    log = logging.getLogger("fillrank")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)
    alone = os.environ.get("WORLD_SIZE", "1") == "1"
    first = alone or os.environ.get("RANK", "0") == "0"  # of several processes, one speaks
    log.setLevel(logging.INFO if first else logging.ERROR)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line ``args`` (those of the process by default) and end the process with its exit code.

    Threads that wait sleep instead of spin, unless the environment says otherwise: on two cores that
    another program uses too, an epoch was seen to take fifteen times as long with spinning threads.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before PyTorch is imported, as the next one
    if not debugging():  # of processes that do not meet: a page of C++ frames, where one line says what it means
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter gets its escape
            stream.reconfigure(errors="backslashreplace")
    say_what_goes_on()
    sys.excepthook = report_fault
    signal.signal(signal.SIGTERM, terminate)
    typer.main.get_command(app).main(args=args)
