"""What ELSA and Mult-VAE share: batches of users, whole rows, and one way to train them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from pydantic import Field
from torch import Tensor, nn

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.models.base import NotNegative, Positive
from fillrank.models.groups import TrainedRecipe
from fillrank.models.monitoring import USUAL_MONITOR, MetricAtLength, judge_by
from fillrank.models.positives import PositiveFrom, positives, threshold
from fillrank.models.sizing import AutoWord, Count, loop_settings_of
from fillrank.recommend import Recommender
from fillrank.runtime.device import pick_device
from fillrank.runtime.rng import torch_stream
from fillrank.training import Autograd, Batch, LoopSettings, train
from fillrank.training.context import FitContext
from fillrank.training.state_file import fingerprint

__all__ = ["RowAutoencoder", "RowNetwork"]

_AT_MOST = 200


class RowNetwork(Protocol):
    """What is trained: a module that has a loss for whole rows."""

    def losses(self, rows: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """The named parts of the loss of float rows ``[B, n_items]``, each a scalar."""
        ...


class RowAutoencoder(TrainedRecipe):
    """The settings of their training. An epoch goes once through all users."""

    shares_batches: ClassVar[bool] = False
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("epochs",)
    unwatched_epochs: ClassVar[int] = 20
    """Where the log is too small to hold anything out."""

    dim: int = Field(default=256, ge=1)
    positive_from: PositiveFrom = None
    learning_rate: Positive = 0.01
    epochs: Count | AutoWord = "auto"
    batch_size: Annotated[int, Field(ge=1)] = 256
    patience: Annotated[int, Field(ge=1)] = 10
    max_grad_norm: Positive | None = None
    ema_span: NotNegative = 1.0
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = Field(default=0.0, ge=0, lt=1)
    eval_every: int = Field(default=1, ge=1)
    monitor: MetricAtLength = USUAL_MONITOR
    seed: int = Field(default=0, ge=0)

    @abstractmethod
    def _network(self, log: Interactions, steps_per_epoch: int, generator: torch.Generator) -> nn.Module:
        """What is trained, untrained; a :class:`RowNetwork`."""

    @abstractmethod
    def _factors(self, network: Any, log: Interactions, positive_from: float | None) -> Factors:
        """What the network has learned."""

    def uses_values(self, log: Interactions) -> bool:
        """See :meth:`Recipe.uses_values`: to tell positives from the rest, where it is asked to."""
        return threshold(self.positive_from, log) is not None

    def _fit(self, train_part: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        log, least = positives(self.positive_from, train_part), threshold(self.positive_from, train_part)
        device = pick_device(context.options.device)
        steps = _RowSteps.of(log, device)
        batches = -(-len(steps.users) // self.batch_size)
        network = self._network(log, batches, torch_stream(self.seed, "autoencoder")).to(device)
        watch: Callable[[], tuple[float, dict[str, float]]] | None = None
        if valid is not None:
            judge = judge_by(self.monitor, train_part, valid)
            watch = lambda: judge(self._factors(network, log, least))  # noqa: E731
        learner = Autograd(steps.of_network(network), [network], [self.learning_rate], max_grad_norm=self.max_grad_norm)
        history = train(learner, steps.batch(), self._loop(log, watched=watch is not None), watch, context)
        return self._recommender(
            train_part,
            self._factors(network, log, least),
            chosen={"epochs": max(history.best_epoch, 1)},
            history=history.epochs,
        )

    def _loop(self, log: Interactions, *, watched: bool) -> LoopSettings:
        usual = _AT_MOST if watched else self.unwatched_epochs
        sized = self.model_copy(update={"epochs": usual if self.epochs == "auto" else self.epochs})
        return loop_settings_of(sized, f"{self.model_dump_json()} {fingerprint(log)}")


@dataclass(frozen=True)
class _RowSteps:
    """Batches of users as rows of numbers.

    Attributes:
        matrix: ``[n_users, n_items]``, ones where a user has met an item.
        users: those who have met one.
        device: of the training.
    """

    matrix: sp.csr_array[Any]
    users: Tensor
    device: torch.device

    @classmethod
    def of(cls, log: Interactions, device: torch.device) -> _RowSteps:
        users = torch.from_numpy(np.flatnonzero(log.user_counts))
        return cls(log.csr.astype(np.float32), users.to(device), device)

    def batch(self) -> Batch:
        """All users; the loop takes a batch for rows of a log, and here a row is a user, with no item of its own."""
        return Batch(self.users, torch.zeros_like(self.users), None, torch.ones_like(self.users, dtype=torch.bool))

    def of_network(self, network: Any) -> Callable[[Batch, torch.Generator], dict[str, Tensor]]:
        """The training step."""

        def step(batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
            rows = torch.from_numpy(self.matrix[batch.users.cpu().numpy()].toarray()).to(self.device)
            parts: dict[str, Tensor] = network.losses(rows, generator)
            return parts

        return step
