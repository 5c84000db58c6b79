"""The two interfaces of losses, the checks of arguments, and the working precision."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from fillrank.arguments import shown
from fillrank.errors import DataError, SettingsError
from fillrank.losses.ladder import Ladder
from fillrank.registry import check_call

__all__ = ["ScoreLoss", "VectorLoss", "check_above_zero", "check_not_negative", "check_within", "wants_kernel"]

_KERNEL_FROM = 2**16  # scores; for fewer, compiling a kernel (about a second, once) costs more than it saves


class ScoreLoss(ABC):
    """Base class of the losses of scores, with gradients in closed form.

    ``(pos [B], neg [B, N]) → loss [B]``: each row has one positive and N negatives. These rules hold for all losses:

    * *Masked negatives* (``mask`` is True) add nothing to the loss and get no gradient. An average over negatives still
      divides by N, the number drawn.
    * *A row whose negatives are all masked* has nothing to compare with. Losses that compare (softmax and pairwise)
      give 0 and no gradient; losses that add up single scores (logistic, CCL, MMCL) keep the term of the positive.
    * *``log_q``*, the log of the expected number of draws, is used by the losses with a sum inside a logarithm
      (``uses_log_q``). All others refuse it, so that it is never ignored in silence.
    * *At a kink* (a score exactly on a margin) the derivative is the one that is smaller in size, 0 for a single hinge.
    * *Half precision* is widened: scores in bfloat16 or float16 are converted to float32, and so the loss is float32;
      the gradients have the type of the scores.

    A subclass writes the loss twice: ``_value``, readable and for autograd, and ``_closed_form``, in place. Both take
    ``(pos, neg, mask, log_q)``; ``_value`` returns the loss ``[B]``, and ``_closed_form`` returns
    ``(loss [B], d_pos [B], d_neg [B, N])``.
    """

    uses_log_q: bool = False
    """Whether the loss accepts ``log_q``."""

    ladders: ClassVar[Sequence[Ladder]] = ()
    """Which of its settings are chosen on the validation part if they are not given, from which values, in which order.
    Empty: all settings keep their defaults."""

    whole_batch: bool = False
    """Whether the loss of a row depends on other rows. Then call :meth:`for_users`, and pass the whole batch."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Refuse a subclass whose methods cannot be called with the arguments that they get.

        Raises:
            SettingsError: ``_value`` or ``_closed_form`` has another signature.
        """
        super().__init_subclass__(**keywords)
        for name in ("_value", "_closed_form"):
            if callable(method := vars(cls).get(name)):
                check_call(f"{cls.__name__}.{name}", method, ("self", "pos [B]", "neg [B, N]", "mask", "log_q"))

    def __call__(
        self,
        pos: Tensor,
        neg: Tensor,
        *,
        mask: Tensor | None = None,
        log_q: Tensor | None = None,
        row_weight: Tensor | None = None,
    ) -> Tensor:
        """The loss of each positive, for autograd: the readable twin of :meth:`value_and_grad`.

        Args:
            pos: scores of the positives, ``[B]``.
            neg: scores of the negatives, ``[B, N]``.
            mask: bool ``[B, N]``, True for a negative that does not count (it is a positive of this user).
            log_q: log of the expected number of draws of each negative, ``[N]`` or ``[B, N]``.
            row_weight: the factor of each row's loss, ``[B]``; None: 1.

        Returns:
            ``[B]``.

        Raises:
            DataError: the shapes do not fit together.
            SettingsError: ``log_q`` is given and this loss does not use it; or ``_value`` does not return ``[B]``.
        """
        self._check(pos, neg, mask, log_q, row_weight)
        value = self._value(_wide(pos), _wide(neg), mask, log_q)
        self._check_returned("_value", (value,), pos.shape)
        return value if row_weight is None else value * row_weight

    def value_and_grad(
        self,
        pos: Tensor,
        neg: Tensor,
        *,
        mask: Tensor | None = None,
        log_q: Tensor | None = None,
        row_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The loss and its gradients in closed form, in a few element-wise passes. **Overwrites** ``neg``.

        Returns:
            ``(loss [B], d_pos [B], d_neg [B, N])``, the derivatives of each row's own loss; ``d_neg`` uses the memory
                of ``neg``.
        """
        self._check(pos, neg, mask, log_q, row_weight)
        with torch.no_grad():
            work = _wide(neg)
            found = self._closed_form(_wide(pos), work, mask, log_q)
            self._check_returned("_closed_form", found, pos.shape, pos.shape, neg.shape)
            loss, d_pos, d_neg = found
            if row_weight is not None:
                loss, d_pos, d_neg = loss * row_weight, d_pos * row_weight, d_neg.mul_(row_weight[:, None])
            if work is not neg:
                d_neg = neg.copy_(d_neg)
            return loss, d_pos.to(pos.dtype), d_neg

    def for_users(self, users: Tensor) -> ScoreLoss:  # noqa: ARG002 -- most losses do not ask whose row is whose
        """The loss for a batch whose rows belong to ``users`` ``[B]``; only losses with several positives change."""
        return self

    def rows(self, rows: slice) -> ScoreLoss:  # noqa: ARG002 -- most losses are the same for every row
        """The loss for a part of its batch; only losses that are bound to the rows of a batch change."""
        return self

    @abstractmethod
    def _value(self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None) -> Tensor: ...

    @abstractmethod
    def _closed_form(
        self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]: ...

    def _check_returned(self, method: str, found: Any, *wanted: torch.Size) -> None:
        """Check what a subclass returns: tensors of these shapes."""
        found = found if isinstance(found, tuple) else (found,)
        if [getattr(one, "shape", None) for one in found] == list(wanted):
            return
        got = ", ".join(str(list(one.shape)) if isinstance(one, Tensor) else shown(one) for one in found)
        shapes = ", ".join(str(list(shape)) for shape in wanted)
        raise SettingsError(f"{type(self).__name__}.{method} must return tensors of the shapes {shapes}, got {got}")

    def _check(
        self, pos: Tensor, neg: Tensor, mask: Tensor | None, log_q: Tensor | None, row_weight: Tensor | None = None
    ) -> None:
        given = {"pos": pos, "neg": neg, "mask": mask, "log_q": log_q, "row_weight": row_weight}
        for name, tensor in given.items():
            if not isinstance(tensor, Tensor) and (tensor is not None or name in {"pos", "neg"}):
                raise DataError(f"{name} must be a Tensor, got {shown(tensor)}; torch.as_tensor makes one")
        if not (pos.is_floating_point() and neg.is_floating_point() and pos.device == neg.device):
            raise DataError(
                f"scores of floating point on one device are wanted, got pos {pos.dtype} on {pos.device} and neg "
                f"{neg.dtype} on {neg.device}"
            )
        if neg.ndim != 2 or pos.shape != neg.shape[:1]:
            raise DataError(
                f"pos [B] and neg [B, N] are wanted, got the shapes {list(pos.shape)} and {list(neg.shape)}"
            )
        if mask is not None and (mask.shape != neg.shape or mask.dtype != torch.bool):
            raise DataError(
                f"the mask must be bool and of neg's shape {list(neg.shape)}, got {mask.dtype}, {list(mask.shape)}"
            )
        if row_weight is not None and (row_weight.shape != pos.shape or not row_weight.is_floating_point()):
            raise DataError(
                f"row_weight must be of floating point and of pos's shape {list(pos.shape)}, got {row_weight.dtype}, "
                f"{list(row_weight.shape)}"
            )
        if log_q is None:
            return
        if not self.uses_log_q:
            raise SettingsError(
                f"{type(self).__name__} has no sum inside a logarithm for log_q to correct: leave log_q out "
                "(losses with uses_log_q take it)"
            )
        if not log_q.is_floating_point():
            raise DataError(f"log_q must be of floating point, got {log_q.dtype}")
        if log_q.shape not in (neg.shape, neg.shape[1:]):
            raise DataError(f"log_q must be [N] or [B, N] for neg {list(neg.shape)}, got the shape {list(log_q.shape)}")


