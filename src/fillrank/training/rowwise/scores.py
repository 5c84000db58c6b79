"""The core of the fast route: scores of a batch against its negatives, their loss, and the gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from fillrank.losses import ScoreLoss
from fillrank.runtime.threads import Threads
from fillrank.samplers import Negatives

__all__ = ["MOST_PARTS", "Contrasted", "OwnScores", "Scratch", "SharedScores"]

_BLOCK = 1 << 20  # scores that a thread has in memory at a time
_SPLIT = 1 << 18  # approximate number of scores of a part; it must not depend on the number of threads
MOST_PARTS = 8


class Contrasted(NamedTuple):
    """The result of a batch: its losses and gradients.

    Attributes:
        total: sum of the losses.
        d_anchors, d_positives: its gradient, ``[B, d]``.
        d_negatives: its gradient for the shared negatives, ``[N, d]``; with own negatives, for all R vectors,
            ``[R, d]``.
    """

    total: Tensor
    d_anchors: Tensor
    d_positives: Tensor
    d_negatives: Tensor


class Scratch:
    """Memory for a block of scores that is reused in every step, because new pages are expensive."""

    def __init__(self) -> None:
        self._kept: dict[torch.dtype, Tensor] = {}

    def block(self, n_rows: int, n: int, like: Tensor) -> Tensor:
        """A block of memory ``[n_rows, n]``."""
        kept = self._kept.get(like.dtype)
        if kept is None or len(kept) < n_rows * n:
            kept = self._kept[like.dtype] = like.new_empty(n_rows * n)
        return kept[: n_rows * n].view(n_rows, n)


class SharedScores:
    """Scores of rows against shared negatives, a few rows at a time to limit memory.

    Args:
        loss: a loss of scores, in closed form, for the users of these rows.
        negatives: ``[N, d]``.
        drawn: the negatives as the sampler returned them.
        halved: compute the scores and the products around them in bfloat16.
    """

    def __init__(self, loss: ScoreLoss, negatives: Tensor, drawn: Negatives, *, halved: bool = False) -> None:
        self._loss, self._mask, self._log_q = loss, drawn.mask, drawn.log_q if loss.uses_log_q else None
        self._wide = negatives
        self._negatives = negatives.bfloat16() if halved else negatives

    def contrast(
        self,
        anchors: Tensor,
        positives: Tensor,
        threads: Threads,
        scratches: list[Scratch],
        weights: Tensor | None = None,
    ) -> Contrasted:
        """The losses of the rows and their gradients, with all threads if that is faster.

        Args:
            anchors, positives: vectors ``[B, d]``.
            threads: the threads.
            scratches: one for each part, :data:`MOST_PARTS` of them.
            weights: the factor of each row's loss, ``[B]``; None: 1.
        """
        d_anchors, d_positives = torch.empty_like(anchors), torch.empty_like(positives)

        def part(number: int, rows: slice) -> tuple[Tensor, Tensor]:
            return self._part(rows, (anchors, positives), (d_anchors, d_positives), scratches[number], weights)

        n_parts = 1 if self._loss.whole_batch else _n_parts_of(len(anchors) * len(self._negatives))
        total, d_negatives = _gathered(part, anchors, threads, n_parts)
        return Contrasted(total, d_anchors, d_positives, d_negatives)

    def _part(
        self,
        part: slice,
        vectors: tuple[Tensor, Tensor],
        into: tuple[Tensor, Tensor],
        scratch: Scratch,
        weights: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """``(sum of the losses, d_negatives)`` of some rows; the gradients of the rows are written to ``into``."""
        anchors, d_anchors = vectors[0], into[0]
        total, d_negatives = self._wide.new_zeros(()), torch.zeros_like(self._wide)
        size = len(anchors) if self._loss.whole_batch else max(1, _BLOCK // max(1, len(self._negatives)))
        for start in range(part.start, part.stop, max(1, size)):
            rows = slice(start, min(start + size, part.stop))
            own, positive = (each[rows] for each in vectors)
            narrow = own.to(self._negatives.dtype)
            mask = None if self._mask is None else self._mask[rows]
            value, d_pos, d_scores = self._loss.rows(rows).value_and_grad(
                (own * positive).sum(1), self._scores(narrow, scratch), mask=mask, log_q=self._log_q
            )
            d_scores = _cast(d_scores, self._negatives, scratch)
            d_own = (d_scores @ self._negatives).to(own.dtype)
            if weights is not None:  # scale the vectors, not the scores: that saves a pass over the scores
                weight = weights[rows]
                value, d_pos, d_own = value * weight, d_pos * weight, d_own.mul_(weight[:, None])
                narrow = (own * weight[:, None]).to(narrow.dtype)
            torch.addcmul(d_own, d_pos[:, None], positive, out=d_anchors[rows])
            torch.mul(own, d_pos[:, None], out=into[1][rows])
            d_negatives += (d_scores.T @ narrow).to(own.dtype)
            total += value.sum()
        return total, d_negatives

    def _scores(self, anchors: Tensor, scratch: Scratch) -> Tensor:
        scores = scratch.block(len(anchors), len(self._negatives), anchors)
        torch.mm(anchors, self._negatives.T, out=scores)
        return _cast(scores, self._wide, scratch)


class OwnScores:
    """Scores of rows against their own negatives, computed row by row (:class:`SharedScores` uses matrix products).

    Args:
        loss: a loss of scores, in closed form, for the users of these rows.
        vectors: the vectors of all items of the batch, ``[R, d]``.
        of: for each negative its index in ``vectors``, int64 ``[B, N]``.
        drawn: the negatives as the sampler returned them.
    """

    def __init__(self, loss: ScoreLoss, vectors: Tensor, of: Tensor, drawn: Negatives) -> None:
        self._loss, self._mask, self._log_q = loss, drawn.mask, drawn.log_q if loss.uses_log_q else None
        self._vectors, self._of = vectors, of

    def contrast(
        self, anchors: Tensor, positives: Tensor, threads: Threads, weights: Tensor | None = None
    ) -> Contrasted:
        """See :meth:`SharedScores.contrast`; ``d_negatives`` is of all ``vectors``, ``[R, d]``."""
        d_anchors, d_positives = torch.empty_like(anchors), torch.empty_like(positives)

        def part(number: int, rows: slice) -> tuple[Tensor, Tensor]:  # noqa: ARG001
            return self._part(rows, (anchors, positives), (d_anchors, d_positives), weights)

        n_parts = 1 if self._loss.whole_batch else _n_parts_of(self._of.numel())
        total, d_vectors = _gathered(part, anchors, threads, n_parts)
        return Contrasted(total, d_anchors, d_positives, d_vectors)

    def _part(
        self,
        rows: slice,
        vectors: tuple[Tensor, Tensor],
        into: tuple[Tensor, Tensor],
        weights: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        own, positive = (each[rows] for each in vectors)
        of, mask = self._of[rows], None if self._mask is None else self._mask[rows]
        log_q = self._log_q if self._log_q is None or self._log_q.dim() == 1 else self._log_q[rows]
        value, d_pos, d_scores = self._loss.rows(rows).value_and_grad(
            (own * positive).sum(1),
            self._scores(own, of),
            mask=mask,
            log_q=log_q,
            row_weight=None if weights is None else weights[rows],
        )
        d_anchors = torch.mul(positive, d_pos[:, None], out=into[0][rows])
        torch.mul(own, d_pos[:, None], out=into[1][rows])
        return value.sum(), self._back(d_scores, own, of, d_anchors)

    def _scores(self, anchors: Tensor, of: Tensor) -> Tensor:
        if not _compiled(anchors):
            return torch.einsum("bd,bnd->bn", anchors, self._vectors[of])
        from fillrank.training.rowwise.kernels import own_scores

        scores = anchors.new_empty(of.shape)
        own_scores(*(part.numpy() for part in (anchors, self._vectors, of, scores)))
        return scores

    def _back(self, d_scores: Tensor, anchors: Tensor, of: Tensor, d_anchors: Tensor) -> Tensor:
        """Adds to ``d_anchors``; returns the gradient of all vectors."""
        d_vectors = torch.zeros_like(self._vectors)
        if not _compiled(anchors):
            d_anchors += torch.einsum("bn,bnd->bd", d_scores, self._vectors[of])
            each = d_scores[:, :, None] * anchors[:, None, :]
            return d_vectors.index_add_(0, of.flatten(), each.flatten(0, 1))
        from fillrank.training.rowwise.kernels import own_gradients

        own_gradients(*(part.numpy() for part in (d_scores, anchors, self._vectors, of, d_anchors, d_vectors)))
        return d_vectors


def _n_parts_of(n_scores: int) -> int:
    """The number of parts of a batch with this number of scores.

    >>> _n_parts_of(1000), _n_parts_of(1 << 19), _n_parts_of(1 << 24)
    (1, 2, 8)
    """
    return min(max(n_scores // _SPLIT, 1), MOST_PARTS)


def _compiled(vectors: Tensor) -> bool:
    """Whether the compiled kernels support such vectors; tensor operations would copy the vectors of all pairs."""
    return vectors.device.type == "cpu" and vectors.dtype == torch.float32


def _gathered(
    part: Callable[[int, slice], tuple[Tensor, Tensor]], anchors: Tensor, threads: Threads, n_parts: int
) -> tuple[Tensor, Tensor]:
    """Sum the results of ``part`` over parts of the rows, in order; use a single part if that is faster."""
    if n_parts == 1 or anchors.device.type != "cpu":
        return part(0, slice(0, len(anchors)))
    found = threads.map(part, len(anchors), n_parts)
    total, gradient = found[0]
    for more_total, more in found[1:]:
        total, gradient = total + more_total, gradient.add_(more)
    return total, gradient


def _cast(scores: Tensor, like: Tensor, scratch: Scratch) -> Tensor:
    if scores.dtype == like.dtype:
        return scores
    return scratch.block(len(scores), scores.shape[1], like).copy_(scores)
