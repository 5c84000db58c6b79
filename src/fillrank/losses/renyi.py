"""``DrRL``: a margin loss whose margin is each user's own, and whose mean over negatives is a power mean."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fillrank.arguments import checked
from fillrank.errors import SettingsError
from fillrank.losses.base import check_within
from fillrank.losses.ladder import Ladder
from fillrank.losses.registry import LOSSES
from fillrank.losses.thresholds import ThresholdLoss

__all__ = ["DrRL"]

FLOOR = 0.1
"""ε of the authors' code: what a negative below the threshold counts, so that the power mean is never 0."""
_HALVINGS = 16


@LOSSES.own("drrl")
@checked
@dataclass(frozen=True)
class DrRL(ThresholdLoss):
    """Loss by distributional robustness with Rényi's divergence (Zhang et al. 2025).

    ``L = max(0, 1 - s⁺) + η_u + (mean_j u_j^ρ)^(1/ρ)`` with ``u_j = ε + w·max(0, s⁻_j - η_u)``, ε = .1, on cosines. The
    authors' ω is ``ρ = ω/(ω - 1)``. The threshold η_u is the one for which the part of the negatives is smallest; they
    follow it by gradient descent, here it is found anew by bisection, within the user's scores.

    Relations: with ρ = 1 it is :class:`CCL` at the margin η_u plus ``η_u + ε``, and the best η_u is the score that
    ``1/w`` of the negatives exceed. The larger ρ, the more the hardest negatives weigh, as in a softmax.

    ``dL/ds⁺ = -1`` below 1; ``dL/ds⁻_j = w/N · (u_j/M)^(ρ-1)`` above the threshold, with M the power mean.

    Attributes:
        negative_weight: w above 1: for less, no threshold would be the best.
        order: ρ from 1 to 16.
        threshold, refresh_every, refresh_items: see :class:`ThresholdLoss`. 1,024 drawn items are the rule here, as a
            threshold costs some 16 passes over its scores.

    Raises:
        SettingsError: a setting is out of its range.

    Example:
        >>> loss = DrRL(negative_weight=4.0, order=1.0, threshold=0.5)
        >>> loss(torch.tensor([1.0]), torch.tensor([[0.75, 0.25]]))  # .5 + mean(.1 + 4·.25, .1)
        tensor([1.1000])
        >>> loss.thresholds_of(torch.arange(8.0)[None]).round()  # a quarter of the scores exceeds it
        tensor([5.])
    """

    negative_weight: float = 20.0
    order: float = 1.5
    threshold: float = 0.7
    refresh_every: int = 1
    refresh_items: int | None = 1024
    of_positives = False
    ladders = (
        Ladder.along(
            "negative_weight",
            (1.5, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 150.0, 300.0, 700.0),
            first=(20.0, 5.0, 80.0),
            usual=20.0,
        ),
        Ladder.along("order", (1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0), first=(1.5, 1.1, 3.0), usual=1.5),
    )

    def __post_init__(self) -> None:
        weight = self.negative_weight
        if not (isinstance(weight, int | float) and not isinstance(weight, bool) and 1 < weight < float("inf")):
            raise SettingsError(f"negative_weight must be a number above 1, got {weight!r}; 5 to 150 are usual")
        check_within("order", self.order, 1, 16, "from a mean to nearly a maximum")
        self._check_thresholds()

    def _thresholds_of(self, scores: Tensor, counts: Tensor | None) -> Tensor:
        """Where the part of the negatives is smallest."""
        share = torch.ones_like(scores) if counts is None else counts.to(scores.dtype)
        none = share == 0
        share = share / share.sum(dim=1, keepdim=True).clamp(min=1e-30)
        low = scores.masked_fill(none, torch.inf).amin(dim=1, keepdim=True)
        high = scores.masked_fill(none, -torch.inf).amax(dim=1, keepdim=True)
        held = scores.masked_fill(none, 0.0)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            falling = self._slope(held, share, middle) < 0
            low, high = torch.where(falling, middle, low), torch.where(falling, high, middle)
        return torch.where(none.all(dim=1), self.threshold, ((low + high) / 2)[:, 0])

    def _slope(self, scores: Tensor, share: Tensor, threshold: Tensor) -> Tensor:
        """The derivative by the threshold, ``[B, 1]``; it rises with it."""
        over = scores > threshold
        if self.order == 1:
            return 1 - self.negative_weight * (share * over).sum(dim=1, keepdim=True)
        costs, most, mean = self._powers((scores - threshold).clamp_(min=0), share)
        active = (share * over * (costs / most) ** (self.order - 1)).sum(dim=1, keepdim=True)
        return 1 - self.negative_weight * active * mean ** (1 / self.order - 1)

    def _powers(self, over: Tensor, share: Tensor | float, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """``(u [B, N], the largest of each row [B, 1], the mean of (u/largest)^ρ [B, 1])``."""
        costs = over * self.negative_weight + FLOOR
        if mask is not None:
            costs = costs.masked_fill(mask, 0.0)
        most = costs.detach().amax(dim=1, keepdim=True) if costs.shape[1] else costs.new_zeros(len(costs), 1)
        most = most.clamp(min=FLOOR)  # a row of which nothing counts
        return costs, most, ((costs / most) ** self.order * share).sum(dim=1, keepdim=True)

    def _value(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:  # noqa: ARG002
        beta = self._beta(pos)
        _, most, mean = self._powers((neg - beta[:, None]).relu(), 1 / max(neg.shape[1], 1), mask)
        counts = mean[:, 0] > 0
        root = mean[:, 0].masked_fill(~counts, 1.0) ** (1 / self.order)  # the derivative of a root of 0 would be NaN
        return (1 - pos).relu() + beta + (most[:, 0] * root).masked_fill(~counts, 0.0)

    def _closed_form(
        self,
        pos: Tensor,
        neg: Tensor,
        mask: Tensor | None,
        log_q: Tensor | None,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor, Tensor]:
        beta, share = self._beta(pos), 1 / max(neg.shape[1], 1)
        over = neg.sub_(beta[:, None]).clamp_(min=0)
        costs, most, mean = self._powers(over, share, mask)
        loss = (1 - pos).relu() + beta + (most * mean ** (1 / self.order))[:, 0]
        slopes = over.sign_()
        if mask is not None:
            slopes.masked_fill_(mask, 0.0)
        scale = self.negative_weight * share * mean.masked_fill(mean == 0, 1.0) ** (1 / self.order - 1)
        d_neg = slopes.mul_(costs.div_(most).pow_(self.order - 1)).mul_(scale)
        return loss, (pos < 1).to(pos.dtype).neg_(), d_neg
