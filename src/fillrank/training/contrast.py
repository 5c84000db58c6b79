"""The contrast of a batch on any encoder: the plain route, and the readable twin of the fast one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from fillrank.encoders.base import PairEncoder, Tables, VectorEncoder
from fillrank.errors import SettingsError
from fillrank.losses import ScoreLoss, contrast
from fillrank.samplers import Negatives, Sampler
from fillrank.training.shared import ContrastSettings
from fillrank.training.step import Batch, dropout_mask

__all__ = ["ContrastStep"]


@dataclass(frozen=True)
class ContrastStep:
    """Each (user, item) pair of a batch against negatives, by autograd.

    Encoders of vectors have their scores' gradients in closed form where the batch shares its negatives
    (:func:`fillrank.losses.contrast`); encoders of pairs (NeuMF) have theirs by autograd altogether.

    Attributes:
        encoder: of vectors or of pairs.
        loss: of scores.
        sampler: of negatives, shared by the batch or for each positive.
        settings: see :class:`fillrank.training.ContrastSettings`. Its precision and rate are not looked at.
    """

    encoder: VectorEncoder | PairEncoder
    loss: ScoreLoss
    sampler: Sampler
    settings: ContrastSettings

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """See :data:`fillrank.training.Step`."""
        model = _Pairs(self.encoder, generator) if isinstance(self.encoder, PairEncoder) else _Vectors(self.encoder)
        drawn = self.sampler.sample(batch.users, batch.all.items, generator, model.score)
        loss = self.loss.for_users(batch.users)
        log_q = drawn.log_q if loss.uses_log_q else None
        if isinstance(model, _Vectors):
            anchors, positives, negatives = model.vectors(batch.users, batch.items, drawn.items)
            if self.settings.dropout > 0:
                anchors = anchors * dropout_mask(batch, anchors, self.settings.dropout, generator)
            if drawn.shared:
                value = contrast(loss, anchors, positives, negatives, drawn.mask, log_q)
            else:
                scores = torch.einsum("bd,bnd->bn", anchors, negatives)
                value = loss((anchors * positives).sum(1), scores, mask=drawn.mask, log_q=log_q)
        else:
            pos, neg = model.learn_pairs(batch.users, batch.items), model.learn_block(batch.users, drawn.items)
            value = loss(pos, neg, mask=drawn.mask, log_q=log_q)
        return {"contrastive": value.sum() / len(batch.all), **self._penalty(batch, drawn)}

    def _penalty(self, batch: Batch, drawn: Negatives) -> dict[str, Tensor]:
        """``λ/2 · Σ|x|²`` over the rows that the batch touches, or over all parameters."""
        weight = self.settings.regularization / 2 * len(batch) / len(batch.all)
        if weight == 0 or not isinstance(self.encoder, nn.Module):
            return {}
        if self.settings.regularized == "all":
            return {"penalty": weight * torch.stack([p.square().sum() for p in self.encoder.parameters()]).sum()}
        users, items = (getattr(self.encoder, name, None) for name in ("users", "items"))
        if isinstance(self.encoder, PairEncoder) or users is None or items is None:
            name = type(self.encoder).__name__
            raise SettingsError(f"{name} does not keep one vector for each user and item; take regularized='all'")
        places = torch.unique(batch.all.users), torch.unique(torch.cat([batch.all.items, drawn.items.flatten()]))
        return {"penalty": weight * (users[places[0]].square().sum() + items[places[1]].square().sum())}


class _Vectors:
    """An encoder of vectors for the length of one step: its tables are made once."""

    def __init__(self, encoder: VectorEncoder) -> None:
        self._tables: Tables = encoder.tables()
        self._cosine = encoder.similarity == "cosine"

    def vectors(self, users: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``[B, d]``, ``[B, d]`` and ``[N, d]`` or ``[B, N, d]``, as the product wants them."""
        of_users, of_items = self._tables
        found = of_users[users], of_items[positives], of_items[negatives]
        if not self._cosine:
            return found
        one, two, three = (normalize(vectors, dim=-1) for vectors in found)
        return one, two, three

    def score(self, users: Tensor, items: Tensor) -> Tensor:
        """See :data:`fillrank.samplers.Score`."""
        anchors, _, vectors = self.vectors(users, items[:0].flatten(), items)
        return anchors @ vectors.T if items.dim() == 1 else torch.einsum("bd,bnd->bn", anchors, vectors)


class _Pairs:
    """An encoder of pairs, in the same words; where it learns it may drop entries, where it is asked it may not."""

    def __init__(self, encoder: PairEncoder, generator: torch.Generator) -> None:
        self.score = encoder.score_block
        self.learn_pairs = partial(encoder.score_pairs, generator=generator)
        self.learn_block = partial(encoder.score_block, generator=generator)
