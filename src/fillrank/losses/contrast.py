"""``contrast``: scores of vectors, a loss and its gradients, without storing the scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from fillrank.arguments import checked, fitting

__all__ = ["ClosedFormLoss", "contrast", "contrast_by_autograd"]

_VECTORS = {
    "anchors": "float B d",
    "positives": "float B d",
    "negatives": "float N d",
    "mask": "bool B N?",
    "log_q": "float N|B N?",
}


class ClosedFormLoss(Protocol):
    """A loss with its own gradients with respect to the scores, as :func:`contrast` needs it.

    Every :class:`~fillrank.losses.ScoreLoss` is one.
    """

    def __call__(self, pos: Tensor, neg: Tensor, *, mask: Tensor | None = None, log_q: Tensor | None = None) -> Tensor:
        """``(pos [B], neg [B, N]) → loss [B]``, for autograd."""
        ...

    def value_and_grad(
        self, pos: Tensor, neg: Tensor, *, mask: Tensor | None = None, log_q: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """``(loss [B], d_pos [B], d_neg [B, N])``; may overwrite ``neg``."""
        ...


@checked
def contrast(
    loss: ClosedFormLoss,
    anchors: Tensor,
    positives: Tensor,
    negatives: Tensor,
    mask: Tensor | None = None,
    log_q: Tensor | None = None,
) -> Tensor:
    """The loss of each anchor against its positive and the negatives that the batch shares.

    The score block ``[B, N]`` is computed once and overwritten by its gradient. Nothing of that size is kept for the
    backward pass. :func:`contrast_by_autograd` is the readable twin.

    Args:
        loss: a loss in closed form.
        anchors: float ``[B, d]``.
        positives: float ``[B, d]``, the positive of each anchor.
        negatives: float ``[N, d]``, shared by the batch.
        mask: bool ``[B, N]``, True for a negative that does not count.
        log_q: float ``[N]``, see :class:`fillrank.losses.InfoNCE`.

    Returns:
        ``[B]``, differentiable in the three sets of vectors.

    Example:
        >>> from fillrank.losses import CCL
        >>> users, items = torch.eye(2).requires_grad_(), torch.eye(2).requires_grad_()
        >>> loss = contrast(CCL(margin=0.5, negative_weight=2.0), users, items, items)
        >>> loss  # each row: 0 for the positive, 2 · mean(.5, 0) for the negatives
        tensor([0.5000, 0.5000], grad_fn=<_ContrastBackward>)
        >>> loss.mean().backward()
        >>> users.grad
        tensor([[0.5000, 0.0000],
                [0.0000, 0.5000]])
    """
    fitting(_VECTORS, anchors=anchors, positives=positives, negatives=negatives, mask=mask, log_q=log_q)
    return cast("Tensor", _Contrast.apply(loss, anchors, positives, negatives, mask, log_q))  # type: ignore[no-untyped-call]


@checked
def contrast_by_autograd(
    loss: Callable[..., Tensor],
    anchors: Tensor,
    positives: Tensor,
    negatives: Tensor,
    mask: Tensor | None = None,
    log_q: Tensor | None = None,
) -> Tensor:
    """The readable twin of :func:`contrast`, for its tests."""
    fitting(_VECTORS, anchors=anchors, positives=positives, negatives=negatives, mask=mask, log_q=log_q)
    return loss((anchors * positives).sum(1), anchors @ negatives.T, mask=mask, log_q=log_q)


class _Contrast(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        loss: ClosedFormLoss,
        anchors: Tensor,
        positives: Tensor,
        negatives: Tensor,
        mask: Tensor | None,
        log_q: Tensor | None,
    ) -> Tensor:
        pos, neg = (anchors * positives).sum(1), anchors @ negatives.T
        value, d_pos, d_neg = loss.value_and_grad(pos, neg, mask=mask, log_q=log_q)
        ctx.save_for_backward(anchors, positives, negatives, d_pos, d_neg)
        return value

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        anchors, positives, negatives, d_pos, d_neg = ctx.saved_tensors
        weight = outer[0][:, None].to(anchors.dtype)  # scale the vectors, so that no second block [B, N] is needed
        d_anchors = torch.addcmul(d_neg @ negatives, d_pos[:, None], positives) * weight
        weighted = anchors * weight
        return None, d_anchors, d_pos[:, None] * weighted, d_neg.T @ weighted, None, None
