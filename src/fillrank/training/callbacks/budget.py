"""``TimeBudget``: limit the time of a fit."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from typing import ClassVar

from fillrank.errors import SettingsError
from fillrank.training.callbacks.events import Callback, EpochEnd, FitStart, StageStart, StepEnd

__all__ = ["TimeBudget", "seconds_of"]

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_SPAN = re.compile(r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?(?:(?P<s>\d+(?:\.\d+)?)s)?")


class TimeBudget(Callback):
    """Stops a fit when its time is up, after the current step; the best epoch so far is kept.

    The clock starts anew with each call of ``fit``, and runs over all its stages: where the time is up in the trials,
    the training that follows has a single step; in the training, no second fit begins; in the second fit, the model of
    the first is the result. ``fit(refit=False)`` gives all of the time to the first. What has no steps, such as a
    decomposition, cannot be cut short.

    Args:
        seconds: how long; or a text such as ``"90s"``, ``"10m"`` or ``"1h30m"``.
        clock: gives the seconds; another one is for tests.

    Raises:
        SettingsError: it is no time above 0.

    Example:
        >>> TimeBudget("10m").seconds
        600.0
    """

    reason: ClassVar[str] = "by its time budget"
    asked_by: ClassVar[str] = "--time-budget"

    def __init__(self, seconds: float | str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds_of(seconds)
        self._clock, self._end = clock, math.inf

    def on_fit_start(self, start: FitStart) -> None:  # noqa: ARG002
        """Start the clock."""
        self._end = self._clock() + self.seconds

    def on_stage_start(self, start: StageStart) -> bool:  # noqa: ARG002
        """Skip the stage if the time is up."""
        return self._is_up()

    def on_step_end(self, end: StepEnd) -> bool:  # noqa: ARG002
        """Stop when the time is up."""
        return self._is_up()

    def on_epoch_end(self, end: EpochEnd) -> bool:  # noqa: ARG002
        """Stop when the time is up."""
        return self._is_up()

    def _is_up(self) -> bool:
        return self._clock() >= self._end


def seconds_of(span: float | str) -> float:
    """Convert a duration to seconds: a number, or a text such as ``"90s"``, ``"10m"``, ``"1h30m"``.

    Raises:
        SettingsError: it is no time above 0.

    Example:
        >>> seconds_of("1h30m"), seconds_of("90"), seconds_of(0.5)
        (5400.0, 90.0, 0.5)
    """
    text = str(span).replace(" ", "").lower()
    found = _SPAN.fullmatch(text)
    try:
        parts = found.groupdict() if found is not None and text else {}
        named = sum(_UNITS[unit] * float(part) for unit, part in parts.items() if part is not None)
        seconds = named if parts else float(text)
    except ValueError:
        seconds = math.nan
    if isinstance(span, bool) or not 0 < seconds < math.inf:
        raise SettingsError(f"a time budget is a number of seconds above 0, or a text such as '10m', got {span!r}")
    return seconds
