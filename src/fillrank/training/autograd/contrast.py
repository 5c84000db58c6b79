"""The contrastive step for any encoder by autograd; the readable twin of the fast route."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from fillrank.arguments import shown
from fillrank.encoders import PairEncoder, Tables, VectorEncoder, View
from fillrank.errors import SettingsError
from fillrank.losses import ScoreLoss, VectorLoss, ViewContrast, contrast
from fillrank.samplers import Sampler
from fillrank.training.autograd.step import Batch, dropout_mask
from fillrank.training.drawing import draw
from fillrank.training.rowwise.table_contrast import ContrastSettings
from fillrank.training.thresholds import Scores, TableScores, Thresholds, bound

__all__ = ["ContrastStep", "ViewTerm"]


@dataclass(frozen=True)
class ViewTerm:
    """``weight · (mean over users + mean over items)`` of a contrastive loss between two views, as in SGL and SimGCL.

    The users and items are those of the batch, each once. Each step draws two new views.

    Attributes:
        view: returns the vectors of some users and items, with new noise in each call.
        loss: the loss of the two views.
        weight: the factor of this term, above 0; the main loss is a mean over the rows of the batch.

    Raises:
        SettingsError: the weight is not a positive number.
    """

    view: View
    loss: ViewContrast
    weight: float

    def __post_init__(self) -> None:
        if not 0 < self.weight < float("inf"):
            raise SettingsError(f"the weight of views must be a positive number, got {self.weight}; or leave them out")

    def __call__(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The share of this process in the term over the whole batch, a scalar."""
        users, items = torch.unique(batch.all.users), torch.unique(batch.all.items)
        first, second = (self.view(users, items, generator) for _ in range(2))
        apart = [self.loss(one, other).mean() for one, other in zip(first, second, strict=True)]
        return self.weight * (apart[0] + apart[1]) * (len(batch) / len(batch.all))


