"""Margin losses on cosines: one margin (CCL) or several (MMCL)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fillrank.arguments import checked
from fillrank.errors import SettingsError
from fillrank.losses.base import ScoreLoss, check_not_negative, check_within, wants_kernel
from fillrank.losses.ladder import Ladder
from fillrank.losses.registry import LOSSES

__all__ = ["CCL", "MMCL"]

_MARGINS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_WEIGHTS = Ladder.along(
    "negative_weight",
    (1.0, 3.0, 10.0, 20.0, 40.0, 80.0, 150.0, 300.0, 700.0, 1500.0),
    first=(40.0, 10.0, 150.0),
    usual=40.0,
)


class _Margins(ScoreLoss):
    """``P·max(0, 1 - s⁺) + share · Σ_j Σ_k w_k·max(0, s⁻_j - m_k)``."""

    @abstractmethod
    def _terms(self, n_negatives: int) -> tuple[float, float, Sequence[tuple[float, float]]]:
        """``(P, share of one negative, the pairs (m_k, w_k))``."""

    def _value(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:  # noqa: ARG002
        positive_weight, share, steps = self._terms(neg.shape[1])
        costs = torch.zeros_like(neg)
        for margin, weight in steps:
            costs = costs + weight * (neg - margin).relu()
        if mask is not None:
            costs = costs.masked_fill(mask, 0.0)
        return positive_weight * (1 - pos).relu() + share * costs.sum(dim=1)

    def _closed_form(
        self,
        pos: Tensor,
        neg: Tensor,
        mask: Tensor | None,
        log_q: Tensor | None,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor, Tensor]:
        positive_weight, share, steps = self._terms(neg.shape[1])
        loss, d_pos = positive_weight * (1 - pos).relu(), (pos < 1).to(pos.dtype) * -positive_weight
        if wants_kernel(neg):
            from fillrank.losses.row_kernels import margin_rows

            margins, weights = np.array(steps).T
            return loss + margin_rows(neg, mask, margins, share * weights), d_pos, neg
        if mask is not None:
            neg.masked_fill_(mask, -torch.inf)
        slopes, over = torch.zeros_like(neg), torch.empty_like(neg)
        for margin, weight in steps:
            loss += share * weight * torch.sub(neg, margin, out=over).clamp_(min=0).sum(dim=1)
            slopes.add_(over.sign_(), alpha=share * weight)
        return loss, d_pos, neg.copy_(slopes)


@LOSSES.own("ccl")
@checked
@dataclass(frozen=True)
class CCL(_Margins):
    """Cosine contrastive loss of SimpleX (Mao et al. 2021).

    ``L = max(0, 1 - s⁺) + w · mean_j max(0, s⁻_j - m)`` on cosines; without a weight, the *sum* over negatives, as in
    the authors' code. Negatives below the margin get no gradient.

    Relations: :class:`MMCL` with one margin. ``dL/ds⁺ = -1`` below 1, ``dL/ds⁻_j = w/N`` above the margin; 0 at either
    kink.

    Attributes:
        margin: m within [-1, 1].
        negative_weight: w of 0 or more, or None for the sum. The published best are m = .9, w = 150 on Gowalla and
            Yelp2018 with 800 negatives.

    Raises:
        SettingsError: the margin is outside [-1, 1], or the weight is negative or not finite.

    Example:
        >>> CCL(margin=0.5, negative_weight=10)(torch.tensor([0.75]), torch.tensor([[0.75, 0.25]]))
        tensor([1.5000])
    """

    margin: float = 0.9
    negative_weight: float | None = 150.0
    ladders = (_WEIGHTS, Ladder.along("margin", _MARGINS, first=(0.7, 0.5, 0.9), usual=0.7))

    def __post_init__(self) -> None:
        _check_margin("margin", self.margin)
        if self.negative_weight is not None:
            check_not_negative("negative_weight", self.negative_weight)

    def _terms(self, n_negatives: int) -> tuple[float, float, Sequence[tuple[float, float]]]:
        share = 1.0 if self.negative_weight is None else self.negative_weight / max(n_negatives, 1)
        return 1.0, share, ((self.margin, 1.0),)


def _below(top: float) -> dict[str, Any]:
    """Three margins; the highest is ``top``."""
    return {"margins": [round(top - 0.2, 2), round(top - 0.1, 2), top], "weights": [0.1, 0.15, 0.75]}


@LOSSES.own("mmcl")
@checked
@dataclass(frozen=True)
class MMCL(_Margins):
    """Multi-margin cosine loss (Ozsoy 2024).

    ``L = P·max(0, 1 - s⁺) + Q · mean_j Σ_k w_k·max(0, s⁻_j - m_k)`` on cosines: a sum over margins, a mean over
    negatives, as in the authors' code. In a negative's score it is convex and piecewise linear: a negative above the
    k-th margin is pushed down with slope ``Q·(w_1 + … + w_k)/N``, so harder negatives are pushed harder. The *largest*
    margin belongs to the hardest negatives, and has the largest weight in every published setting. A text that gives
    the largest weight to the smallest margin has them in the wrong order.

    Relations: with one margin, ``CCL(m, Q)``. ``dL/ds⁺ = -P`` below 1; at a margin the slope is the one below it.

    Attributes:
        margins: m_1 < m_2 < … within [-1, 1].
        weights: w_k of 0 or more, one for each margin; they add up to 1, and are multiplied by ``negative_weight``.
        negative_weight: Q of 0 or more; the published settings have 250 to 700.
        positive_weight: P of 0 or more.

    Raises:
        SettingsError: margins and weights differ in number, a margin is outside [-1, 1] or they do not rise, a weight
            is negative, the weights do not add up to 1, or a number is NaN or infinite.

    Example:
        >>> loss = MMCL(margins=(0.5, 0.75), weights=(0.25, 0.75), negative_weight=8)
        >>> loss(torch.tensor([1.0]), torch.tensor([[1.0, 0.625]]))  # 8 · mean(.125 + .1875, .03125)
        tensor([1.3750])
    """

    margins: tuple[float, ...] = (0.7, 0.8, 0.9)
    weights: tuple[float, ...] = (0.10, 0.15, 0.75)
    negative_weight: float = 700.0
    positive_weight: float = 1.0
    ladders = (_WEIGHTS, Ladder([_below(top) for top in _MARGINS], (6, 4, 8), 6))

    def __post_init__(self) -> None:
        for name in ("margins", "weights"):
            object.__setattr__(self, name, _numbers(name, getattr(self, name)))
        self._check_margins()
        self._check_weights()
        check_not_negative("negative_weight", self.negative_weight)
        check_not_negative("positive_weight", self.positive_weight)

    def _check_margins(self) -> None:
        if not self.margins:
            raise SettingsError("margins must hold at least one margin, got none")
        for margin in self.margins:
            _check_margin("margins", margin)
        if any(low >= high for low, high in zip(self.margins, self.margins[1:], strict=False)):
            raise SettingsError(f"margins must be in ascending order, got {list(self.margins)}")

    def _check_weights(self) -> None:
        if len(self.weights) != len(self.margins):
            raise SettingsError(
                f"weights must be as many as margins: {len(self.weights)} weights, {len(self.margins)} margins"
            )
        for weight in self.weights:
            check_not_negative("weights", weight)
        total = sum(self.weights)
        if abs(total - 1) > 1e-6:
            raise SettingsError(
                f"weights must add up to 1, got {list(self.weights)} with the sum {total:g}; "
                "divide them by it and multiply negative_weight"
            )

    def _terms(self, n_negatives: int) -> tuple[float, float, Sequence[tuple[float, float]]]:
        share = self.negative_weight / max(n_negatives, 1)
        return self.positive_weight, share, tuple(zip(self.margins, self.weights, strict=True))


def _check_margin(name: str, margin: float) -> None:
    check_within(name, margin, -1, 1, "as cosines are")


def _numbers(name: str, numbers: object) -> tuple[float, ...]:
    """Convert a list of settings to a tuple, so that it is immutable and hashable."""
    if not isinstance(numbers, list | tuple):
        raise SettingsError(f"{name} must be a list of numbers, got {numbers!r}")
    return tuple(numbers)
