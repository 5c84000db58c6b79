"""Softmax losses: one positive against many negatives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fillrank.losses.base import ScoreLoss, check_above_zero

__all__ = ["USUAL_TEMPERATURES", "InfoNCE", "counted_", "highest", "log_sum_exp", "softmax_"]

USUAL_TEMPERATURES = "0.05 to 0.5 are usual"


@dataclass(frozen=True)
class InfoNCE(ScoreLoss):
    """Cross-entropy of picking the positive among the negatives (van den Oord et al. 2018).

    ``L = -s⁺/τ + log( exp(s⁺/τ) + Σ_j exp(s⁻_j/τ - log q_j) )``, one value for each positive. ``q_j`` is the expected
    number of times that negative j is drawn; with it the sum estimates the sum over the whole catalogue whatever the
    sampler (the logQ correction: Bengio & Senécal 2008; Yi et al. 2019). Without ``log_q`` all ``q_j`` are 1, the
    variant in most code. Also known as the sampled softmax, SSM (Wu et al. 2022), and as NT-Xent.

    Relations: with one negative and no correction this is ``softplus((s⁻ - s⁺)/τ)``, :class:`~fillrank.losses.BPR` at
    temperature τ. Without the positive in the sum it is :class:`~fillrank.losses.DCL`.

    With ``p`` the softmax over (positive, negatives), ``dL/ds⁺ = (p⁺ - 1)/τ`` and ``dL/ds⁻_j = p_j/τ``.

    Attributes:
        temperature: τ > 0; scores are divided by it. Small values look at the hardest negatives only.

    Raises:
        SettingsError: the temperature is not a positive number.

    Example:
        >>> loss = InfoNCE(temperature=0.5)
        >>> loss(torch.tensor([0.5]), torch.tensor([[0.5, 0.5, 0.5]]))
        tensor([1.3863])
    """

    temperature: float = 0.1
    uses_log_q = True

    def __post_init__(self) -> None:
        check_above_zero("temperature", self.temperature, USUAL_TEMPERATURES)

    def _value(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:
        logits = counted_(neg / self.temperature, mask, log_q)
        first = pos[:, None] / self.temperature
        return torch.logsumexp(torch.cat([first, logits], dim=1), dim=1) - first[:, 0]

    def _closed_form(
        self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        logits = counted_(neg.div_(self.temperature), mask, log_q)
        first = pos / self.temperature
        top = torch.maximum(highest(logits), first)
        weights = logits.sub_(top[:, None]).exp_()
        own = (first - top).exp()
        total = weights.sum(dim=1) + own
        loss = total.log() + (top - first)  # two numbers of 0 or more: nothing cancels
        d_neg = weights.div_((total * self.temperature)[:, None])
        return loss, (own / total - 1) / self.temperature, d_neg


def counted_(logits: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:
    """``logits [B, N]``, changed in place: ``log_q`` taken off, and minus infinity where the mask is True."""
    if log_q is not None:
        logits.sub_(log_q)
    if mask is not None:
        logits.masked_fill_(mask, -torch.inf)
    return logits


def highest(logits: Tensor) -> Tensor:
    """The largest of each row, ``[B]``; minus infinity for rows of length 0."""
    return logits.amax(dim=1) if logits.shape[1] else logits.new_full(logits.shape[:1], -torch.inf)


def log_sum_exp(logits: Tensor) -> tuple[Tensor, Tensor]:
    """``(log Σ_j exp(logits_j) [B], empty [B])`` for autograd; rows of nothing but minus infinity are empty: 0."""
    empty = (logits == -torch.inf).all(dim=1)
    filled = logits.masked_fill(empty[:, None], 0.0)  # the derivative at minus infinity would be NaN
    return torch.logsumexp(filled, dim=1).masked_fill(empty, 0.0), empty


def softmax_(logits: Tensor, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """:func:`log_sum_exp`, and its gradient ``scale · softmax(logits)`` in the memory of ``logits``.

    Returns:
        ``(log_sum [B], empty [B], gradient [B, N])``; empty rows have a gradient of 0.
    """
    top = highest(logits)
    empty = top == -torch.inf
    top = top.masked_fill(empty, 0.0)
    weights = logits.sub_(top[:, None]).exp_()
    total = weights.sum(dim=1).masked_fill_(empty, 1.0)
    return total.log() + top, empty, weights.mul_((scale / total)[:, None])
