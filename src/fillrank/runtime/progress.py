"""Show the progress of long work: a bar on a terminal, a line from time to time elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

__all__ = ["Progress"]

logger = logging.getLogger("fillrank")
_FIRST, _NEXT = 0.5, 10.0
"""Seconds until the first line, and from one to the next."""


class Progress:
    """Shows epochs and steps on standard error.

    On a terminal it shows a bar. Elsewhere (a notebook, a file, another program) it writes lines: one soon, then at
    most one every ten seconds, and one at the end. If a program listens to the logger ``fillrank`` at level ``INFO``,
    the lines go there instead.

    Args:
        epochs: the largest number of epochs.
        steps: steps of one epoch.
        shown: False shows nothing.
        unit: the word for an epoch.
        stage: name of the stage, in a fit of several trainings; it is shown before the unit.
    """

    def __init__(self, epochs: int, steps: int, *, shown: bool = True, unit: str = "epoch", stage: str = "") -> None:
        named = f"{stage}: {unit}" if stage else unit
        self._shown, self._steps, self._epochs, self._unit = shown, steps, epochs, named
        self._bar: Bar | None = None
        if shown and _is_terminal():
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(stage or "training", total=epochs * steps)
        self._due = time.monotonic() + _FIRST
        self._held_back = ""
        self._epoch, self._step = 0, 0

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._held_back:
            _say(self._held_back)

    def step_done(self) -> None:
        """Call after each step."""
        self._step += 1
        if self._bar is not None:
            self._bar.advance(self._task)
        elif self._shown and self._steps > 1 and self._step < self._steps:  # after the last step the epoch is shown
            self._line(f"{self._unit} {self._epoch + 1}/{self._epochs}, step {self._step:,} of {self._steps:,}")

    def epoch_done(self, metrics: Mapping[str, float], best_epoch: int) -> None:
        """Call after each epoch, with what to show of it."""
        self._epoch, self._step = int(metrics["epoch"]), 0
        seen = {name: value for name, value in metrics.items() if name not in {"epoch", "seconds"}}
        if self._bar is not None:  # keep the text short for narrow terminals: losses only if nothing was evaluated
            judged = {name.removeprefix("valid_"): value for name, value in seen.items() if name.startswith("valid_")}
            self._bar.update(
                self._task, description=f"{self._unit} {self._epoch} (best {best_epoch})  {_words(judged or seen)}"
            )
        elif self._shown:
            of = f"/{self._epochs}" if self._epoch <= self._epochs else ""  # a search may go on past what was planned
            self._line(f"{self._unit} {self._epoch}{of} (best {best_epoch})  {_words(seen)}")

    def _line(self, text: str) -> None:
        """Write a line if it is time for one. Otherwise keep it: the last line is written at the end."""
        self._held_back = text
        now = time.monotonic()
        if now >= self._due:
            self._due, self._held_back = now + _NEXT, ""
            _say(text)


def _is_terminal() -> bool:
    """Whether a bar can be drawn. The log of a build may accept colours, and is still no terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


def _say(text: str) -> None:
    if logger.isEnabledFor(logging.INFO) and logger.hasHandlers():
        logger.info("%s", text)
    elif sys.stderr is not None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _words(metrics: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
