"""``FitContext``: the options, the current stage and the callbacks of one call of ``fit``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Self

from fillrank.runtime.distributed import World
from fillrank.runtime.interrupt import Interrupt
from fillrank.runtime.notices import say_once
from fillrank.training.callbacks.events import Callback, EpochEnd, FitEnd, FitStart, Stage, StageStart, StepEnd
from fillrank.training.options import FitOptions

__all__ = ["FitContext", "FitState"]


@dataclass
class FitState:
    """The progress of a fit so far.

    Attributes:
        interrupted: the user has stopped a training.
        stopped: the stages that a callback has stopped.
        reason: what stopped them, in words; see :attr:`Callback.reason`.
        had_rounds: a step, an epoch or a trial has ended, so callbacks could follow it.
    """

    interrupted: bool = False
    had_rounds: bool = False
    stopped: set[Stage] = field(default_factory=set)
    reason: str = Callback.reason


@dataclass(frozen=True)
class FitContext:
    """What a training needs to know about the fit that it belongs to.

    Attributes:
        options: how the fit runs.
        model: the name of the recipe; for a part of a blend also its index, as in ``"blended.parts.0"``.
        stage: what the training is for.
        provisional: its metrics are not those of the final model.
        inside: it is a training within a trial. Callbacks are called for its steps, but not for its epochs.
        state: the progress of the fit, shared by all its stages.
    """

    options: FitOptions = field(default_factory=lambda: FitOptions(progress=False))
    model: str = ""
    stage: Stage = "fit"
    provisional: bool = False
    inside: bool = False
    state: FitState = field(default_factory=FitState)

    @contextmanager
    def running(self, start: FitStart) -> Iterator[None]:
        """A block around the whole fit; callbacks are called at its start and its end."""
        began, error, stop = time.perf_counter(), None, Interrupt(holds=False)
        try:
            with stop:
                for one in self.options.callbacks:
                    one.on_fit_start(start)
                yield
            self._say_what_was_not_called()
        except BaseException as raised:
            error = raised
            raise
        finally:
            seconds, stopped = round(time.perf_counter() - began, 6), frozenset(self.state.stopped)
            end = FitEnd(self.model, seconds, stop.asked or self.state.interrupted, stopped, error)
            for one in self.options.callbacks:
                one.on_fit_end(end)

    def begins(self, *, must: bool = False) -> bool:
        """Tell the callbacks that the stage begins, and return whether it should. All processes get the same answer.

        Args:
            must: the stage begins even if a callback wants to skip it.
        """
        start = StageStart(self.stage, self.model)
        refused = self._says_stop(lambda one: one.on_stage_start(start))
        if must or not World.current().any(refused):
            return True
        self.state.stopped.add(self.stage)
        return False

    @property
    def hears_steps(self) -> bool:
        """Whether any callback overrides ``on_step_end``."""
        return any(type(one).on_step_end is not Callback.on_step_end for one in self.options.callbacks)

    def step_ended(self, end: StepEnd) -> bool:
        """Tell the callbacks; return whether one of them wants to stop."""
        self.state.had_rounds = True
        return self._says_stop(lambda one: one.on_step_end(end))

    def epoch_ended(self, end: EpochEnd) -> bool:
        """Tell the callbacks; whether one of them wants to stop."""
        self.state.had_rounds = True
        return not self.inside and self._says_stop(lambda one: one.on_epoch_end(end))

    def _say_what_was_not_called(self) -> None:
        """Warn of callbacks that wait for steps or epochs, if the whole fit had none."""
        waiting = [one for one in self.options.callbacks if one.waits_for_rounds]
        if waiting and not self.state.had_rounds:
            names = ", ".join(type(one).__name__ + (f" ({one.asked_by})" if one.asked_by else "") for one in waiting)
            say_once(
                f"{self.model} was computed in one step, without epochs or trials, so these callbacks had nothing to "
                f"do: {names}"
            )

    def _says_stop(self, tell: Callable[[Callback], bool | None]) -> bool:
        stopping = [one for one in self.options.callbacks if tell(one)]  # a list, so that every callback is called
        if stopping:
            self.state.reason = stopping[0].reason
        return bool(stopping)

    def trial(self) -> Self:
        """The context for choosing settings by trials."""
        return replace(self, stage="trial", provisional=True)

    def within_trial(self) -> Self:
        """The context for the training of one trial, which shows and saves nothing."""
        options = replace(self.options, progress=False, checkpoint=None)
        return replace(self, stage="trial", provisional=True, inside=True, options=options)

    def before_ranking(self) -> Self:
        """The context for a training after which the ranking of its vectors is chosen."""
        return replace(self, provisional=True)

    def refit(self) -> Self:
        """The context for the second fit, with the chosen settings on train and validation."""
        return replace(self, stage="refit", provisional=True, options=_beside(self.options, "refit"))

    def part(self, n: int) -> Self:
        """The context for part ``n`` of a blend."""
        return replace(self, model=f"{self.model}.parts.{n}", provisional=True, options=_beside(self.options, str(n)))


def _beside(options: FitOptions, suffix: str) -> FitOptions:
    """A context for another training of the same fit, with its own checkpoint beside this one."""
    return options if options.checkpoint is None else replace(options, checkpoint=f"{options.checkpoint}.{suffix}")
