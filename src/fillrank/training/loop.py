"""``train``: the training loop over batches and epochs."""

from __future__ import annotations

import copy
import hashlib
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, nn

from fillrank.errors import TrainingError
from fillrank.runtime.distributed import World
from fillrank.runtime.rng import torch_stream
from fillrank.runtime.threads import one_thread
from fillrank.training.autograd.step import Batch
from fillrank.training.checkpoint import Saved
from fillrank.training.context import FitContext
from fillrank.training.ema import Average
from fillrank.training.learner import Learner
from fillrank.training.rounds import History, Rounds
from fillrank.training.settling import warn_if_unsettled
from fillrank.training.state_file import StateFile, prefixed
from fillrank.training.thresholds import Thresholds

__all__ = ["LoopSettings", "Monitor", "train"]

logger = logging.getLogger("fillrank")

Monitor = Callable[[], tuple[float, Mapping[str, float]]]
"""Called after each epoch with the averaged parameters: returns a score (higher is better) and metrics."""
State = dict[str, Tensor]
_BLOCK = 1 << 20  # rows whose fingerprint is taken at once


@dataclass(frozen=True)
class LoopSettings:
    """The settings of the training loop.

    Attributes:
        epochs: at most this many.
        steps: at most this many, so the last epoch may be cut short; None: whole epochs.
        batch_size: rows of a batch.
        patience: evaluations without a better score before the loop stops; not used without a monitor.
        ema_span: length of the running average of the parameters, in epochs; 0 keeps the last values.
        ema_every: steps between two updates of that average.
        schedule: how the learning rate changes over all epochs: ``"constant"``, or ``"cosine"``, which falls to zero.
        warmup: share of all steps in which the learning rate rises from 0 to its full value.
        eval_every: epochs between two calls of the monitor; the last epoch is always evaluated.
        seed: for the order of the rows and for all random numbers of a step.
        identity: further facts that must be equal for a checkpoint to belong to this training.
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
    identity: str = ""
    steps: int | None = None

    def rate(self, done: float) -> float:
        """The factor of the learning rate after the share ``done`` of all steps."""
        if done < self.warmup:
            return done / self.warmup
        return 1.0 if self.schedule == "constant" else (1 + math.cos(math.pi * done)) / 2


def train(
    learner: Learner,
    rows: Batch,
    settings: LoopSettings,
    monitor: Monitor | None = None,
    context: FitContext | None = None,
) -> History:
    """Train the modules of ``learner`` in place, and leave in them the averaged parameters of the best epoch.

    Each epoch goes once through all rows in a new random order. Ctrl-C ends the loop after the current step, and so
    does a callback that returns True. The parameters are then evaluated once more, and the best ones are kept.

    Args:
        learner: turns a batch into a step.
        rows: the whole log.
        settings: see :class:`LoopSettings`.
        monitor: scores the modules after an epoch; None keeps the last epoch.
        context: the callbacks and the checkpoint of the fit; None: no callbacks, no checkpoint, no progress.

    Raises:
        TrainingError: the loss is NaN or infinite; the message names the epoch, the step and the part.
        DataError: the checkpoint belongs to another training.
    """
    return _Loop(learner, rows, settings, monitor, context or FitContext()).run()


class _Loop:
    """The state of one training, with the best epoch so far."""

    def __init__(
        self, learner: Learner, rows: Batch, settings: LoopSettings, monitor: Monitor | None, context: FitContext
    ) -> None:
        self.learner, self.rows, self.settings, self.monitor = learner, rows, settings, monitor
        self.module, self.world, self.context = nn.ModuleList(learner.modules), World.current(), context
        self.per_epoch = math.ceil(len(rows) / settings.batch_size)
        self.average = Average(self.module, settings.ema_span * self.per_epoch / settings.ema_every)
        self.rounds: Rounds[State] = Rounds(
            context,
            self._last_epoch,
            patience=settings.patience * settings.eval_every,
            steps=self.per_epoch,
            world=self.world,
        )
        self.rounds.best = self.module.state_dict()
        self.thresholds: Thresholds | None = getattr(learner, "thresholds", None)
        if self.thresholds is not None:
            self.thresholds.begin(rows)
        self._parameters, self._all_gather = [p.detach() for p in self.module.parameters()], learner.all_gather

    def run(self) -> History:
        """Run all remaining epochs."""
        settings, rounds, judged = self.settings, self.rounds, self.monitor is not None
        file = StateFile(self.context.options.checkpoint, self._identity, often=True)
        file.go_on(file.read(), rounds, self._restore, judged=judged)
        with rounds:
            for epoch in rounds.numbers():
                with one_thread():
                    losses, whole = self._epoch(epoch)
                rounds.learnt()
                score, metrics = self._evaluate(epoch, last=rounds.is_last() or epoch == self._last_epoch)
                rounds.epoch_end({**losses, **metrics}, score=score)
                if whole and not rounds.interrupted:
                    file.round_ended(rounds, self._state, judged=judged, writes=self.world.rank == 0)
        if rounds.best is not None:
            self.module.load_state_dict(rounds.best)
        if self.monitor is not None and rounds.ran_out and self._last_epoch == settings.epochs:
            before, last = rounds.before_best, rounds.best_score
            metrics, stage = {"before": before, "last": last}, self.context.stage
            warn_if_unsettled("the model", "epochs", settings.epochs, **metrics, of="validation", stage=stage)
        return rounds.result()

    def _state(self) -> Saved:
        """Everything needed to continue after the last epoch. (The random streams follow from the seed.)"""
        self._all_gather(self._parameters)
        self._all_gather(self.average.means)
        kinds = {
            "module/": self.module.state_dict(),
            "best/": self.rounds.best or {},
            "average/": self.average.state_dict(),
            "learner/": self.learner.state_dict(),
            "thresholds/": self._thresholds,
        }
        return Saved(
            {name: one for prefix, group in kinds.items() for name, one in prefixed(prefix, group).items()}, {}
        )

    def _restore(self, saved: Saved) -> State:
        """Take up a state, and return the parameters of the best epoch."""
        best, learner = saved.below("best/"), self.learner.state_dict()
        for found, wanted in (
            (best, self.module.state_dict()),
            (saved.below("module/"), self.module.state_dict()),
            (saved.below("average/"), self.average.state_dict()),
            (saved.below("learner/") if learner else {}, learner),  # PyTorch's Adam has no state before its first step
            (saved.below("thresholds/"), self._thresholds),
        ):
            if _kinds(found) != _kinds(wanted):
                raise ValueError("its tensors are not those of this training")
        self.module.load_state_dict(saved.below("module/"))
        self.average.load_state_dict(saved.below("average/"))
        self.learner.load_state_dict(saved.below("learner/"))
        if self.thresholds is not None:
            self.thresholds.load_state_dict(saved.below("thresholds/"))
        return best

    @cached_property
    def _identity(self) -> dict[str, Any]:
        """The facts that must be equal for a checkpoint to belong to this training."""
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
    def _thresholds(self) -> State:
        return {} if self.thresholds is None else self.thresholds.state_dict()

    @property
    def _last_epoch(self) -> int:
        settings = self.settings
        return settings.epochs if settings.steps is None else min(settings.epochs, -(-settings.steps // self.per_epoch))

    def _evaluate(self, epoch: int, *, last: bool) -> tuple[float | None, dict[str, float]]:
        """Evaluate the averaged parameters if this epoch is to be evaluated; keep them if they are the best so far."""
        if not last and epoch % self.settings.eval_every:
            return None, {}
        with self.average.applied():
            self._all_gather(self._parameters)
            score, metrics = (None, {}) if self.monitor is None else self.world.broadcast(self.monitor)
            self.rounds.offer(score, lambda: copy.deepcopy(self.module.state_dict()))
        return score, dict(metrics)

    def _epoch(self, epoch: int) -> tuple[dict[str, float], bool]:
        """One pass over the rows, perhaps cut short: the mean of each loss part, and whether the pass was complete."""
        settings, device = self.settings, self.rows.users.device
        order = torch.randperm(len(self.rows), generator=torch_stream(settings.seed, "shuffle", epoch)).to(device)
        draws = torch_stream(settings.seed, "draws", epoch, device=device)
        if self.thresholds is not None:
            self.thresholds.refresh(epoch, torch_stream(settings.seed, "thresholds", epoch, device=device))
        sums: dict[str, float] = {}
        for number, places in enumerate(torch.split(order, settings.batch_size), start=1):
            steps = (epoch - 1) * self.per_epoch + number
            self.learner.scale_lr(settings.rate(steps / (settings.epochs * self.per_epoch + 1)))
            parts = _finite(self.learner.learn(self.rows.rows(places), draws), epoch, number)
            for name, figure in parts.items():
                sums[name] = sums.get(name, 0.0) + figure
            enough = steps == settings.steps
            if steps % settings.ema_every == 0 or number == self.per_epoch or enough:
                self.average.update()
            asked = self.rounds.step_end(parts)
            if enough or (asked and self.world.size == 1):  # with several processes, stop only at the end of an epoch
                break
        return {name: value / number for name, value in sums.items()}, number == self.per_epoch


def _kinds(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


def _digest(rows: Batch) -> str:
    """A short fingerprint of the pairs of a log."""
    digest = hashlib.blake2b(digest_size=8)
    for column in (rows.users, rows.items):
        for block in torch.split(column, _BLOCK):
            digest.update(block.long().cpu().numpy().tobytes())
    return digest.hexdigest()


def _finite(parts: dict[str, Tensor], epoch: int, number: int) -> dict[str, float]:
    """The parts of the loss as numbers, copied from the device in one transfer."""
    metrics = {name: part.item() for name, part in parts.items()}
    for name, figure in metrics.items():
        if not math.isfinite(figure):
            raise TrainingError(
                f"the loss is {figure} in its part {name!r} at epoch {epoch}, step {number}; "
                "lower the learning rate, or raise the temperature or the regularization"
            )
    return metrics
