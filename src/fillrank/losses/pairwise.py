"""Pairwise losses: the positive should score higher than each negative."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from fillrank.arguments import checked
from fillrank.losses.base import ScoreLoss, check_above_zero, check_not_negative
from fillrank.losses.registry import LOSSES

__all__ = ["BPR", "PairwiseHinge"]


@LOSSES.own("bpr")
@checked
@dataclass(frozen=True)
class BPR(ScoreLoss):
    """Bayesian personalised ranking (Rendle et al. 2009).

    ``L = mean_j softplus((s⁻_j - s⁺)/τ)``, that is ``-log sigmoid`` of the gap. The paper's criterion also has a
    penalty on the parameters, which the trainer adds. The mean over N negatives instead of one is the variant of most
    libraries.

    Relations: with one negative, :class:`~fillrank.losses.InfoNCE` at the same temperature. As τ → 0, ``τ·L`` becomes
    :class:`PairwiseHinge` with margin 0.

    ``dL/ds⁻_j = sigmoid((s⁻_j - s⁺)/τ)/(N·τ)``, and ``dL/ds⁺`` is minus their sum.

    Attributes:
        temperature: τ > 0; 1 is the paper's.

    Raises:
        SettingsError: the temperature is not a positive number.

    Example:
        >>> BPR()(torch.tensor([1.0]), torch.tensor([[1.0, -30.0]]))  # the mean of log 2 and nearly 0
        tensor([0.3466])
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        check_above_zero("temperature", self.temperature, "1 for dot products, less for cosines")

    def _value(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:  # noqa: ARG002
        costs = softplus((neg - pos[:, None]) / self.temperature)
        return _sum(costs, mask) / max(neg.shape[1], 1)

    def _closed_form(
        self,
        pos: Tensor,
        neg: Tensor,
        mask: Tensor | None,
        log_q: Tensor | None,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor, Tensor]:
        n = max(neg.shape[1], 1)
        gaps = neg.sub_(pos[:, None]).div_(self.temperature)
        if mask is not None:
            gaps.masked_fill_(mask, -torch.inf)
        loss = softplus(gaps).sum(dim=1) / n
        d_neg = gaps.sigmoid_().div_(n * self.temperature)
        return loss, -d_neg.sum(dim=1), d_neg


@LOSSES.own("hinge")
@checked
@dataclass(frozen=True)
class PairwiseHinge(ScoreLoss):
    """Every negative should score at least a margin below the positive.

    ``L = mean_j max(0, margin + s⁻_j - s⁺)``. A pair whose distance is at least the margin gets no gradient.

    Relations: with margin 0, the limit of ``τ·BPR(τ)`` as τ → 0.

    ``dL/ds⁻_j = 1/N`` if the pair is too close, else 0 (also at the margin itself); ``dL/ds⁺`` is minus their sum.

    Attributes:
        margin: 0 or more; cosines are at most 2 apart.

    Raises:
        SettingsError: the margin is negative or not finite.

    Example:
        >>> PairwiseHinge(margin=0.5)(torch.tensor([0.5]), torch.tensor([[0.25, -0.5]]))
        tensor([0.1250])
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        check_not_negative("margin", self.margin)

    def _value(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:  # noqa: ARG002
        costs = (neg - (pos - self.margin)[:, None]).relu()
        return _sum(costs, mask) / max(neg.shape[1], 1)

    def _closed_form(
        self,
        pos: Tensor,
        neg: Tensor,
        mask: Tensor | None,
        log_q: Tensor | None,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor, Tensor]:
        n = max(neg.shape[1], 1)
        short = neg.sub_((pos - self.margin)[:, None]).clamp_(min=0)
        if mask is not None:
            short.masked_fill_(mask, 0.0)
        loss = short.sum(dim=1) / n
        d_neg = short.sign_().div_(n)
        return loss, -d_neg.sum(dim=1), d_neg


def _sum(costs: Tensor, mask: Tensor | None) -> Tensor:
    """The mean of each row, ``[B]``, without masked entries."""
    return (costs if mask is None else costs.masked_fill(mask, 0.0)).sum(dim=1)
