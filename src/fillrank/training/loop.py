"""The loop: batches in, a trained module and its history out."""

from __future__ import annotations

import copy
import hashlib
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from fillrank.errors import DataError, FillrankError, TrainingError
from fillrank.runtime.distributed import World
from fillrank.runtime.interrupt import Interrupt
from fillrank.runtime.progress import Progress
from fillrank.runtime.rng import torch_stream
from fillrank.runtime.threads import one_thread
from fillrank.training.autograd.step import Batch
from fillrank.training.checkpoint import Checkpoint, Saved
from fillrank.training.ema import Average
from fillrank.training.learner import Learner
from fillrank.training.looks import Look, tell
from fillrank.training.settling import warn_if_unsettled

__all__ = ["History", "LoopSettings", "Monitor", "train"]

_log = logging.getLogger("fillrank")

Monitor = Callable[[], tuple[float, Mapping[str, float]]]
"""Called after each epoch, the module holding its averages: a score (higher is better) and the figures behind it."""


@dataclass(frozen=True)
class LoopSettings:
    """How long and how fast.

    Attributes:
        epochs: at most this many.
        steps: at most this many, the last epoch being cut short; None: whole epochs.
        batch_size: rows of a batch.
        patience: epochs without a better score before the loop stops; without a monitor it is not looked at.
        ema_span: of the running average of parameters, in epochs; 0 keeps the last values.
        ema_every: steps between two looks of that average at the parameters.
        schedule: of the learning rate over all epochs: ``"constant"``, or ``"cosine"``, which falls to zero.
        warmup: share of all steps over which the learning rate rises to its height.
        eval_every: epochs between two calls of the monitor; the last epoch is always looked at.
        seed: of the order of the rows and of what the step draws.
        progress: show it.
        checkpoint: a file to which the state goes after each epoch, and from which a stopped training goes on.
        identity: what else has to agree for a checkpoint to be of the same training.
    """

    epochs: int
    batch_size: int
    patience: int = 3
    ema_span: float = 1.0
    ema_every: int = 1
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = 0.0
    eval_every: int = 1
    seed: int = 0
    progress: bool = True
    checkpoint: Path | None = None
    identity: str = ""
    steps: int | None = None

    def rate(self, done: float) -> float:
        """The factor of the learning rate when the share ``done`` of all steps has been taken."""
        if done < self.warmup:
            return done / self.warmup
        return 1.0 if self.schedule == "constant" else (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class History:
    """What happened, epoch by epoch.

    Attributes:
        epochs: one dict per epoch: ``epoch``, ``seconds`` of training (without the look at the monitor), each part of
            the loss, each figure of the monitor.
        best_epoch: the epoch whose parameters were kept, from 1.
        interrupted: the user stopped it; the best epoch so far was kept all the same.
    """

    epochs: tuple[dict[str, float], ...] = field(default=())
    best_epoch: int = 0
    interrupted: bool = False


def train(learner: Learner, rows: Batch, settings: LoopSettings, monitor: Monitor | None = None) -> History:
    """Train the modules of ``learner`` in place, and leave in them the averaged parameters of the best epoch.

    Each epoch goes once through all rows in a new random order. Ctrl-C ends the loop after the step in hand; what was
    learnt so far is judged once more, and the best is kept. Whoever listens (:func:`fillrank.training.listening`) is
    told of every look at the modules, in every process.

    Args:
        learner: turns a batch into a step.
        rows: the whole log.
        settings: see :class:`LoopSettings`.
        monitor: scores the modules after an epoch; None keeps the last epoch.

    Raises:
        TrainingError: the loss is NaN or infinite; names the epoch, the step and the part.
        DataError: the checkpoint is of another training.
    """
    return _Loop(learner, rows, settings, monitor).run()


class _Loop:
    """One training: what it has seen so far, and the best of it."""

    def __init__(self, learner: Learner, rows: Batch, settings: LoopSettings, monitor: Monitor | None) -> None:
        self.learner, self.rows, self.settings, self.monitor = learner, rows, settings, monitor
        self.module, self.world = nn.ModuleList(learner.modules), World.current()
        self.per_epoch = math.ceil(len(rows) / settings.batch_size)
        self.average = Average(self.module, settings.ema_span * self.per_epoch / settings.ema_every)
        self.past: list[dict[str, float]] = []
        self.best_score, self.best_epoch, self.best_state = -math.inf, 0, self.module.state_dict()
        self.before_best = -math.inf
        self._parameters, self._collect = [p.detach() for p in self.module.parameters()], learner.collect

    def run(self) -> History:
        """Every epoch that is still to come."""
        settings = self.settings
        checkpoint = None if settings.checkpoint is None else Checkpoint(settings.checkpoint)
        if checkpoint is not None:
            self._resume(checkpoint)
        first, asked = len(self.past) + 1, False
        shown = settings.progress and self.world.rank == 0
        with Interrupt() as interrupt, Progress(settings.epochs, self.per_epoch, shown=shown) as progress:
            for epoch in range(first, self._last_epoch + 1):
                if self._settled(epoch - 1):
                    break
                started = time.perf_counter()
                with one_thread():
                    losses = self._epoch(epoch, progress, interrupt)
                seconds = time.perf_counter() - started
                asked = self.world.any(interrupt.asked)
                figures = self._look(epoch, asked=asked)
                self.past.append({"epoch": epoch, "seconds": round(seconds, 3), **losses, **figures})
                progress.epoch_done(self.past[-1], self.best_epoch)
                if asked:
                    _log.warning("stopped by hand in epoch %d; keeping epoch %d, the best", epoch, self.best_epoch)
                    break
                if checkpoint is not None:
                    saved = self._state()
                    if self.world.rank == 0:
                        checkpoint.write(saved)
        self.module.load_state_dict(self.best_state)
        if self.monitor is not None and self.best_epoch == settings.epochs > 1 and not asked:
            before, last = self.before_best, self.best_score
            warn_if_unsettled("the model", "epochs", settings.epochs, before=before, last=last, of="validation")
        return History(tuple(self.past), self.best_epoch, asked)

    def _state(self) -> Saved:
        """All that is needed to go on after the epoch that has just ended; the random streams follow from the seed."""
        self._collect(self._parameters)
        self._collect(self.average.means)
        kinds = {
            "module/": self.module.state_dict(),
            "best/": self.best_state,
            "average/": self.average.state(),
            "learner/": self.learner.state(),
        }
        tensors = {prefix + name: tensor for prefix, group in kinds.items() for name, tensor in group.items()}
        facts = {"training": self._identity, "past": self.past, "best": [self.best_score, self.best_epoch]}
        return Saved(tensors, facts)

    def _resume(self, checkpoint: Checkpoint) -> None:
        saved = checkpoint.read()
        if saved is None:
            return
        try:
            self._go_on_from(saved)
        except FillrankError:
            raise
        except _OF_OTHER_KINDS as error:
            raise checkpoint.torn(error) from error
        _log.info("going on after epoch %d of %s", len(self.past), self.settings.checkpoint)

    def _go_on_from(self, saved: Saved) -> None:
        if saved.facts["training"] != self._identity:
            raise DataError(
                f"{self.settings.checkpoint} is of another training ({saved.facts['training']}, not "
                f"{self._identity}); remove it to begin anew, or name another file"
            )
        past, (best_score, best_epoch) = saved.facts["past"], saved.facts["best"]
        if not all(isinstance(epoch, dict) and epoch.get("epoch") == n for n, epoch in enumerate(past, start=1)):
            raise ValueError("its record of the epochs is not whole")
        if not isinstance(best_score, float) or not isinstance(best_epoch, int) or not 0 <= best_epoch <= len(past):
            raise ValueError("its record of the best epoch is not whole")
        best, learner = saved.below("best/"), self.learner.state()
        for found, wanted in (
            (best, self.module.state_dict()),
            (saved.below("module/"), self.module.state_dict()),
            (saved.below("average/"), self.average.state()),
            (saved.below("learner/") if learner else {}, learner),  # PyTorch's Adam has no state before its first step
        ):
            if _kinds(found) != _kinds(wanted):
                raise ValueError("its tensors are not those of this training")
        self.module.load_state_dict(saved.below("module/"))
        self.best_state = best
        self.average.resume(saved.below("average/"))
        self.learner.resume(saved.below("learner/"))
        self.past = [dict(epoch) for epoch in past]
        self.best_score, self.best_epoch = best_score, best_epoch

    @cached_property
    def _identity(self) -> dict[str, Any]:
        """What has to agree for a training to be the same one."""
        shapes = {name: list(p.shape) for name, p in self.module.named_parameters()}
        settings = self.settings
        return {
            "rows": len(self.rows),
            "epochs": settings.epochs,
            "batch_size": settings.batch_size,
            "seed": settings.seed,
            "route": self.learner.route,
            "shapes": shapes,
            "data": _digest(self.rows),
            "identity": settings.identity,
        }

    @property
    def _last_epoch(self) -> int:
        settings = self.settings
        return settings.epochs if settings.steps is None else min(settings.epochs, -(-settings.steps // self.per_epoch))

    def _settled(self, epoch: int) -> bool:
        return self.monitor is not None and epoch - self.best_epoch >= self.settings.patience * self.settings.eval_every

    def _look(self, epoch: int, *, asked: bool) -> dict[str, float]:
        """Judge the averaged parameters, keep them if none before were better, and tell who listens."""
        last = asked or epoch == self._last_epoch
        if not last and epoch % self.settings.eval_every:
            return {}
        with self.average.applied():
            self._collect(self._parameters)
            score, figures = (float(epoch), {}) if self.monitor is None else self.world.first(self.monitor)
            if score > self.best_score:
                self.before_best = self.best_score
                self.best_score, self.best_epoch = score, epoch
                self.best_state = copy.deepcopy(self.module.state_dict())
        tell(Look(epoch, score, figures, asked))
        return dict(figures)

    def _epoch(self, epoch: int, progress: Progress, interrupt: Interrupt) -> dict[str, float]:
        """One pass over the rows, or as much of it as there is until Ctrl-C; the mean of each part of the loss."""
        settings, device = self.settings, self.rows.users.device
        order = torch.randperm(len(self.rows), generator=torch_stream(settings.seed, "shuffle", epoch)).to(device)
        draws = torch_stream(settings.seed, "draws", epoch, device=device)
        sums: dict[str, float] = {}
        for number, places in enumerate(torch.split(order, settings.batch_size), start=1):
            steps = (epoch - 1) * self.per_epoch + number
            self.learner.slow_down(settings.rate(steps / (settings.epochs * self.per_epoch + 1)))
            for name, figure in _finite(self.learner.learn(self.rows.rows(places), draws), epoch, number).items():
                sums[name] = sums.get(name, 0.0) + figure
            enough = steps == settings.steps
            if steps % settings.ema_every == 0 or number == self.per_epoch or enough:
                self.average.update()
            progress.step_done()
            if enough:
                break
            if interrupt.asked and self.world.size == 1:  # of several processes, none may leave the others waiting
                break
        return {name: value / number for name, value in sums.items()}


_OF_OTHER_KINDS = (LookupError, TypeError, ValueError, RuntimeError, AttributeError)
"""What going on from a file ends in that holds other kinds of things than a checkpoint."""


def _kinds(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


def _digest(rows: Batch) -> str:
    """A short fingerprint of who met what."""
    digest = hashlib.blake2b(digest_size=8)
    for column in (rows.users, rows.items):
        digest.update(column.cpu().numpy().tobytes())
    return digest.hexdigest()


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
