"""How a command ends: its exit code, and an error in a line or two on stderr.

==== =============================================================================
code meaning
==== =============================================================================
0    done
1    fillrank, or the operating system, could not do it; the line says why
2    the command was not understood: an unknown option, a missing argument
130  interrupted (Ctrl-C, that is SIGINT)
143  interrupted by SIGTERM
==== =============================================================================

``FILLRANK_DEBUG=1`` shows where an error that ends with 1 came from: its traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from fillrank.cli.wording import as_typed, command_of, in_options, in_plain_words, of_option, takes_read
from fillrank.errors import FillrankError
from fillrank.runtime.atomic_write import full_disk_reason
from fillrank.runtime.interrupt import exit_code
from fillrank.terminal import printable

__all__ = ["PlainSpoken", "debugging", "end_failed", "end_interrupted", "report_fault"]

_PROGRAM = "fillrank"


class PlainSpoken(TyperGroup):
    """The group of all commands; it shows an error in a line or two, and ends with the exit code of the table above."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command of a parsed line; if a signal ends it, print a line."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:  # typer would end in silence
            raise typer.Exit(_held_up(error)) from error

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line; unless ``standalone_mode`` is off, end the process with its exit code."""
        typed = list(sys.argv[1:] if args is None else args)
        arguments = (args, prog_name or _PROGRAM, complete_var, False, windows_expand_args)
        if not standalone_mode:
            return super().main(*arguments, **extra)
        try:
            code = super().main(*arguments, **extra)
        except typer.TyperException as error:
            _say(_usage(error, typed))
            code = error.exit_code
        except (FillrankError, OSError) as error:
            if debugging():
                raise
            command, said = command_of(self, typed), in_plain_words(error, _in_words(error))
            said = of_option(said, error, command, typed)
            _say(f"{_PROGRAM}: {in_options(said) if takes_read(command) else said}")
            code = 1
        sys.exit(code if isinstance(code, int) else 0)


def end_interrupted(said: str) -> NoReturn:
    """End a command that a signal has stopped, with a line that says what is left of its work."""
    _say(f"{_PROGRAM}: {said}")
    raise typer.Exit(exit_code())


def end_failed(said: str) -> NoReturn:
    """End a command of which a part could not be done, with a line that says so."""
    _say(f"{_PROGRAM}: {said}")
    raise typer.Exit(1)


def report_fault(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A ``sys.excepthook`` for unexpected errors: it reports a bug of fillrank in two lines."""
    if debugging() or not issubclass(kind, Exception):
        sys.__excepthook__(kind, error, trace)
        return
    if full_disk_reason(error) is not None:
        _say(f"{_PROGRAM}: {_in_words(error)}")
        return
    first_line = next(iter(str(error).splitlines()), "")
    _say(f"{_PROGRAM}: a fault in fillrank itself: {kind.__name__}: {first_line}")
    _say("Run it again with FILLRANK_DEBUG=1 to see where, and please report it.")


def _in_words(error: BaseException) -> str:
    """An error as one line; if the disk is full, the line says what to do."""
    reason = None if isinstance(error, FillrankError) else full_disk_reason(error)
    return str(error) if reason is None else f"{getattr(error, 'filename', None) or 'a file'} is not written: {reason}"


def debugging() -> bool:
    """Whether ``FILLRANK_DEBUG`` asks for tracebacks."""
    return os.environ.get("FILLRANK_DEBUG", "") not in {"", "0"}


def _usage(error: typer.TyperException, typed: Sequence[str]) -> str:
    """A usage error with the option as it was typed, the command it belongs to and where to read on."""
    parameter = getattr(error, "param", None)
    if parameter is not None and getattr(error, "param_hint", None) is None:
        error.param_hint = f"'{as_typed(parameter, typed)}'"  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    command = _PROGRAM if context is None else context.command_path
    return f"{command}: {_plain(error.format_message())}\nTry '{command} --help'."


def _plain(said: str) -> str:
    """Remove pydantic's own phrases from a message."""
    return (
        said.replace("Input should be", "it must be")
        .replace("greater than or equal to", "at least")
        .replace("less than or equal to", "at most")
    )


def _say(text: str) -> None:
    typer.echo(printable(text, lines=True), err=True)


def _held_up(error: KeyboardInterrupt) -> int:
    """Print that a command was interrupted, with the message of the error; returns the exit code."""
    _say(f"{_PROGRAM}: {str(error) or 'interrupted'}")
    return exit_code()
