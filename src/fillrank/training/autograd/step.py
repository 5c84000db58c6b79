"""The training step, the only place where an encoder, a sampler and a loss are used together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fillrank.data import Interactions
from fillrank.data.sides import is_mapped
from fillrank.encoders import RatingHead, VectorEncoder
from fillrank.losses import ScoreLoss, contrast, squared_error
from fillrank.runtime.distributed import World
from fillrank.samplers import Negatives, Sampler

__all__ = ["Batch", "CompletionStep", "Step", "StepWeights", "dropout_mask"]


def _indices(column: NDArray[np.int32]) -> Tensor:
    """A column of a log: int64, or for a file mapped into memory the file itself."""
    if not is_mapped(column):
        return torch.from_numpy(column.astype(np.int64))
    shared = column.view()
    shared.flags.writeable = True  # PyTorch knows no read-only memory; nothing writes here
    return torch.from_numpy(shared)


@dataclass(frozen=True)
class Batch:
    """Some rows of a log.

    Attributes:
        users, items: int64 ``[B]``; int32 of a whole log that lies on a disk, so that it stays there.
        values: float32 ``[B]`` or None.
        positive: bool ``[B]``.
        whole: the whole batch, if these rows are one process's part of it; else None.
        rows_of_whole: the indices of these rows in the whole batch.
        weights: float32 ``[B]``, the factor of each row's loss; None: 1.
    """

    users: Tensor
    items: Tensor
    values: Tensor | None
    positive: Tensor
    whole: Batch | None = None
    rows_of_whole: slice | Tensor = field(default_factory=lambda: slice(None))
    weights: Tensor | None = None

    def __len__(self) -> int:
        return len(self.users)

    def shard(self, world: World) -> Batch:
        """The rows of this batch for this process; they keep a reference to the whole batch."""
        if world.size == 1:
            return self
        return self._with(world.shard(len(self)))

    def of_own_users(self, world: World) -> Batch:
        """The rows of this batch whose users belong to this process; they keep a reference to the whole batch."""
        return self if world.size == 1 else self._with(world.own(self.users))

    def _with(self, rows: slice | Tensor) -> Batch:
        return replace(self.rows(rows), whole=self, rows_of_whole=rows)

    @property
    def all(self) -> Batch:
        """The whole batch that these rows belong to."""
        return self if self.whole is None else self.whole

    @classmethod
    def of(cls, interactions: Interactions, positive_from: float | None, device: str | torch.device) -> Self:
        """The whole log on ``device``; rows with a value of at least ``positive_from`` are positives (None: all).

        Rows of weight 0 never are.
        """
        values = None if interactions.values is None else torch.tensor(interactions.values, device=device)
        if values is None or positive_from is None:
            positive = torch.ones(len(interactions), dtype=torch.bool, device=device)
        else:
            positive = values >= positive_from
        weights = None if interactions.weights is None else torch.tensor(interactions.weights, device=device)
        if weights is not None:
            positive = positive & (weights > 0)
        users, items = (_indices(column).to(device) for column in (interactions.users, interactions.items))
        return cls(users, items, values, positive, weights=weights)

    def rows(self, rows: Tensor | slice) -> Batch:
        """The rows with the indices ``rows``, int64 ``[B]``."""
        values, weights = (None if column is None else column[rows] for column in (self.values, self.weights))
        return Batch(self.users[rows].long(), self.items[rows].long(), values, self.positive[rows], weights=weights)


Step = Callable[[Batch, torch.Generator], dict[str, Tensor]]
"""A batch and a generator in; the named parts of the loss out, each a scalar. Their sum is what is minimised.

