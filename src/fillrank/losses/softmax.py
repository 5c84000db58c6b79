"""Softmax losses: one positive against many negatives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fillrank.arguments import checked
from fillrank.losses.base import ScoreLoss, check_above_zero, wants_kernel
from fillrank.losses.ladder import Ladder
from fillrank.losses.registry import LOSSES

__all__ = [
    "GENTLE_TEMPERATURES",
    "TEMPERATURES",
    "USUAL_TEMPERATURES",
    "InfoNCE",
    "counted_",
    "log_sum_exp",
    "softmax_",
]

USUAL_TEMPERATURES = "0.05 to 0.5 are usual"
TEMPERATURES = Ladder.along(
    "temperature",
    (0.025, 0.035, 0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.55, 0.8, 1.1, 1.6),
    first=(0.2, 0.1, 0.4),
    usual=0.2,
    hasty=True,
)
GENTLE_TEMPERATURES = Ladder.along(
    "temperature",
    (0.012, 0.018, 0.025, 0.035, 0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.55, 0.8),
    first=(0.1, 0.05, 0.2),
    usual=0.1,
    hasty=True,
)
"""For losses that halve the scores, or nearly: half as warm."""


@LOSSES.own("infonce")
@checked
@dataclass(frozen=True)
class InfoNCE(ScoreLoss):
    """Cross-entropy of picking the positive among the negatives (van den Oord et al. 2018).

    ``L = -s⁺/τ + log( exp(s⁺/τ) + Σ_j exp(s⁻_j/τ - log q_j) )``, one value for each positive. ``q_j`` is the expected
    number of times that negative j is drawn. With it, the sum estimates the sum over the whole catalogue for every
    sampler (the logQ correction: Bengio & Senécal 2008; Yi et al. 2019). Without ``log_q`` all ``q_j`` are 1, the
    variant in most code. Also known as the sampled softmax, SSM (Wu et al. 2022), and as NT-Xent.

    Relations: with one negative and no correction this is ``softplus((s⁻ - s⁺)/τ)``, :class:`~fillrank.losses.BPR` at
    temperature τ. Without the positive in the sum it is :class:`~fillrank.losses.DCL`.

    With ``p`` the softmax over (positive, negatives), ``dL/ds⁺ = (p⁺ - 1)/τ`` and ``dL/ds⁻_j = p_j/τ``.

    Attributes:
        temperature: τ > 0; scores are divided by it. With a small value, only the hardest negatives matter.

    Raises:
        SettingsError: the temperature is not a positive number.

    Example:
        >>> loss = InfoNCE(temperature=0.5)
        >>> loss(torch.tensor([0.5]), torch.tensor([[0.5, 0.5, 0.5]]))
        tensor([1.3863])
    """

    temperature: float = 0.1
    uses_log_q = True
    ladders = (TEMPERATURES,)

    def __post_init__(self) -> None:
        check_above_zero("temperature", self.temperature, USUAL_TEMPERATURES)

    def _value(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:
        logits = counted_(neg / self.temperature, mask, log_q)
        first = pos[:, None] / self.temperature
        return torch.logsumexp(torch.cat([first, logits], dim=1), dim=1) - first[:, 0]

    def _closed_form(
        self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        first = pos / self.temperature
        top, total, d_neg = softmax_(neg, self.temperature, mask, log_q, 1 / self.temperature, first)
        own = (first - top).exp()
        loss = total.log() + (top - first)  # both terms are 0 or more, so there is no cancellation
        return loss, (own / total - 1) / self.temperature, d_neg


def counted_(logits: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:
    """``logits [B, N]``, changed in place: minus ``log_q``, and minus infinity where the mask is True."""
    if log_q is not None:
        logits.sub_(log_q)
    if mask is not None:
        logits.masked_fill_(mask, -torch.inf)
    return logits


def log_sum_exp(logits: Tensor) -> tuple[Tensor, Tensor]:
    """``(log Σ_j exp(logits_j) [B], empty [B])`` for autograd; a row with only minus infinity is empty and gives 0."""
    empty = (logits == -torch.inf).all(dim=1)
    filled = logits.masked_fill(empty[:, None], 0.0)  # the derivative at minus infinity would be NaN
    return torch.logsumexp(filled, dim=1).masked_fill(empty, 0.0), empty


def softmax_(
    scores: Tensor,
    temperature: float,
    mask: Tensor | None,
    log_q: Tensor | None,
    scale: float,
    first: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The softmax of the logits ``l = scores/temperature - log_q`` without masked entries, written over ``scores``.

    On a CPU, large blocks are computed by :mod:`fillrank.losses.row_kernels`.

    Args:
        first: one more logit of each row, ``[B]``, which is included in the sum.

    Returns:
        ``(top [B], total [B], scale · exp(l - top) / total [B, N])``, with the largest logit and the sum of
            ``exp(l - top)``; rows that are masked completely have minus infinity, 1 and zeros.
    """
    if wants_kernel(scores):
        from fillrank.losses.row_kernels import softmax_rows

        top, total = softmax_rows(scores, temperature, mask, log_q, first, scale)
        return top, total.masked_fill_(top == -torch.inf, 1.0), scores
    logits = counted_(scores.div_(temperature), mask, log_q)
    top = logits.amax(dim=1) if logits.shape[1] else logits.new_full(logits.shape[:1], -torch.inf)
    top = top if first is None else torch.maximum(top, first)
    held = top.masked_fill(top == -torch.inf, 0.0)
    weights = logits.sub_(held[:, None]).exp_()
    total = weights.sum(dim=1) + (0 if first is None else (first - held).exp())
    total = total.masked_fill(top == -torch.inf, 1.0)
    return top, total, weights.mul_((scale / total)[:, None])
