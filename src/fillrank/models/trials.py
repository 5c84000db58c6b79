"""Short trainings that tell, on the validation part, which loss settings to train with."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from torch import Tensor, nn

from fillrank.models.climbing import Climb
from fillrank.models.loss_ladders import LossLadder
from fillrank.runtime.interrupt import Interrupt
from fillrank.runtime.progress import Progress
from fillrank.training import History, World

__all__ = ["Found", "climb_ladders"]

_log = logging.getLogger("fillrank")
_ALIKE = 0.005
"""Share of the score by which two short trainings differ without telling anything."""
Training = Callable[[Mapping[str, Any]], tuple[float, History]]
"""Trains the module for a few epochs with these settings of the loss; what was reached in the end, and all else."""


@dataclass(frozen=True)
class Found:
    """What the trials came to.

    Attributes:
        settings: of the loss, all of them.
        history: of the best trial.
        interrupted: the user asked to stop; the module then holds what the best trial learnt, else how it began.
    """

    settings: dict[str, Any]
    history: History
    interrupted: bool


def climb_ladders(
    ladders: Sequence[LossLadder],
    settings: Mapping[str, Any],
    module: nn.Module,
    training: Training,
    *,
    shown: bool,
) -> Found:
    """Train shortly with each rung, from the same start, and take the best; each ladder with the others as they stand.

    Of rungs that are nearly as good as the best, the one nearest to the usual is taken.
    All processes share the scores, so all take the same way. Ctrl-C ends it after the step in hand.

    Args:
        ladders: what is to be chosen, in turn.
        settings: of the loss, with the usual rung of each ladder.
        module: what is trained; it is brought back to its start before each trial and at the end.
        training: see :data:`Training`.
        shown: whether progress is.
    """
    start = _copy(module)
    world, kept, best_history, best_state = World.current(), dict(settings), History(), start
    highest, number, best, stopped = -inf, 0, 0, False
    usual = sum(len(ladder.first) for ladder in ladders)
    with Interrupt() as interrupt, Progress(usual, 1, shown=shown and world.rank == 0, unit="trial") as progress:
        for ladder in ladders:
            climb = Climb(ladder.rungs, ladder.first)
            while not stopped and (place := climb.due()) is not None:
                module.load_state_dict(start)
                tried = kept | dict(ladder.rungs[place])
                score, history = training(tried)
                number, climb.scores[place] = number + 1, score
                if score > highest:
                    highest, best_history, best_state, best = score, history, _copy(module), number
                progress.step_done()
                progress.epoch_done({"epoch": number, **_shown(history)}, best)
                stopped = world.any(interrupt.asked)
            if climb.scores:
                kept |= ladder.rungs[climb.near(ladder.usual, within=_ALIKE)]
    module.load_state_dict(best_state if stopped else start)
    if stopped:
        _log.warning(
            "stopped by hand in trial %d of the loss's settings; keeping trial %d, the best so far", number, best
        )
    chosen = {name: kept[name] for ladder in ladders for name in ladder.rungs[0]}
    _log.info("chosen in %d short trainings: %s", number, ", ".join(f"{name} {chosen[name]}" for name in chosen))
    return Found(kept, best_history, stopped)


def _copy(module: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(module.state_dict())


def _shown(history: History) -> dict[str, float]:
    last = history.epochs[-1] if history.epochs else {}
    return {name: value for name, value in last.items() if name.startswith("valid_")}
