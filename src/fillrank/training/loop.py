"""The loop: batches in, a trained module and its history out."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fillrank.errors import TrainingError
from fillrank.rng import torch_stream
from fillrank.training.averaging import Average
from fillrank.training.interrupt import Interrupt
from fillrank.training.progress import Progress
from fillrank.training.step import Batch, Step

__all__ = ["History", "LoopSettings", "Monitor", "train"]

_log = logging.getLogger("fillrank")

Monitor = Callable[[], tuple[float, Mapping[str, float]]]
"""Called after each epoch, the module holding its averages: a score (higher is better) and the figures behind it."""


@dataclass(frozen=True)
class LoopSettings:
    """How long and how fast.

    Attributes:
        epochs: at most this many.
        batch_size: rows of a batch.
        learning_rates: one for each module.
        patience: epochs without a better score before the loop stops; without a monitor it is not looked at.
        average_span: of the running average of parameters, in epochs; 0 keeps the last values.
        seed: of the order of the rows and of what the step draws.
        progress: show it.
    """

    epochs: int
    batch_size: int
    learning_rates: tuple[float, ...]
    patience: int = 3
    average_span: float = 1.0
    seed: int = 0
    progress: bool = True


@dataclass(frozen=True)
class History:
    """What happened, epoch by epoch.

    Attributes:
        epochs: one dict per epoch: ``epoch``, ``seconds``, each part of the loss, each figure of the monitor.
        best_epoch: the epoch whose parameters were kept, from 1.
        interrupted: the user stopped it; the best epoch so far was kept all the same.
    """

    epochs: tuple[dict[str, float], ...] = field(default=())
    best_epoch: int = 0
    interrupted: bool = False


def train(
    step: Step, rows: Batch, modules: Sequence[nn.Module], settings: LoopSettings, monitor: Monitor | None = None
) -> History:
    """Train ``modules`` in place with Adam, and leave in them the averaged parameters of the best epoch.

    Each epoch goes once through all rows in a new random order. Ctrl-C ends the loop after the step in hand; what was
    learnt so far is judged once more, and the best is kept.

    Args:
        step: the loss of a batch.
        rows: the whole log.
        modules: whose parameters are trained, each with its own learning rate in ``settings``.
        settings: see :class:`LoopSettings`.
        monitor: scores the modules after an epoch; None keeps the last epoch.

    Raises:
        TrainingError: the loss is NaN or infinite; names the epoch, the step and the part.
    """
    module = nn.ModuleList(modules)
    groups = zip(modules, settings.learning_rates, strict=True)
    optimiser = torch.optim.Adam([{"params": list(part.parameters()), "lr": rate} for part, rate in groups], fused=True)
    per_epoch = math.ceil(len(rows) / settings.batch_size)
    average = Average(module, settings.average_span * per_epoch)
    past: list[dict[str, float]] = []
    best_score, best_epoch, best_state = -math.inf, 0, module.state_dict()
    with Interrupt() as interrupt, Progress(settings.epochs, per_epoch, shown=settings.progress) as progress:
        for epoch in range(1, settings.epochs + 1):
            started = time.perf_counter()
            losses = _epoch(step, rows, settings, epoch, _Tools(optimiser, average, progress, interrupt))
            with average.applied():
                score, figures = (float(epoch), {}) if monitor is None else monitor()
                if score > best_score:
                    best_score, best_epoch, best_state = score, epoch, copy.deepcopy(module.state_dict())
            seconds = time.perf_counter() - started
            past.append({"epoch": epoch, "seconds": round(seconds, 3), **losses, **figures})
            progress.epoch_done(past[-1], best_epoch)
            if interrupt.asked:
                _log.warning("stopped by hand in epoch %d; keeping epoch %d, the best so far", epoch, best_epoch)
                break
            if monitor is not None and epoch - best_epoch >= settings.patience:
                break
    module.load_state_dict(best_state)
    return History(tuple(past), best_epoch, interrupt.asked)


@dataclass(frozen=True)
class _Tools:
    optimiser: torch.optim.Optimizer
    average: Average
    progress: Progress
    interrupt: Interrupt


def _epoch(step: Step, rows: Batch, settings: LoopSettings, epoch: int, tools: _Tools) -> dict[str, float]:
    """One pass over the rows, or as much of it as there is until Ctrl-C; the mean of each part of the loss."""
    device = rows.users.device
    order = torch.randperm(len(rows), generator=torch_stream(settings.seed, "shuffle", epoch)).to(device)
    draws = torch_stream(settings.seed, "draws", epoch, device=device)
    sums: dict[str, float] = {}
    for number, places in enumerate(torch.split(order, settings.batch_size), start=1):
        parts = step(rows.rows(places), draws)
        figures = _finite(parts, epoch, number)
        tools.optimiser.zero_grad()
        total: Any = sum(parts.values())
        total.backward()
        tools.optimiser.step()
        tools.average.update()
        for name, figure in figures.items():
            sums[name] = sums.get(name, 0.0) + figure
        tools.progress.step_done()
        if tools.interrupt.asked:
            break
    return {name: value / number for name, value in sums.items()}


def _finite(parts: dict[str, Tensor], epoch: int, number: int) -> dict[str, float]:
    """The parts of the loss as numbers, read from the device once."""
    figures = {name: part.item() for name, part in parts.items()}
    for name, figure in figures.items():
        if not math.isfinite(figure):
            raise TrainingError(
                f"the loss is {figure} in its part {name!r} at epoch {epoch}, step {number}; "
                "lower the learning rate, or raise the temperature or the regularization"
            )
    return figures
