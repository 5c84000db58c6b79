"""``FromFunction``: a loss from any function of scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from fillrank.arguments import Own, checked, shown
from fillrank.errors import SettingsError
from fillrank.losses.base import ScoreLoss
from fillrank.registry import check_call, parameters_of

__all__ = ["FromFunction"]


@checked
@dataclass(frozen=True)
class FromFunction(ScoreLoss):
    """A loss from a plain function ``(pos [B], neg [B, N]) → [B]``; autograd computes its gradients.

    A row's loss is a function of the row's own scores. Masks and ``log_q`` are handled as follows:

    * ``mask``: a function with a parameter of that name gets it. All other functions get minus infinity as the score of
      a masked negative, which adds nothing to a softplus, a hinge or a sum of exponentials. A function in which it does
      (a square, a plain mean) must take the mask itself; else its loss is not finite.
    * Rows whose negatives are all masked have the loss 0 and no gradient, unless the function takes the mask.
    * ``log_q``: a function with a parameter of that name gets it; given to any other, it is an error.

    :func:`fillrank.testing.check_loss` checks whether a function keeps the contract.

    Attributes:
        function: differentiable, torch operations only.
        takes_mask: whether the function has a parameter ``mask``; it is found out, not set.

    Raises:
        SettingsError: it cannot be called with ``(pos, neg)``, or (when called) what it returns is not ``[B]``.

    Example:
        >>> softened = FromFunction(lambda pos, neg: (neg - pos[:, None]).exp().sum(1).log1p())
        >>> loss, d_pos, d_neg = softened.value_and_grad(torch.zeros(1), torch.zeros(1, 3))
        >>> loss, d_pos  # log 4, and minus the sum of three quarters
        (tensor([1.3863]), tensor([-0.7500]))
    """

    function: Own[Callable[..., Tensor]]
    takes_mask: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not callable(self.function) or isinstance(self.function, type):
            raise SettingsError(f"a loss must be a function of (pos [B], neg [B, N]), got {shown(self.function)}")
        parameters = parameters_of(self.function)
        object.__setattr__(self, "uses_log_q", "log_q" in parameters)
        object.__setattr__(self, "takes_mask", "mask" in parameters)
        by_name = [name for name in ("mask", "log_q") if name in parameters]
        check_call(f"the loss {_name(self.function)}", self.function, ("pos [B]", "neg [B, N]"), by_name)

    def _value(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor:
        options: dict[str, Any] = {"log_q": log_q} if self.uses_log_q else {}
        if self.takes_mask:
            return self._called(pos, neg, mask=mask, **options)
        if neg.shape[1] == 0:
            return pos * 0
        if mask is None:
            return self._called(pos, neg, **options)
        empty = mask.all(dim=1)
        neg = neg.masked_fill(mask & ~empty[:, None], -torch.inf)  # not in empty rows, where it would give NaN
        return self._called(pos, neg, **options).masked_fill(empty, 0.0)

    def _called(self, pos: Tensor, neg: Tensor, **options: Any) -> Tensor:
        loss = self.function(pos, neg, **options)
        if not isinstance(loss, Tensor) or loss.shape != pos.shape:
            got = f"the shape {list(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise SettingsError(
                f"the loss {_name(self.function)} must return one value for each row, [{len(pos)}], got {got}"
            )
        return loss

    def _closed_form(
        self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        with torch.enable_grad():
            pos, scores = pos.detach().requires_grad_(), neg.detach().requires_grad_()
            loss = self._value(pos, scores, mask, log_q)
            if not loss.requires_grad:
                raise SettingsError(
                    f"the loss {_name(self.function)} does not depend on the scores by torch operations"
                )
            d_pos, d_neg = torch.autograd.grad(loss.sum(), (pos, scores), materialize_grads=True)
        return loss.detach(), d_pos, neg.copy_(d_neg)


def _name(function: Callable[..., Tensor]) -> str:
    return getattr(function, "__name__", type(function).__name__)
