"""One step: the only place where an encoder, a sampler and a loss meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from fillrank.data import Interactions
from fillrank.encoders import MF, RatingHead
from fillrank.losses import ClosedFormLoss, contrast, squared_error
from fillrank.samplers import Sampler

__all__ = ["Batch", "CompletionStep", "Step", "StepWeights"]


@dataclass(frozen=True)
class Batch:
    """Some rows of a log: int64 ``[B]``, int64 ``[B]``, float32 ``[B]`` or None, bool ``[B]``."""

    users: Tensor
    items: Tensor
    values: Tensor | None
    positive: Tensor

    def __len__(self) -> int:
        return len(self.users)

    @classmethod
    def of(cls, log: Interactions, positive_from: float | None, device: str | torch.device) -> Self:
        """The whole log on ``device``; rows with a value of at least ``positive_from`` are positives (None: all)."""
        values = None if log.values is None else torch.tensor(log.values, device=device)
        if values is None or positive_from is None:
            positive = torch.ones(len(log), dtype=torch.bool, device=device)
        else:
            positive = values >= positive_from
        users, items = (torch.from_numpy(c.astype("int64")).to(device) for c in (log.users, log.items))
        return cls(users, items, values, positive)

    def rows(self, rows: Tensor) -> Batch:
        """The rows at the places ``rows``, int64 ``[B]``."""
        values = None if self.values is None else self.values[rows]
        return Batch(self.users[rows], self.items[rows], values, self.positive[rows])


Step = Callable[[Batch, torch.Generator], dict[str, Tensor]]
"""A batch and a generator in; the named parts of the loss out, each a scalar. Their sum is what is minimised."""


@dataclass(frozen=True)
class StepWeights:
    """What each part of the loss weighs; see :class:`fillrank.models.CMC` for the meaning of each."""

    contrastive: float
    regularization: float
    bias_regularization: float
    vector_regularization: float
    dropout: float


@dataclass(frozen=True)
class CompletionStep:
    """The joint loss of contrastive matrix completion.

    ``mean (r - r̂)² + penalties + contrastive · mean InfoNCE(user → item)``, and the mean of both directions where there
    is a sampler of users.

    Attributes:
        encoder: of the vectors that both parts share.
        head: of the ratings, or None for a log without values.
        loss: contrastive, in closed form.
        item_sampler: draws items against a (user, item) pair.
        user_sampler: draws users against an (item, user) pair: the symmetrical term; None leaves it out.
        weights: of the parts.
    """

    encoder: MF
    head: RatingHead | None
    loss: ClosedFormLoss
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
            parts["squared_error"] = squared_error(predicted, batch.values).mean()
            parts["penalty"] = penalty.mean()
        if weights.contrastive > 0 and bool(batch.positive.any()):
            parts["contrastive"] = weights.contrastive * self._contrastive(batch, users, items, generator)
        if weights.vector_regularization > 0:
            raw = (
                nn.functional.embedding(batch.users, encoder.users),
                nn.functional.embedding(batch.items, encoder.items),
            )
            lengths = sum((table.square().sum(1).mean() for table in raw), start=torch.zeros(()))
            parts["vector_penalty"] = weights.vector_regularization * lengths
        return parts

    def _contrastive(self, batch: Batch, users: Tensor, items: Tensor, generator: torch.Generator) -> Tensor:
        kept = batch.positive
        user_places, item_places, users, items = batch.users[kept], batch.items[kept], users[kept], items[kept]
        anchors = self._thin(users, generator)
        drawn = self.item_sampler.sample(user_places, item_places, generator)
        vectors = self.encoder.item_vectors(drawn.items)
        forward = contrast(self.loss, anchors, items, vectors, drawn.mask, drawn.log_q).mean()
        if self.user_sampler is None:
            return forward
        drawn = self.user_sampler.sample(item_places, user_places, generator)
        vectors = self.encoder.user_vectors(drawn.items)
        backward = contrast(self.loss, items, users, vectors, drawn.mask, drawn.log_q).mean()
        return (forward + backward) / 2

    def _thin(self, vectors: Tensor, generator: torch.Generator) -> Tensor:
        """Dropout on the anchors, drawn from our own generator."""
        rate = self.weights.dropout
        if rate == 0:
            return vectors
        kept = torch.rand(vectors.shape, generator=generator, device=generator.device).to(vectors.device) >= rate
        return vectors * kept / (1 - rate)
