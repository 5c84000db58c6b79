"""``Rounds``: the common loop of all iterative methods: epochs of the trainer, iterations of a solver, trials."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

from fillrank.runtime.distributed import World
from fillrank.runtime.interrupt import Interrupt
from fillrank.runtime.progress import Progress
from fillrank.training.callbacks.events import EpochEnd, StepEnd
from fillrank.training.context import FitContext

__all__ = ["History", "Rounds"]

logger = logging.getLogger("fillrank")
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class History:
    """The history of a training, epoch by epoch.

    Attributes:
        epochs: one dict per epoch: ``epoch``, ``seconds`` of learning (without the evaluation), each part of the loss,
            each metric on the validation part.
        best_epoch: the epoch that was kept, from 1.
        interrupted: the user stopped it; the best epoch so far was kept.
        stopped: a callback stopped it, and the best epoch so far was kept.
    """

    epochs: tuple[dict[str, float], ...] = ()
    best_epoch: int = 0
    interrupted: bool = False
    stopped: bool = False


class Rounds(Generic[Kept]):
    """Runs the rounds of a training: handles interruption, progress, history, the best round, patience and callbacks.

    **The best round** is the one with the highest score; of equal scores, the earliest. Without an evaluation it is the
    last round. A score of NaN is worse than any number.

    The loop ends after the last round, after ``patience`` rounds without a better one, or when the user or a callback
    asks to stop. The caller calls :meth:`step_end` after each step that can be the last (a round without such calls is
    one step), :meth:`learnt` between the training and the evaluation of a round, and :meth:`epoch_end`.

    Args:
        context: the context of the fit.
        total: the largest number of rounds.
        patience: rounds without a better one before the loop ends; None: no such limit.
        steps: steps of a round, for the progress.
        unit: the word for a round.
        what: what the rounds choose or train, for messages: ``"the ranking"``.
        world: the processes that run the loop together; None: this one alone.
        holds: whether Ctrl-C waits for the end of a step; False: it interrupts at once.

    Attributes:
        history: a dict for each round.
        best, best_epoch, best_score: the object that was kept, its round and its score.
        before_best: the best score before that round.
        interrupted: whether the user has stopped the loop.
        stopped: whether a callback has stopped it.

    Example:
        >>> with Rounds(FitContext(), total=5, patience=2) as rounds:
        ...     for number in rounds.numbers():
        ...         over = rounds.epoch_end({}, score=-abs(number - 2), keep=lambda: f"round {number}")
        >>> rounds.best, rounds.best_epoch, len(rounds.history)
        ('round 2', 2, 4)
    """

    def __init__(
        self,
        context: FitContext,
        total: int,
        *,
        patience: int | None = None,
        steps: int = 1,
        unit: str = "epoch",
        what: str = "",
        world: World | None = None,
        holds: bool = True,
    ) -> None:
        self.history: list[dict[str, float]] = []
        self.best: Kept | None = None
        self.best_epoch, self.best_score, self.before_best = 0, -math.inf, -math.inf
        self.interrupted = self.stopped = False
        self._context, self._total, self._patience, self._steps = context, total, patience, steps
        self._unit, self._what = unit, f" of {what}" if what else ""
        self._world, self._hears_steps = world or World(), context.hears_steps
        shown = context.options.progress and World.current().rank == 0
        self._progress = Progress(total, steps, shown=shown, unit=unit, stage=_shown_stage(context))
        self._interrupt, self._open = Interrupt(holds=holds), ExitStack()
        self._lock = threading.RLock()
        self._judged = self._asked_to_stop = self._agreed = False
        self._step, self._started = 0, time.perf_counter()
        self._learnt: float | None = None

    def __enter__(self) -> Self:
        self._open.enter_context(self._interrupt)
        self._open.enter_context(self._progress)
        self._started = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def go_on_from(
        self, history: Sequence[Mapping[str, float]], best: Kept, best_epoch: int, score: float | None
    ) -> None:
        """Continue after the rounds of an earlier run.

        Args:
            history: the history of those rounds.
            best: the object that was kept then.
            best_epoch: the round that it is from.
            score: its score; None without an evaluation.
        """
        self.history, self.best, self.best_epoch = [dict(epoch) for epoch in history], best, best_epoch
        if score is not None and best_epoch:
            self.best_score, self.before_best, self._judged = score, score, True

    def numbers(self) -> Iterator[int]:
        """Iterate over the numbers of the remaining rounds, until the training ends."""
        while not self.over and len(self.history) < self._total:
            yield len(self.history) + 1

    @property
    def over(self) -> bool:
        """Whether the training ends now, even if rounds are left."""
        waited = len(self.history) - self.best_epoch
        return (
            self.interrupted
            or self.stopped
            or (self._judged and self._patience is not None and waited >= self._patience)
        )

    @property
    def unit(self) -> str:
        """What a round is called."""
        return self._unit

    @property
    def ended(self) -> bool:
        """Whether no rounds are left."""
        return len(self.history) >= self._total

    @property
    def ran_out(self) -> bool:
        """Whether the last round was the best and no rounds are left; more rounds may give better results."""
        ended = self.interrupted or self.stopped
        return not ended and len(self.history) == self._total == self.best_epoch > 1

    @property
    def asked(self) -> bool:
        """Whether the user or a callback asks this process to stop."""
        return self._interrupt.asked or self._asked_to_stop

    def step_end(self, metrics: Mapping[str, float] | None = None) -> bool:
        """Call after each step; returns whether the loop is asked to stop."""
        with self._lock:
            self._step += 1
            self._progress.step_done()
            if self._hears_steps:
                context, epoch = self._context, len(self.history) + 1
                place = (context.stage, context.model, epoch, self._total, self._step, self._steps)
                self._tell(lambda: context.step_ended(StepEnd(*place, metrics or {})))
        return self.asked

    def learnt(self) -> None:
        """Call when the training part of a round ends. The evaluation after it does not count in its seconds."""
        self._learnt = time.perf_counter()

    def is_last(self) -> bool:
        """Whether this round should be the last one; all processes get the same answer."""
        if not self._agreed:
            self.interrupted = self._world.any(self._interrupt.asked)
            self.stopped = self._world.any(self._asked_to_stop)
            self._agreed = True
        return self.interrupted or self.stopped

    def offer(self, score: float | None, keep: Callable[[], Kept]) -> None:
        """Keep the current round if it is the best so far; the class says what "best" means.

        Args:
            score: higher is better; None without an evaluation.
            keep: returns the object to keep.
        """
        if score is not None and math.isnan(score):
            score = -math.inf
        if score is not None and self._judged and not score > self.best_score:
            return
        if score is not None:
            self.before_best, self.best_score, self._judged = self.best_score, score, True
        self.best, self.best_epoch = keep(), len(self.history) + 1

    def epoch_end(
        self,
        metrics: Mapping[str, float],
        *,
        score: float | None = None,
        keep: Callable[[], Kept] | None = None,
        stop: bool = False,
    ) -> bool:
        """Call at the end of a round, after its evaluation; returns whether it was the last one.

        Args:
            metrics: for the history and the callbacks.
            score: the best round has the highest score; None without an evaluation.
            keep: see :meth:`offer`; None if the round was offered already, or cannot be kept.
            stop: whether a callback has stopped a part of the round.
        """
        with self._lock:
            if not self._step:
                self.step_end({name: value for name, value in metrics.items() if not name.startswith("valid_")})
            self._asked_to_stop |= stop
            self.is_last()
            if keep is not None:
                self.offer(score, keep)
            seconds = (self._learnt or time.perf_counter()) - self._started
            self._note(metrics, score, round(seconds, 6))
            self._step, self._agreed, self._learnt, self._started = 0, False, None, time.perf_counter()
            return self.over

    def result(self) -> History:
        """What happened."""
        return History(tuple(self.history), self.best_epoch, self.interrupted, self.stopped)

    def _note(self, metrics: Mapping[str, float], score: float | None, seconds: float) -> None:
        number, context, best = len(self.history) + 1, self._context, self.best_epoch
        self.history.append({"epoch": number, "seconds": seconds, **metrics})
        self._progress.epoch_done(self.history[-1], best)
        end = EpochEnd(
            *(context.stage, number, self._total, dict(metrics), score, best, self.interrupted, seconds),
            *(context.model, context.provisional),
        )
        self._tell(lambda: context.epoch_ended(end))
        self.stopped = self._world.any(self._asked_to_stop)
        if not self.interrupted and not self.stopped:
            return
        context.state.interrupted |= self.interrupted
        cut_short = self.interrupted or number != self._total  # a stop in the last round cuts nothing short
        if self.stopped and cut_short:
            context.state.stopped.add(context.stage)
        if cut_short and not context.inside:
            by, unit = "by hand" if self.interrupted else context.state.reason, self._unit
            kept = f"; keeping {unit} {self.best_epoch}, the best so far" if self._judged else ""
            level = logging.WARNING if self.interrupted else logging.INFO
            logger.log(level, "stopped %s in %s %d%s%s", by, unit, number, self._what, kept)

    def _tell(self, tell: Callable[[], bool]) -> None:
        """Call a callback. Its error also ends the other chains of a Gibbs sampler, and is raised to the caller."""
        try:
            self._asked_to_stop |= tell()
        except BaseException:
            self._asked_to_stop = True
            raise


def _shown_stage(context: FitContext) -> str:
    return "refit" if context.stage == "refit" else ""