A part is a sum over the batch's rows, divided by the number of rows of the *whole* batch: with one process, a mean.
Random numbers are always drawn for the whole batch, so that the generators of all processes stay equal.
"""


@dataclass(frozen=True)
class StepWeights:
    """The weights of the parts of the loss; see :class:`fillrank.models.CMC` for their meaning."""

    contrastive: float
    regularization: float
    bias_regularization: float
    vector_regularization: float
    dropout: float


@dataclass(frozen=True)
class CompletionStep:
    """The joint loss of contrastive matrix completion.

    ``mean (r - r̂)² + penalties + contrastive · mean InfoNCE(user → item)``. With a sampler of users, InfoNCE is the
    mean of both directions. Weights of rows are used in InfoNCE only.

    Attributes:
        encoder: computes the vectors that both parts share.
        head: predicts the ratings; None for a log without values.
        loss: the contrastive loss, in closed form.
        item_sampler: draws negative items for a (user, item) pair.
        user_sampler: draws negative users for an (item, user) pair, for the symmetric loss; None: only one direction.
        weights: the weights of the parts.
    """

    encoder: VectorEncoder
    head: RatingHead | None
    loss: ScoreLoss
    item_sampler: Sampler
    user_sampler: Sampler | None
    weights: StepWeights

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """See :data:`Step`."""
        encoder, weights = self.encoder, self.weights
        users, items = encoder.user_vectors(batch.users), encoder.item_vectors(batch.items)
        parts: dict[str, Tensor] = {}
        if self.head is not None and batch.values is not None:
            cosine = (users * items).sum(1)
            predicted, penalty = self.head(
                batch.users, batch.items, cosine, weights.regularization, weights.bias_regularization
            )
            parts["squared_error"] = squared_error(predicted, batch.values).sum() / len(batch.all)
            parts["penalty"] = penalty.sum() / len(batch.all)
        if weights.contrastive > 0 and bool(batch.all.positive.any()):
            parts["contrastive"] = weights.contrastive * self._contrastive(batch, users, items, generator)
        if weights.vector_regularization > 0:
            tables = encoder.tables()
            raw = (nn.functional.embedding(batch.users, tables[0]), nn.functional.embedding(batch.items, tables[1]))
            lengths = sum((table.square().sum() for table in raw), start=torch.zeros(()))
            parts["vector_penalty"] = weights.vector_regularization * lengths / len(batch.all)
        return parts

    def _contrastive(self, batch: Batch, users: Tensor, items: Tensor, generator: torch.Generator) -> Tensor:
        whole, kept = batch.all, batch.positive
        n_positive = int(whole.positive.sum())
        user_places, item_places = batch.users[kept], batch.items[kept]
        anchors = self._thin(users, batch, generator)[kept]
        users, items = users[kept], items[kept]
        weights = None if batch.weights is None else batch.weights[kept]
        drawn = self.item_sampler.sample(user_places, whole.items[whole.positive], generator)
        vectors = self.encoder.item_vectors(drawn.items)
        forward = _summed(self._loss_of(anchors, items, vectors, drawn, user_places), weights) / n_positive
        if self.user_sampler is None:
            return forward
        drawn = self.user_sampler.sample(item_places, whole.users[whole.positive], generator)
        vectors = self.encoder.user_vectors(drawn.items)
        backward = _summed(self._loss_of(items, users, vectors, drawn, item_places), weights) / n_positive
        return (forward + backward) / 2

    def _loss_of(self, anchors: Tensor, positives: Tensor, vectors: Tensor, drawn: Negatives, rows: Tensor) -> Tensor:
        loss = self.loss.for_users(rows)
        return contrast(loss, anchors, positives, vectors, drawn.mask, drawn.log_q if loss.uses_log_q else None)

    def _thin(self, vectors: Tensor, batch: Batch, generator: torch.Generator) -> Tensor:
        """Apply dropout to the anchors, drawn from the given generator."""
        return (
            vectors
            if self.weights.dropout == 0
            else vectors * dropout_mask(batch, vectors, self.weights.dropout, generator)
        )


def _summed(losses: Tensor, weights: Tensor | None) -> Tensor:
    return losses.sum() if weights is None else (losses * weights).sum()


def dropout_mask(batch: Batch, vectors: Tensor, rate: float, generator: torch.Generator) -> Tensor:
    """A dropout mask for ``vectors [B, d]``: 0 for the share ``rate`` of the entries, ``1/(1 - rate)`` elsewhere."""
    shape = (len(batch.all), vectors.shape[1])
    kept = torch.rand(shape, generator=generator, device=generator.device)[batch.rows_of_whole] >= rate
    return kept.to(vectors.device, vectors.dtype).div_(1 - rate)
