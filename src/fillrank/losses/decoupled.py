"""Softmax losses without the positive in the denominator: decoupled (DCL), and bilateral (BSL)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fillrank.arguments import checked
from fillrank.errors import DataError, SettingsError
from fillrank.losses.base import ScoreLoss, check_above_zero
from fillrank.losses.registry import LOSSES
from fillrank.losses.softmax import TEMPERATURES, USUAL_TEMPERATURES, counted_, log_sum_exp, softmax_

__all__ = ["BSL", "DCL"]


class _Decoupled(ScoreLoss):
    """``c·log Σ_j exp(s⁻_j/τ⁻ - log q_j) - pull(s⁺)``: a term of the negatives minus a term of the positive."""

    uses_log_q = True

    @abstractmethod
    def _sides(self) -> tuple[float, float, float]:
        """``(τ⁺, τ⁻, c)``."""

    def _pull(self, pos: Tensor, empty: Tensor) -> Tensor:  # noqa: ARG002 -- the several-positives form asks
        """The term of the positives, ``[B]``, for autograd."""
        return pos / self._sides()[0]

    def _pull_and_grad(self, pos: Tensor, empty: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """:meth:`_pull` and its derivative, ``[B]`` each."""
        temperature = self._sides()[0]
        return pos / temperature, torch.full_like(pos, 1 / temperature)

    def _value(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:
        _, temperature, weight = self._sides()
        log_sum, empty = log_sum_exp(counted_(neg / temperature, mask, log_q))
        return (weight * log_sum - self._pull(pos, empty)).masked_fill(empty, 0.0)

    def _closed_form(
        self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        _, temperature, weight = self._sides()
        top, total, d_neg = softmax_(neg, temperature, mask, log_q, weight / temperature)
        empty = top == -torch.inf
        pull, d_pull = self._pull_and_grad(pos, empty)
        loss = (weight * (total.log() + top) - pull).masked_fill_(empty, 0.0)
        return loss, d_pull.neg_().masked_fill_(empty, 0.0), d_neg


@LOSSES.own("dcl")
@checked
@dataclass(frozen=True)
class DCL(_Decoupled):
    """Decoupled contrastive loss: InfoNCE without the positive in the denominator (Yeh et al. 2022).

    ``L = -s⁺/τ + log Σ_j exp(s⁻_j/τ - log q_j)``. The gradient on the positive is always 1/τ in size; in InfoNCE it
    becomes smaller for a positive that is ranked well. The loss may be negative. This is the unweighted variant, in one
    direction.

    Relations: ``BSL(τ)`` with ``negative_weight=1``. With one negative it is ``(s⁻ - s⁺)/τ``, linear.

    With ``p`` the softmax over the negatives, ``dL/ds⁺ = -1/τ`` and ``dL/ds⁻_j = p_j/τ``.

    Attributes:
        temperature: τ > 0.

    Raises:
        SettingsError: the temperature is not a positive number.

    Example:
        >>> DCL(temperature=0.5)(torch.tensor([0.5]), torch.tensor([[0.5, 0.5, 0.5]]))  # log 3
        tensor([1.0986])
    """

    temperature: float = 0.1
    ladders = (TEMPERATURES,)

    def __post_init__(self) -> None:
        check_above_zero("temperature", self.temperature, USUAL_TEMPERATURES)

    def _sides(self) -> tuple[float, float, float]:
        return self.temperature, self.temperature, 1.0


@LOSSES.own("bsl")
@checked
@dataclass(frozen=True)
class BSL(_Decoupled):
    """Bilateral softmax loss: a log of a mean of exponentials also over the positives (Wu et al. 2024).

    ``L = -log P̄ + c·log Σ_j exp(s⁻_j/τ⁻ - log q_j)``. With one positive ``log P̄ = s⁺/τ⁺``; with
    ``several_positives``, ``P̄`` is the mean of ``exp(s⁺/τ⁺)`` over the positives that the row's user has *in the
    batch*. So a doubtful positive has little effect if the same user has better ones.

    The authors' code has the same temperature in both exponentials, and calls c the second "temperature". Its mode
    ``reweight`` is this loss; its mode ``multi`` is this loss with ``several_positives``. That mode takes the mean over
    negatives, and this class the sum: the values differ by the constant ``c·log N``, and the gradients are the same.
    The form with two real temperatures, ``-τ⁺·log P̄ + τ⁻·log(…)``, is ``negative_weight=τ⁻/τ⁺``, divided by τ⁺.

    Relations: one positive, equal temperatures and c = 1 make :class:`DCL`.

    With ``several_positives`` the rows of one user share their positives, so the loss must know the user of each row:
    call ``loss.for_users(users)`` for each batch, and pass the whole batch at once. ``d_pos`` is then the derivative of
    the *sum* over the batch, which is right if all rows of a user have the same weight, as in a mean.

    Attributes:
        temperature: τ⁺ > 0, for the positives.
        negative_temperature: τ⁻ > 0, for the negatives; None: the same as for the positives.
        negative_weight: c > 0; the authors' best are 1.22 on Gowalla (τ = .08) and 1.10 on Yelp2018 (τ = .11).
        several_positives: average over a user's positives in the batch.

    Raises:
        SettingsError: a temperature or the weight is not a positive number; or ``several_positives`` is set and the
            loss does not know the users.

    Example:
        >>> pos, neg = torch.tensor([0.9, 0.1]), torch.zeros(2, 4)
        >>> BSL(0.1, negative_weight=1.2)(pos, neg)
        tensor([-7.3364, 0.6636])
        >>> BSL(0.1, negative_weight=1.2, several_positives=True).for_users(torch.tensor([7, 7]))(pos, neg)
        tensor([-6.6436, -6.6436])
    """

    temperature: float = 0.1
    negative_temperature: float | None = None
    negative_weight: float = 1.0
    several_positives: bool = False
    ladders = (TEMPERATURES,)

    def __post_init__(self) -> None:
        check_above_zero("temperature", self.temperature, USUAL_TEMPERATURES)
        if self.negative_temperature is not None:
            check_above_zero("negative_temperature", self.negative_temperature, "None takes that of the positives")
        check_above_zero("negative_weight", self.negative_weight, "1 to 1.3 are usual")
        object.__setattr__(self, "whole_batch", self.several_positives)

    def for_users(self, users: Tensor) -> BSL:
        """The loss for a batch whose rows belong to ``users`` ``[B]``; see ``several_positives``."""
        if not self.several_positives:
            return self
        groups = torch.unique(users, return_inverse=True)[1]
        return _GroupedBSL(self.temperature, self.negative_temperature, self.negative_weight, True, groups=groups)

    def _sides(self) -> tuple[float, float, float]:
        return self.temperature, self.negative_temperature or self.temperature, self.negative_weight

    def _pull(self, pos: Tensor, empty: Tensor) -> Tensor:
        self._refuse_strangers()
        return super()._pull(pos, empty)

    def _pull_and_grad(self, pos: Tensor, empty: Tensor) -> tuple[Tensor, Tensor]:
        self._refuse_strangers()
        return super()._pull_and_grad(pos, empty)

    def _refuse_strangers(self) -> None:
        if self.several_positives:
            raise SettingsError(
                "BSL(several_positives=True) must know the user of each row: call loss.for_users(users) for each batch"
            )


@dataclass(frozen=True, eq=False)
class _GroupedBSL(BSL):
    """:class:`BSL` with several positives for one batch; ``groups`` int64 ``[B]`` numbers the users from 0.

    Rows whose negatives are all masked are left out of their user's mean.
    """

    groups: Tensor = field(kw_only=True)

    def _pull(self, pos: Tensor, empty: Tensor) -> Tensor:
        self._check_length(pos)
        together = (self.groups[:, None] == self.groups[None, :]) & ~empty[None, :]
        exponents = (pos / self.temperature).expand(len(pos), -1).masked_fill(~together, -torch.inf)
        log_sum, _ = log_sum_exp(exponents)
        return log_sum - together.sum(1).clamp(min=1).log()

    def _pull_and_grad(self, pos: Tensor, empty: Tensor) -> tuple[Tensor, Tensor]:
        """In linear time; the derivative is that of the sum over the batch."""
        self._check_length(pos)
        nothing = pos.new_zeros(len(pos))  # there are no more groups than rows
        exponents = (pos / self.temperature).masked_fill(empty, -torch.inf)
        top = (nothing - torch.inf).scatter_reduce(0, self.groups, exponents, "amax")
        top = top.masked_fill(top == -torch.inf, 0.0)[self.groups]
        weights = (exponents - top).exp()
        total = nothing.index_add(0, self.groups, weights)
        total = total.masked_fill(total == 0, 1.0)[self.groups]
        count = nothing.index_add(0, self.groups, (~empty).to(pos.dtype)).clamp_(min=1)[self.groups]
        return (total / count).log() + top, weights / total * count / self.temperature

    def _check_length(self, pos: Tensor) -> None:
        if len(pos) != len(self.groups):
            raise DataError(
                f"the loss has the users of {len(self.groups)} rows and got {len(pos)}: "
                "call for_users for every batch, and pass the whole batch at once"
            )
