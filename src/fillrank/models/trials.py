"""Short trainings that choose settings of the loss on the validation part."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any, Self

from torch import Tensor, nn

from fillrank.losses import Ladder
from fillrank.models.climbing import Climb
from fillrank.runtime.strict_json import parse_json
from fillrank.training import History, LoopSettings, World
from fillrank.training.checkpoint import Checkpoint
from fillrank.training.context import FitContext
from fillrank.training.rounds import Rounds

__all__ = ["Allowance", "Found", "chosen_before", "climb_ladders"]

logger = logging.getLogger("fillrank")
_ALIKE = 0.005
"""A relative difference of the scores of two short trainings that may be chance."""
_ENOUGH = 400
"""The number of steps after which the order of temperatures does not change any more."""
_FASTEST = 3.0
Training = Callable[[Mapping[str, Any]], tuple[float, History]]
"""Trains the module for a short time with these settings; returns the final score (higher is better) and more."""


@dataclass(frozen=True)
class Allowance:
    """The budget for the trials of a fit: together they use no more rows and steps than the shortest full training.

    So a fit with choices costs at most two trainings. The shortest training has one epoch and ``patience`` more without
    a better one; or all its epochs, if these are fewer.

    Attributes:
        trials: the largest number of trials.
        steps: the number of steps of each.
    """

    trials: int
    steps: int

    @classmethod
    def of(cls, settings: LoopSettings, n_rows: int, ladders: Sequence[Ladder]) -> Self:
        """The budget for a training on ``n_rows`` that chooses along ``ladders``.

        Example:
            >>> from fillrank.losses import BSL
            >>> Allowance.of(LoopSettings(epochs=100, batch_size=512, patience=5), 40_000, BSL.ladders)
            Allowance(trials=5, steps=93)
        """
        epochs = min(settings.epochs, (settings.patience + 1) * settings.eval_every)
        least = epochs * n_rows // min(settings.batch_size, n_rows)  # in full batches; the last of an epoch is smaller
        usual = sum(len(ladder.first) for ladder in ladders) + 2 - (len(ladders) - 1)
        steps = max(min(least // usual, _ENOUGH), 1)
        return cls(least // steps, steps)

    @property
    def haste(self) -> float:
        """The factor of the learning rate of a trial, so that few steps have the effect of enough steps: at most 3."""
        return min(_ENOUGH / self.steps, _FASTEST)

    def loop(self, settings: LoopSettings, n_rows: int) -> LoopSettings:
        """The settings of the training, shortened to one trial, which is evaluated at its end."""
        epochs = ceil(self.steps / ceil(n_rows / settings.batch_size))
        cut = {"epochs": epochs, "steps": self.steps, "patience": epochs, "eval_every": epochs}
        return replace(settings, **cut)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Found:
    """The result of the trials.

    Attributes:
        settings: all settings, including the chosen ones.
        history: the history of the best trial.
        interrupted: whether the user asked to stop. If so, the module has the parameters of the best trial, else its
            initial ones.
    """

    settings: dict[str, Any]
    history: History
    interrupted: bool


def climb_ladders(
    ladders: Sequence[Ladder],
    settings: Mapping[str, Any],
    module: nn.Module,
    training: Training,
    *,
    allowed: Allowance,
    context: FitContext,
) -> Found:
    """Run a short training with each rung of a ladder, from the same initial vectors; take the best; ladder by ladder.

    Of the rungs that are nearly as good as the best, the one nearest to the usual rung is taken. All processes share
    the scores, so all make the same choice. Ctrl-C ends the search after the current step.

    Args:
        ladders: the settings to choose, in this order.
        settings: the settings, with the usual rung of each ladder.
        module: the trained module; it is reset to its initial state before each trial and at the end.
        training: see :data:`Training`.
        allowed: the budget.
        context: the context of the fit.
    """
    context = context.trial()
    if allowed.trials < 2 or not context.begins():  # a single trial cannot be compared
        return Found(dict(settings), History(), interrupted=False)
    start = _copy(module)
    kept, done = dict(settings), list[tuple[dict[str, Any], float]]()
    trials = Rounds[tuple[History, dict[str, Tensor]]](
        context, allowed.trials, unit="trial", what="the settings", world=World.current()
    )
    with trials:
        for ladder in ladders:
            climb = Climb(ladder.rungs, ladder.first, stride=ladder.stride)
            while not trials.over and (place := climb.due()) is not None:
                tried = kept | dict(ladder.rungs[place])
                known = [score for before, score in done if before == tried]
                if known:
                    climb.scores[place] = known[0]
                    continue
                if len(done) == allowed.trials:
                    break
                module.load_state_dict(start)
                score, history = training(tried)
                climb.scores[place] = score
                done.append((tried, score))
                keep = lambda of=history: (of, _copy(module))  # noqa: E731
                trials.epoch_end(_shown(history), score=score, keep=keep, stop=history.stopped)
            if climb.scores:
                kept |= ladder.rungs[climb.near(ladder.usual, within=_ALIKE)]
    history, state = trials.best or (History(), start)
    module.load_state_dict(state if trials.interrupted else start)
    chosen = {name: kept[name] for ladder in ladders for name in ladder.rungs[0]}
    logger.info("chosen in %d short trainings: %s", len(done), ", ".join(f"{name} {chosen[name]}" for name in chosen))
    return Found(kept, history, trials.interrupted)


def chosen_before(settings: LoopSettings, names: Sequence[str], context: FitContext) -> dict[str, Any] | None:
    """The choices made before a training was stopped; None: there is no checkpoint, or it belongs to another recipe.

    Args:
        settings: the settings of the training; its identity is a recipe's settings as JSON.
        names: the names of the chosen settings.
        context: the context of the fit.

    Raises:
        DataError: the checkpoint is damaged.
    """
    place = context.options.checkpoint
    checkpoint = None if place is None else Checkpoint(Path(place))
    saved = None if checkpoint is None else checkpoint.read()
    if checkpoint is None or saved is None:
        return None
    now = json.loads(settings.identity)
    asked = {name: now.pop(name) for name in names}
    try:
        then = parse_json(saved.facts["training"]["identity"])
        chosen = {name: then.pop(name, None) for name in names}
        if then != now:
            return None
        if any(type(chosen[name]) is not type(asked[name]) for name in names):
            raise TypeError(f"{', '.join(names)} are of another kind")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise checkpoint.torn(f"it does not say what was trained: {error}") from error
    return chosen


def _copy(module: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(module.state_dict())


def _shown(history: History) -> dict[str, float]:
    last = history.epochs[-1] if history.epochs else {}
    return {name: value for name, value in last.items() if name.startswith("valid_")}
