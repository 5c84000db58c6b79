"""The clock of a search: how much of the budget is left, and a limit on one candidate."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from fillrank.training.callbacks import Callback, EpochEnd, StageStart, StepEnd

__all__ = ["Deadline"]


class Deadline(Callback):
    """Stops a training at a given time, after the current step.

    It also records how much of the time was spent on trials, to estimate a later fit with the chosen settings, which
    needs no trials.

    Args:
        end: the time to stop, on the scale of ``clock``.
        clock: returns the seconds; tests pass another one.

    Attributes:
        passed: whether it has stopped a stage.
    """

    reason: ClassVar[str] = "by the budget of the search"
    internal: ClassVar[bool] = True

    def __init__(self, end: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.passed = False
        self._end, self._clock = end, clock
        self._began = self._tried_until = clock()

    @property
    def left(self) -> float:
        """Seconds until the deadline; below 0 after it."""
        return self._end - self._clock()

    @property
    def after_trials(self) -> float:
        """Seconds since the last trial ended, or since the beginning if there was none."""
        return self._clock() - self._tried_until

    def on_stage_start(self, start: StageStart) -> bool:  # noqa: ARG002
        """Skip the stage after the deadline."""
        return self._is_over()

    def on_step_end(self, end: StepEnd) -> bool:  # noqa: ARG002
        """Stop after the moment."""
        return self._is_over()

    def on_epoch_end(self, end: EpochEnd) -> bool:
        """Stop after the deadline; record when a trial ends."""
        if end.stage == "trial":
            self._tried_until = self._clock()
        return self._is_over()

    def _is_over(self) -> bool:
        over = self.left <= 0
        self.passed |= over
        return over