class VectorLoss(Protocol):
    """``(first [B, d], second [B, d]) → loss [B]``: the rows b of both belong together; the batch's loss is the mean.

    A row's loss may depend on the other rows of the batch, which it is contrasted with. The class may have ``ladders``,
    like a :class:`ScoreLoss`.

    Attributes:
        of_vectors: True, to distinguish it from a loss of scores.
    """

    @property
    def of_vectors(self) -> bool:
        """True."""
        ...

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """The loss of each row, for autograd."""
        ...


def wants_kernel(scores: Tensor) -> bool:
    """Whether the compiled kernels of :mod:`fillrank.losses.row_kernels` support such scores, and are faster."""
    plain = scores.device.type == "cpu" and scores.dtype == torch.float32 and scores.is_contiguous()
    return plain and scores.numel() >= _KERNEL_FROM


def check_above_zero(name: str, value: float, advice: str) -> None:
    """Refuse a ``value`` that is not a positive, finite number (``SettingsError``)."""
    if not (_is_number(value) and 0 < value < float("inf")):
        raise SettingsError(f"{name} must be a positive number, got {value!r}; {advice}")


def check_not_negative(name: str, value: float) -> None:
    """Refuse a ``value`` that is not a finite number of 0 or more (``SettingsError``)."""
    if not (_is_number(value) and 0 <= value < float("inf")):
        raise SettingsError(f"{name} must be a number of 0 or more, got {value!r}")


def check_within(name: str, value: float, lowest: float, highest: float, why: str) -> None:
    """Refuse a ``value`` outside of ``lowest <= value <= highest`` (``SettingsError``)."""
    if not (_is_number(value) and lowest <= value <= highest):
        raise SettingsError(f"{name} must be within [{lowest:g}, {highest:g}], {why}; got {value!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wide(scores: Tensor) -> Tensor:
    """Convert half precision to float32; keep other types."""
    return scores.float() if scores.dtype in {torch.bfloat16, torch.float16} else scores