@dataclass(frozen=True)
class ContrastStep:
    """The contrastive loss of the (user, item) pairs of a batch, by autograd.

    A loss of scores compares each positive with negatives, which a sampler draws. A loss of vectors contrasts the rows
    of the batch with one another, and needs no sampler.

    For encoders of vectors, the gradients of the scores have a closed form if the batch shares its negatives
    (:func:`fillrank.losses.contrast`). For encoders of pairs (NeuMF), autograd computes all gradients.

    Attributes:
        encoder: an encoder of vectors or of pairs.
        loss: a loss of scores or of vectors.
        sampler: draws negatives, shared by the batch or for each positive; None for a loss of vectors.
        settings: see :class:`fillrank.training.ContrastSettings`. Its precision and learning rate are not used.
        views: a loss between two views of the encoder that is added; None adds nothing.
        thresholds: the thresholds of the users, which the training loop refreshes; None: the loss needs none.

    Raises:
        SettingsError: the loss and the sampler, or the loss and the encoder, do not go together.
    """

    encoder: VectorEncoder | PairEncoder
    loss: ScoreLoss | VectorLoss
    sampler: Sampler | None
    settings: ContrastSettings
    views: ViewTerm | None = None
    thresholds: Thresholds | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "thresholds", Thresholds.wanted_by(self.loss, self._scores))
        if isinstance(self.loss, ScoreLoss) == (self.sampler is None):
            wanted = "a sampler of negatives" if self.sampler is None else "no sampler: it takes no negatives"
            raise SettingsError(f"{self.loss} wants {wanted}")
        if isinstance(self.encoder, PairEncoder) and not isinstance(self.loss, ScoreLoss):
            raise SettingsError(f"{self.loss} is a loss of vectors, and {type(self.encoder).__name__} has none")

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """See :data:`fillrank.training.Step`."""
        if isinstance(self.loss, ScoreLoss):
            value, met = self._against_negatives(self.loss, batch, generator)
        else:
            value, met = self._among_rows(self.loss, batch, generator), batch.all.items
        if batch.weights is not None:
            value = value * batch.weights
        parts = {"contrastive": value.sum() / len(batch.all), **self._penalty(batch, met)}
        if self.views is not None:
            parts["views"] = self.views(batch, generator)
        return parts

    def _scores(self) -> Scores:
        if isinstance(self.encoder, PairEncoder):
            return self.encoder
        return TableScores.of(self.encoder.tables(), self.encoder.similarity)

    def _against_negatives(self, loss: ScoreLoss, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The loss of each of this process's rows, and all items that the whole batch uses."""
        if loss.whole_batch and batch.whole is not None:
            raise SettingsError(f"{loss} looks at a batch as a whole, and several processes share it; use one")
        model = (
            _Pairs(self.encoder, generator)
            if isinstance(self.encoder, PairEncoder)
            else _Vectors(self.encoder, generator)
        )
        sampler = cast("Sampler", self.sampler)  # a loss of scores has one
        drawn, drawn_by_all = draw(sampler, batch, generator, model.score)
        loss = bound(loss, self.thresholds, batch.users)
        log_q = drawn.log_q if loss.uses_log_q else None
        if isinstance(model, _Vectors):
            anchors, positives, negatives = model.vectors(batch.users, batch.items, drawn.items)
            anchors = self._with_dropout(anchors, batch, generator)
            if drawn.shared:
                value = contrast(loss, anchors, positives, negatives, drawn.mask, log_q)
            else:
                scores = torch.einsum("bd,bnd->bn", anchors, negatives)
                value = loss((anchors * positives).sum(1), scores, mask=drawn.mask, log_q=log_q)
        else:
            pos, neg = model.learn_pairs(batch.users, batch.items), model.learn_block(batch.users, drawn.items)
            value = loss(pos, neg, mask=drawn.mask, log_q=log_q)
        return value, torch.cat([batch.all.items, drawn_by_all.flatten()])

    def _among_rows(self, loss: VectorLoss, batch: Batch, generator: torch.Generator) -> Tensor:
        """The loss of each of this process's rows, which depends on all rows of the whole batch."""
        whole = batch.all
        model = _Vectors(cast("VectorEncoder", self.encoder), generator)  # of vectors, as such a loss wants it
        users, items, _ = model.vectors(whole.users, whole.items, whole.items[:0])
        found = loss(self._with_dropout(users, whole, generator), items)
        if not isinstance(found, Tensor) or found.shape != whole.users.shape:
            got = f"the shape {list(found.shape)}" if isinstance(found, Tensor) else shown(found)
            name = type(loss).__name__
            raise SettingsError(f"the loss {name} must return one value for each row, [{len(whole)}], got {got}")
        return found[batch.rows_of_whole]

    def _with_dropout(self, anchors: Tensor, batch: Batch, generator: torch.Generator) -> Tensor:
        rate = self.settings.dropout
        return anchors * dropout_mask(batch, anchors, rate, generator) if rate > 0 else anchors

    def _penalty(self, batch: Batch, met: Tensor) -> dict[str, Tensor]:
        """``λ/2 · Σ|x|²`` over the batch's users and the items ``met``, or over all parameters."""
        if self.settings.regularization == 0 or not isinstance(self.encoder, nn.Module):
            return {}
        weight = self.settings.regularization / 2 * len(batch) / len(batch.all)
        if self.settings.regularized == "all":
            return {"penalty": weight * torch.stack([p.square().sum() for p in self.encoder.parameters()]).sum()}
        users, items = (getattr(self.encoder, name, None) for name in ("users", "items"))
        if isinstance(self.encoder, PairEncoder) or users is None or items is None:
            name = type(self.encoder).__name__
            raise SettingsError(f"{name} does not keep one vector for each user and item; take regularized='all'")
        places = torch.unique(batch.all.users), torch.unique(met)
        if (touched := getattr(self.encoder, "touched_rows", None)) is not None:
            return {"penalty": weight * torch.stack([rows.square().sum() for rows in touched(*places)]).sum()}
        return {"penalty": weight * (users[places[0]].square().sum() + items[places[1]].square().sum())}


class _Vectors:
    """An encoder of vectors during one step: its tables are computed once."""

    def __init__(self, encoder: VectorEncoder, generator: torch.Generator) -> None:
        in_training = getattr(encoder, "tables_in_training", None)
        self._tables: Tables = encoder.tables() if in_training is None else in_training(generator)
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
    """An encoder of pairs with the same interface; dropout is used for training scores, but not for the sampler's."""

    def __init__(self, encoder: PairEncoder, generator: torch.Generator) -> None:
        self.score = encoder.score_block
        self.learn_pairs = partial(encoder.score_pairs, generator=generator)
        self.learn_block = partial(encoder.score_block, generator=generator)
