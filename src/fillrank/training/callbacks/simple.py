"""``LambdaCallback`` and ``Recorder``: simple callbacks."""

from __future__ import annotations

from collections.abc import Callable

from fillrank.training.callbacks.events import Callback, EpochEnd, FitEnd, FitStart, StageStart, StepEnd

__all__ = ["LambdaCallback", "Recorder"]


class LambdaCallback(Callback):
    """A callback made from functions.

    Args:
        on_fit_start, on_stage_start, on_step_end, on_epoch_end, on_fit_end: see :class:`Callback`; each gets what the
            method of its name gets, and returns what that returns.

    Example:
        >>> stops_after_two = LambdaCallback(on_epoch_end=lambda end: end.epoch == 2)
        >>> stops_after_two.on_epoch_end(EpochEnd("fit", epoch=2, total=9))
        True
    """

    def __init__(
        self,
        *,
        on_fit_start: Callable[[FitStart], object] | None = None,
        on_stage_start: Callable[[StageStart], object] | None = None,
        on_step_end: Callable[[StepEnd], object] | None = None,
        on_epoch_end: Callable[[EpochEnd], object] | None = None,
        on_fit_end: Callable[[FitEnd], object] | None = None,
    ) -> None:
        self._fit_start, self._stage_start, self._step_end = on_fit_start, on_stage_start, on_step_end
        self._epoch_end, self._fit_end = on_epoch_end, on_fit_end

    @property
    def waits_for_rounds(self) -> bool:
        """Whether it has a function for the end of a step or of an epoch."""
        return self._step_end is not None or self._epoch_end is not None

    def on_fit_start(self, start: FitStart) -> None:
        """See :meth:`Callback.on_fit_start`."""
        if self._fit_start is not None:
            self._fit_start(start)

    def on_stage_start(self, start: StageStart) -> bool:
        """See :meth:`Callback.on_stage_start`."""
        return self._stage_start is not None and self._stage_start(start) is True

    def on_step_end(self, end: StepEnd) -> bool:
        """See :meth:`Callback.on_step_end`."""
        return self._step_end is not None and self._step_end(end) is True

    def on_epoch_end(self, end: EpochEnd) -> bool:
        """See :meth:`Callback.on_epoch_end`."""
        return self._epoch_end is not None and self._epoch_end(end) is True

    def on_fit_end(self, end: FitEnd) -> None:
        """See :meth:`Callback.on_fit_end`."""
        if self._fit_end is not None:
            self._fit_end(end)


class Recorder(Callback):
    """Stores all events in a list, for a plot or a test.

    Attributes:
        epochs: of all fits that it followed, in every stage.
        ends: of those fits.

    Example:
        >>> from fillrank.data import synthetic
        >>> from fillrank.models import SGD
        >>> recorder = Recorder()
        >>> log = synthetic(200, 100, 6000, rank=2).interactions
        >>> model = SGD(dim=4, epochs=3).fit(log, callbacks=[recorder], progress=False)
        >>> [end.epoch for end in recorder.of("fit")], "train_rmse" in recorder.epochs[0].metrics
        ([1, 2, 3], True)
    """

    def __init__(self) -> None:
        self.epochs: list[EpochEnd] = []
        self.ends: list[FitEnd] = []

    def of(self, stage: str) -> list[EpochEnd]:
        """The epochs of one stage."""
        return [end for end in self.epochs if end.stage == stage]

    def on_epoch_end(self, end: EpochEnd) -> None:
        """Store the event."""
        self.epochs.append(end)

    def on_fit_end(self, end: FitEnd) -> None:
        """Store the event."""
        self.ends.append(end)
