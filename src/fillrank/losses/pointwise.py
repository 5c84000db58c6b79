"""Pointwise losses: the error of a prediction, and binary cross-entropy of a score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

from fillrank.arguments import checked, fitting
from fillrank.errors import SettingsError
from fillrank.losses.base import ScoreLoss, check_above_zero, check_not_negative
from fillrank.losses.registry import LOSSES

__all__ = ["Logistic", "squared_error"]


@checked
def squared_error(predicted: Tensor, values: Tensor) -> Tensor:
    """``(predicted - value)²`` of each cell: ``[B]``, ``[B]`` → ``[B]``."""
    fitting({"predicted": "float B", "values": "float B"}, predicted=predicted, values=values)
    return (predicted - values).square()


@LOSSES.own("logistic")
@checked
@dataclass(frozen=True)
class Logistic(ScoreLoss):
    """Binary cross-entropy: positives are ones, negatives are zeros (BCE).

    ``L = softplus(-s⁺/τ) + w · mean_j softplus(s⁻_j/τ)``, or with the *sum* over negatives (``reduction="sum"``), the
    variant of much published code, in which the negatives have N times the weight of the positive. It uses softplus,
    the exact log of a sigmoid, and not ``log(ε + sigmoid)``, so the worst scores have the largest gradients.

    Relations: ``negative_weight=N`` with the mean is the sum. ``dL/ds⁺ = -sigmoid(-s⁺/τ)/τ`` and
    ``dL/ds⁻_j = w·sigmoid(s⁻_j/τ)/(N·τ)``.

    Attributes:
        reduction: ``"mean"`` (of N) or ``"sum"`` over the negatives.
        negative_weight: w of 0 or more.
        temperature: τ > 0; 1 for dot products, less for cosines.

    Raises:
        SettingsError: a setting is out of its range.

    Example:
        >>> Logistic()(torch.zeros(1), torch.zeros(1, 3))  # 2·log 2
        tensor([1.3863])
        >>> Logistic(reduction="sum")(torch.zeros(1), torch.zeros(1, 3))  # 4·log 2
        tensor([2.7726])
    """

    reduction: Literal["mean", "sum"] = "mean"
    negative_weight: float = 1.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.reduction not in {"mean", "sum"}:
            raise SettingsError(f"reduction must be 'mean' or 'sum', got {self.reduction!r}")
        check_not_negative("negative_weight", self.negative_weight)
        check_above_zero("temperature", self.temperature, "1 for dot products, less for cosines")

    def _value(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:  # noqa: ARG002
        costs = softplus(neg / self.temperature)
        if mask is not None:
            costs = costs.masked_fill(mask, 0.0)
        return softplus(-pos / self.temperature) + self._share(neg) * costs.sum(dim=1)

    def _closed_form(
        self,
        pos: Tensor,
        neg: Tensor,
        mask: Tensor | None,
        log_q: Tensor | None,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor, Tensor]:
        scores, share = neg.div_(self.temperature), self._share(neg)
        if mask is not None:
            scores.masked_fill_(mask, -torch.inf)
        wanted = pos / self.temperature
        loss = softplus(-wanted) + share * softplus(scores).sum(dim=1)
        d_neg = scores.sigmoid_().mul_(share / self.temperature)
        return loss, torch.sigmoid(-wanted) / -self.temperature, d_neg

    def _share(self, neg: Tensor) -> float:
        """The weight of one negative."""
        return self.negative_weight / (max(neg.shape[1], 1) if self.reduction == "mean" else 1)
