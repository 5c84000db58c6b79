"""Softmax losses that look at the top of the list: ``SLatK`` and ``Talos``."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from fillrank.arguments import checked, count
from fillrank.losses.base import check_above_zero
from fillrank.losses.decoupled import DCL
from fillrank.losses.ladder import Ladder
from fillrank.losses.registry import LOSSES
from fillrank.losses.softmax import GENTLE_TEMPERATURES, TEMPERATURES, counted_, log_sum_exp, softmax_
from fillrank.losses.thresholds import ThresholdLoss, kth_largest

__all__ = ["SLatK", "Talos"]


@LOSSES.own("slatk")
@checked
@dataclass(frozen=True)
class SLatK(ThresholdLoss):
    """SL@K: the softmax loss of a positive, times how near it is to the top K of its user's list (Yang et al. 2025).

    ``L = w·log Σ_j exp((s⁻_j - s⁺)/τ - log q_j)`` with ``w = sigmoid((s⁺ - β_u)/τ_w)``, and β_u the K-th best score of
    user u over all items. So what has no hope of the first K places, maybe a positive by mistake, is let off. The
    weight is a function of the score and has a gradient, as in the authors' code; β_u has none.

    The authors take the K-th best of the user's positives and some 1,000 sampled negatives. Here a sampled negative
    stands for its share of the catalogue, so that β_u estimates what the text defines, and is it where
    ``refresh_items`` is None.

    Relations: it is :class:`DCL` with w for its ``row_weight``. A positive that is hopeless *and* costly may be pushed
    down, since w is smaller there.

    With ``p`` the softmax over the negatives and ``S`` the loss without weight, ``dL/ds⁻_j = w·p_j/τ`` and
    ``dL/ds⁺ = -w/τ + w·(1 - w)·S/τ_w``.

    Attributes:
        temperature: τ > 0.
        weight_temperature: τ_w > 0; large ones weigh all alike. The authors' are .5 to 3.
        k: K of 1 or more.
        threshold, refresh_every, refresh_items: see :class:`ThresholdLoss`.

    Raises:
        SettingsError: a setting is out of its range.

    Example:
        >>> loss = SLatK(temperature=0.5, weight_temperature=1.0)
        >>> pos, neg = torch.tensor([0.5]), torch.tensor([[0.5, 0.5, 0.5]])
        >>> loss.with_thresholds(torch.tensor([0.5]))(pos, neg)  # half of log 3
        tensor([0.5493])
        >>> loss.thresholds_of(torch.arange(100.0)[None])
        tensor([80.])
    """

    temperature: float = 0.1
    weight_temperature: float = 1.0
    k: int = 20
    threshold: float = 0.5
    refresh_every: int = 5
    refresh_items: int | None = None
    uses_log_q = True
    ladders = (
        TEMPERATURES,
        Ladder.along(
            "weight_temperature",
            (0.1, 0.18, 0.32, 0.56, 1.0, 1.8, 3.2, 5.6, 10.0),
            first=(1.0, 0.32, 3.2),
            usual=1.0,
            hasty=True,
        ),
    )

    def __post_init__(self) -> None:
        check_above_zero("temperature", self.temperature, "0.05 to 0.5 are usual")
        check_above_zero("weight_temperature", self.weight_temperature, "0.5 to 3 are usual")
        count("k", self.k)
        self._check_thresholds()

    def _thresholds_of(self, scores: Tensor, counts: Tensor | None) -> Tensor:
        return kth_largest(scores, self.k, counts)

    def _weight(self, pos: Tensor) -> Tensor:
        return ((pos - self._beta(pos)) / self.weight_temperature).sigmoid()

    def _value(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:
        return DCL(self.temperature)(pos, neg, mask=mask, log_q=log_q, row_weight=self._weight(pos))

    def _closed_form(
        self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        weight = self._weight(pos)
        loss, d_pos, d_neg = DCL(self.temperature).value_and_grad(pos, neg, mask=mask, log_q=log_q, row_weight=weight)
        return loss, d_pos + loss * (1 - weight) / self.weight_temperature, d_neg


@LOSSES.own("talos")
@checked
@dataclass(frozen=True)
class Talos(ThresholdLoss):
    """Top-K accuracy by a softmax of scores that are bent at the K-th best (Zhang et al. 2026).

    ``L = -a(s⁺ - β_u)/τ + log Σ_j exp(a(s⁻_j - β_u)/τ - log q_j)`` with ``a(x) = log sigmoid(x)``, and β_u the K-th
    best score of user u over all items. So what is in the top K already moves less.

    The authors learn β_u by steps of a quantile regression (pinball loss, ``1 - K/n_items``) beside the training; here
    it is the quantile itself, over all items or estimated from sampled ones.

    Relations: with a(x) = x this would be :class:`DCL`. Scores are cosines in the authors' code, where a(x) is nearly
    ``x/2``, so that its τ is about half of :class:`DCL`'s.

    With ``p`` the softmax over the negatives, ``dL/ds⁺ = -sigmoid(β_u - s⁺)/τ`` and
    ``dL/ds⁻_j = p_j·sigmoid(β_u - s⁻_j)/τ``.

    Attributes:
        temperature: τ > 0; the authors try .05 to .3.
        k: K of 1 or more.
        threshold, refresh_every, refresh_items: see :class:`ThresholdLoss`.

    Raises:
        SettingsError: a setting is out of its range.

    Example:
        >>> Talos(temperature=1.0, threshold=0.5)(torch.tensor([0.5]), torch.tensor([[0.5, 0.5]]))  # log 2
        tensor([0.6931])
    """

    temperature: float = 0.1
    k: int = 20
    threshold: float = 0.0
    refresh_every: int = 1
    refresh_items: int | None = None
    uses_log_q = True
    ladders = (GENTLE_TEMPERATURES,)

    def __post_init__(self) -> None:
        check_above_zero("temperature", self.temperature, "0.05 to 0.3 are usual")
        count("k", self.k)
        self._check_thresholds()

    def _thresholds_of(self, scores: Tensor, counts: Tensor | None) -> Tensor:
        return kth_largest(scores, self.k, counts)

    def _value(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:
        beta = self._beta(pos)
        bent = logsigmoid(neg - beta[:, None]) / self.temperature
        log_sum, empty = log_sum_exp(counted_(bent, mask, log_q))
        return (log_sum - logsigmoid(pos - beta) / self.temperature).masked_fill(empty, 0.0)

    def _closed_form(
        self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        beta = self._beta(pos)
        over = neg.sub_(beta[:, None])
        bent = logsigmoid(over)
        slopes = over.neg_().sigmoid_()
        top, total, weights = softmax_(bent, self.temperature, mask, log_q, 1 / self.temperature)
        empty = top == -torch.inf
        loss = (total.log() + top - logsigmoid(pos - beta) / self.temperature).masked_fill_(empty, 0.0)
        d_pos = ((beta - pos).sigmoid() / -self.temperature).masked_fill_(empty, 0.0)
        return loss, d_pos, slopes.mul_(weights)
