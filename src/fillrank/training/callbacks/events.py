"""``Callback``, and the events that a training reports to it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from fillrank.errors import SettingsError

__all__ = ["Callback", "EpochEnd", "FitEnd", "FitStart", "Stage", "StageStart", "StepEnd"]

Stage = Literal["fit", "trial", "refit"]
"""What a training is for: ``"trial"`` chooses a setting that is ``"auto"``, ``"fit"`` trains with what was chosen, and
``"refit"`` trains once more on train and validation together."""


@dataclass(frozen=True)
class FitStart:
    """A call of ``fit`` begins.

    Attributes:
        model: the name of the recipe, such as ``"contrastive"``.
        settings: those that were asked for; some may be ``"auto"``.
        n_train: rows of the train part.
        n_valid: rows of the validation part; 0 without one.
    """

    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    n_train: int = 0
    n_valid: int = 0


@dataclass(frozen=True)
class StageStart:
    """A stage of a fit begins: one trial of several, the training, or the second fit.

    Attributes:
        stage: which.
        model: the name of the recipe; a part of a blend is ``"blended.parts.0"`` and so on.
    """

    stage: Stage
    model: str = ""


@dataclass(frozen=True)
class StepEnd:
    """A step has ended: a batch of the trainer, a whole epoch of a solver, of a Gibbs sampler that of one chain.

    Attributes:
        stage: what the training is for.
        model: the name of the recipe; a part of a blend is ``"blended.parts.0"`` and so on.
        epoch: from 1: the one that the step belongs to.
        total: epochs at most.
        step: from 1, within the epoch.
        steps: of an epoch.
        metrics: of the step: the parts of the loss of its batch.
    """

    stage: Stage
    model: str
    epoch: int
    total: int
    step: int
    steps: int
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class EpochEnd:
    """An epoch has ended: of a solver an iteration, in the stage ``"trial"`` one trial.

    Attributes:
        stage: what the training is for.
        epoch: from 1; the number of the trial.
        total: epochs at most. Trials may be more: a search goes on while its best is at an end of what was tried.
        metrics: what was measured, by the names that the history has: parts of the loss (``"contrastive"``,
            ``"penalty"`` …), ``"train_rmse"``, ``"valid_rmse"``, ``"valid_ndcg@20"`` …
        score: what the best epoch is chosen by, higher is better; None where nothing is judged.
        best_epoch: the best so far, this one included. Without a validation part that is this one.
        interrupted: the user has asked to stop (Ctrl-C, SIGTERM), and this is the last one.
        seconds: of learning, without the time that judging took.
        model: the name of the recipe; a part of a blend is ``"blended.parts.0"`` and so on.
        provisional: the score is not that of the model which the fit would end with: it is one of a trial, of a second
            fit or of a part of a blend, or what ranks is still to be chosen. A search must not prune by it.
    """

    stage: Stage
    epoch: int
    total: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    score: float | None = None
    best_epoch: int = 0
    interrupted: bool = False
    seconds: float = 0.0
    model: str = ""
    provisional: bool = False


@dataclass(frozen=True)
class FitEnd:
    """A call of ``fit`` is over, in whatever way.

    Attributes:
        model: the name of the recipe.
        seconds: that it took.
        interrupted: the user stopped it; the best so far is the result.
        stopped: the stages that a callback stopped.
        error: what ended it, where it gave no model; the error goes on to the caller.
    """

    model: str
    seconds: float = 0.0
    interrupted: bool = False
    stopped: frozenset[Stage] = frozenset()
    error: BaseException | None = None


class Callback:
    """Base class of callbacks. Override the methods that you need; the others cost nothing.

    The order of the calls: ``on_fit_start`` once; then for each stage ``on_stage_start``, for each of its epochs
    ``on_step_end`` after each step and ``on_epoch_end``; ``on_fit_end`` once, also where an error ended the fit. Of
    several callbacks, the first in the list is called first.

    **To stop**, return True. From ``on_step_end`` and ``on_epoch_end`` that ends the stage in hand: no more trials are
    made, and the best so far is taken; a training keeps its best epoch, as if its epochs had run out; a second fit
    leaves the model of the first. From ``on_stage_start`` it leaves the trials or the second fit out (a first fit
    always begins). That is no interruption by the user: the fit goes on with its next stage and returns a model.

    **To end it without a model**, raise: the error goes through ``fit`` to its caller.

    In several processes (``torchrun``) each process calls its own callbacks; a stage stops if one of any process says
    so, and there after the epoch, as no process may leave the others waiting in the middle of one.

    A Gibbs sampler calls from the threads of its chains, one call at a time.

    Example:
        >>> class Print(Callback):
        ...     def on_epoch_end(self, end):
        ...         print(end.stage, end.epoch, sorted(end.metrics))
        ...         return end.epoch == 2  # enough
        >>> from fillrank.data import synthetic
        >>> from fillrank.models import SGD
        >>> log = synthetic(200, 100, 6000, rank=2).interactions
        >>> model = SGD(dim=4).fit(log, callbacks=[Print()], progress=False)
        fit 1 ['train_rmse']
        fit 2 ['train_rmse']
    """

    reason: ClassVar[str] = "by a callback"
    """What messages say of a stop that this callback asked for."""

    asked_by: ClassVar[str] = ""
    """The option of the command line that adds this callback, for messages."""

    @property
    def waits_for_rounds(self) -> bool:
        """Whether it overrides ``on_step_end`` or ``on_epoch_end``, so that a fit without epochs gives it no work."""
        kind = type(self)
        overrides = kind.on_step_end is not Callback.on_step_end or kind.on_epoch_end is not Callback.on_epoch_end
        return overrides and not kind.internal

    internal: ClassVar[bool] = False
    """True for callbacks that fillrank adds itself."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Refuse a method ``on_…`` that nothing would ever call.

        Raises:
            SettingsError: the base class has no method of that name.
        """
        super().__init_subclass__(**keywords)
        known = [name for name in vars(Callback) if name.startswith("on_")]
        for name, value in vars(cls).items():
            if name.startswith("on_") and callable(value) and name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]}? " if close else ""
                raise SettingsError(
                    f"{cls.__name__}.{name} would never be called; {hint}a callback has {', '.join(known)}"
                )

    def on_fit_start(self, start: FitStart) -> None:
        """Called when ``fit`` begins."""

    def on_stage_start(self, start: StageStart) -> bool | None:
        """Called when a stage begins; return True to skip it (the first fit cannot be skipped)."""

    def on_step_end(self, end: StepEnd) -> bool | None:
        """Called after each step; return True to end the stage."""

    def on_epoch_end(self, end: EpochEnd) -> bool | None:
        """Called after each epoch and its evaluation; return True to end the stage."""

    def on_fit_end(self, end: FitEnd) -> None:
        """Called when ``fit`` ends, also after an error."""
