"""Long work shows itself: a bar on a terminal, a line now and then elsewhere."""

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

_log = logging.getLogger("fillrank")
_FIRST, _NEXT = 0.5, 10.0
"""Seconds until the first line, and from one to the next."""


class Progress:
    """Shows epochs and steps on standard error.

    On a terminal it is a bar. Where there is none (a notebook, a file, another program), it is a line now and then: one
    soon, then one every ten seconds at most, and one at the end. A program that listens to the logger ``fillrank`` at
    ``INFO`` gets these lines there instead.

    Args:
        epochs: at most this many.
        steps: of one epoch.
        shown: False keeps silent.
        unit: what an epoch is called.
        stage: of a fit that is made of several trainings: said before the unit.
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
        elif self._shown and self._steps > 1 and self._step < self._steps:  # the last step's line is the epoch's
            self._line(f"{self._unit} {self._epoch + 1}/{self._epochs}, step {self._step:,} of {self._steps:,}")

    def epoch_done(self, metrics: Mapping[str, float], best_epoch: int) -> None:
        """Call after each epoch, with what to show of it."""
        self._epoch, self._step = int(metrics["epoch"]), 0
        seen = {name: value for name, value in metrics.items() if name not in {"epoch", "seconds"}}
        if self._bar is not None:  # a narrow terminal should keep its bar: the losses go only where nothing was judged
            judged = {name.removeprefix("valid_"): value for name, value in seen.items() if name.startswith("valid_")}
            self._bar.update(
                self._task, description=f"{self._unit} {self._epoch} (best {best_epoch})  {_words(judged or seen)}"
            )
        elif self._shown:
            self._line(f"{self._unit} {self._epoch}/{self._epochs} (best {best_epoch})  {_words(seen)}")

    def _line(self, text: str) -> None:
        """Say a line if it is time for one, or else keep it: the last one is said at the end."""
        self._held_back = text
        now = time.monotonic()
        if now >= self._due:
            self._due, self._held_back = now + _NEXT, ""
            _say(text)


def _is_terminal() -> bool:
    """Whether a bar can be drawn; what only says that it takes colours, such as a log of a build, is none."""
    return sys.stderr is not None and sys.stderr.isatty()


def _say(text: str) -> None:
    if _log.isEnabledFor(logging.INFO) and _log.hasHandlers():
        _log.info("%s", text)
    elif sys.stderr is not None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _words(metrics: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
