"""Long work shows itself: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

__all__ = ["Progress"]

_log = logging.getLogger("fillrank")


class Progress:
    """Shows epochs and steps on standard error; where that is no terminal, logs one line for each epoch.

    Args:
        epochs: at most this many.
        steps: of one epoch.
        shown: False keeps silent.
        unit: what an epoch is called.
    """

    def __init__(self, epochs: int, steps: int, *, shown: bool = True, unit: str = "epoch") -> None:
        console = Console(stderr=True)
        self._shown, self._steps, self._epochs, self._unit = shown, steps, epochs, unit
        self._bar: Bar | None = None
        if shown and console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
            self._bar = Bar(*columns, console=console, transient=True)
            self._task = self._bar.add_task("training", total=epochs * steps)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step_done(self) -> None:
        """Call after each step."""
        if self._bar is not None:
            self._bar.advance(self._task)

    def epoch_done(self, figures: Mapping[str, float], best_epoch: int) -> None:
        """Call after each epoch, with what to show of it."""
        epoch = int(figures["epoch"])
        told = {name: value for name, value in figures.items() if name not in {"epoch", "seconds"}}
        if self._bar is not None:  # a narrow terminal should keep its bar: the losses go only where nothing was judged
            judged = {name.removeprefix("valid_"): value for name, value in told.items() if name.startswith("valid_")}
            self._bar.update(
                self._task, description=f"{self._unit} {epoch} (best {best_epoch})  {_words(judged or told)}"
            )
        elif self._shown:
            _log.info("%s %d/%d (best %d)  %s", self._unit, epoch, self._epochs, best_epoch, _words(told))


def _words(figures: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
