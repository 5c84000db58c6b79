"""``PSL``: a softmax over score differences with a gentler function than the exponential."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from fillrank.arguments import checked
from fillrank.errors import SettingsError
from fillrank.losses.base import ScoreLoss, check_above_zero
from fillrank.losses.registry import LOSSES
from fillrank.losses.softmax import GENTLE_TEMPERATURES, counted_, log_sum_exp, softmax_

__all__ = ["PSL"]

FLOOR = 1e-6
"""The lower limit of σ: below it, ``1 + d`` or ``1 + atan(d)`` would be 0 or negative, and have no finite logarithm."""


class _Activation(NamedTuple):
    """``log σ(d)`` for autograd; and in closed form with ``σ'(d)/σ(d)``, the latter in the memory of the gaps."""

    log: Callable[[Tensor], Tensor]
    log_and_slope_: Callable[[Tensor], tuple[Tensor, Tensor]]


def _log_and_slope_of_tanh_(gaps: Tensor) -> tuple[Tensor, Tensor]:
    """``1 + tanh d = 2·sigmoid(2d)``, which is exact where tanh rounds to -1."""
    twice = gaps.mul_(2)
    return logsigmoid(twice).add_(math.log(2)), twice.neg_().sigmoid_().mul_(2)


def _log_and_slope_of_atan_(gaps: Tensor) -> tuple[Tensor, Tensor]:
    lifted = gaps.atan().add_(1)
    logs = lifted.clamp(min=FLOOR).log_()
    return logs, gaps.square_().add_(1).mul_(_flat_below_(lifted)).reciprocal_()


def _log_and_slope_of_relu_(gaps: Tensor) -> tuple[Tensor, Tensor]:
    lifted = gaps.add_(1)
    logs = lifted.clamp(min=FLOOR).log_()
    return logs, _flat_below_(lifted).reciprocal_()


def _flat_below_(lifted: Tensor) -> Tensor:
    """σ, and infinity where it is limited, so that the derivative of its logarithm (a quotient by σ) is 0 there."""
    return torch.threshold_(lifted, FLOOR, math.inf)


_ACTIVATIONS = {
    "tanh": _Activation(lambda d: logsigmoid(2 * d) + math.log(2), _log_and_slope_of_tanh_),
    "atan": _Activation(lambda d: (d.atan() + 1).clamp(min=FLOOR).log(), _log_and_slope_of_atan_),
    "relu": _Activation(lambda d: (d + 1).clamp(min=FLOOR).log(), _log_and_slope_of_relu_),
}


@LOSSES.own("psl")
@checked
@dataclass(frozen=True)
class PSL(ScoreLoss):
    """Pairwise softmax loss (Yang et al. 2024).

    ``L = log Σ_j σ(d_j)^(1/τ) / q_j`` with the gap ``d_j = (s⁻_j - s⁺)/score_scale``. With σ = exp this is the softmax
    loss. A function that grows more slowly is a tighter bound of the step function in nDCG, and false negatives have
    less effect:

    * ``"tanh"``: σ(d) = 1 + tanh d
    * ``"atan"``: σ(d) = 1 + atan d
    * ``"relu"``: σ(d) = max(0, 1 + d), the authors' best on most data

    This is the authors' first form, which is robust against false negatives, with the sum over negatives inside the
    logarithm. The bounds hold for gaps within ±1. For dot products of any length, σ is limited to 1e-6 from below.

    Relations: with σ = exp this would be :class:`~fillrank.losses.DCL` at temperature ``τ·score_scale``; for small gaps
    the two are nearly equal, because log σ(d) ≈ d.

    With ``p`` the softmax of ``log σ(d)/τ``, ``dL/ds⁻_j = p_j·σ'(d_j)/σ(d_j)/(τ·score_scale)``, and ``dL/ds⁺`` is minus
    their sum.

    Attributes:
        activation: ``"tanh"``, ``"atan"`` or ``"relu"``.
        temperature: τ > 0.
        score_scale: scores are divided by it first; with 2, gaps of cosines are within ±1.

    Raises:
        SettingsError: there is no such activation, or another setting is not a positive number.

    Example:
        >>> PSL("relu", temperature=0.5)(torch.tensor([0.5]), torch.tensor([[0.5, -0.5]]))  # log(1 + .5²)
        tensor([0.2231])
    """

    activation: Literal["tanh", "atan", "relu"] = "relu"
    temperature: float = 0.1
    score_scale: float = 2.0
    uses_log_q = True
    ladders = (GENTLE_TEMPERATURES,)

    def __post_init__(self) -> None:
        if self.activation not in _ACTIVATIONS:
            raise SettingsError(f"activation must be one of {', '.join(_ACTIVATIONS)}, got {self.activation!r}")
        check_above_zero("temperature", self.temperature, "0.02 to 0.2 are usual")
        check_above_zero("score_scale", self.score_scale, "2 takes gaps of cosines to ±1")

    def _value(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:
        gaps = (neg - pos[:, None]) / self.score_scale
        return log_sum_exp(counted_(_ACTIVATIONS[self.activation].log(gaps) / self.temperature, mask, log_q))[0]

    def _closed_form(
        self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        gaps = neg.sub_(pos[:, None]).div_(self.score_scale)
        logits, slopes = _ACTIVATIONS[self.activation].log_and_slope_(gaps)
        scale = 1 / (self.temperature * self.score_scale)
        top, total, weights = softmax_(logits, self.temperature, mask, log_q, scale)
        d_neg = slopes.mul_(weights)
        return (total.log() + top).masked_fill_(top == -torch.inf, 0.0), -d_neg.sum(dim=1), d_neg
