"""``ThresholdLoss``: losses that know, for each user, the score from which an item is in the top of the list."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any, Self

import torch
from torch import Tensor

from fillrank.arguments import checked, count, fitting
from fillrank.errors import DataError, SettingsError
from fillrank.losses.base import ScoreLoss

__all__ = ["ThresholdLoss", "kth_largest"]


class ThresholdLoss(ScoreLoss):
    """Base class of the losses of scores with a threshold ``β_u`` for each user, which is no part of the gradient.

    The loss says how a threshold follows from a user's scores (:meth:`thresholds_of`); who trains keeps the thresholds
    and refreshes them every ``refresh_every`` epochs (:class:`fillrank.training.Thresholds`), and binds the loss to
    those of each batch (:meth:`with_thresholds`). A loss that is not bound takes ``threshold`` for everybody.

    Attributes:
        threshold: for everybody, where nobody has found better.
        refresh_every: epochs from one refreshing to the next; the first is before the first epoch.
        refresh_items: so many items, drawn anew each time, stand for all that a user has not met; None: every item.
        of_positives: whether a user's own positives count for their threshold.
    """

    threshold: float
    refresh_every: int
    refresh_items: int | None
    of_positives: bool = True
    _bound: Tensor | None = None

    @checked
    def with_thresholds(self, thresholds: Tensor) -> Self:
        """The same loss for a batch whose rows have these ``thresholds``, float ``[B]``."""
        fitting({"thresholds": "float B"}, thresholds=thresholds)
        bound = copy.copy(self)
        object.__setattr__(bound, "_bound", thresholds.detach())
        return bound

    def rows(self, rows: slice) -> Self:
        """See :meth:`fillrank.losses.ScoreLoss.rows`."""
        return self if self._bound is None else self.with_thresholds(self._bound[rows])

    @checked
    def thresholds_of(self, scores: Tensor, counts: Tensor | None = None) -> Tensor:
        """The thresholds ``[B]`` of users with these ``scores``.

        Args:
            scores: of items, float ``[B, M]``, at least one.
            counts: how many items each of them stands for, ``[B, M]``; with 0 the score is not looked at. None: 1.
        """
        fitting({"scores": "float B M", "counts": "float B M?"}, scores=scores, counts=counts)
        if not scores.shape[1]:
            raise DataError("a threshold follows from the scores of items, and scores has none: its shape is [B, 0]")
        return self._thresholds_of(scores, counts)

    @abstractmethod
    def _thresholds_of(self, scores: Tensor, counts: Tensor | None) -> Tensor: ...

    def _beta(self, pos: Tensor) -> Tensor:
        """The threshold of each row, ``[B]``, in the type of its scores."""
        if self._bound is None:
            return torch.full_like(pos, self.threshold, requires_grad=False)
        if len(self._bound) != len(pos):
            raise DataError(
                f"the loss has the thresholds of {len(self._bound)} rows and got {len(pos)}: "
                "call with_thresholds for every batch, and rows for a part of one"
            )
        return self._bound.to(pos)

    def _check_thresholds(self) -> None:
        if not _is_finite(self.threshold):
            raise SettingsError(f"threshold must be a finite number, got {self.threshold!r}")
        count("refresh_every", self.refresh_every)
        if self.refresh_items is not None:
            count("refresh_items", self.refresh_items)


def kth_largest(scores: Tensor, k: int, counts: Tensor | None = None) -> Tensor:
    """The k-th largest score of each row, ``[B]``; the smallest, where there are fewer.

    Args:
        scores: ``[B, M]``.
        k: of the items that the scores stand for.
        counts: how many items each score stands for, ``[B, M]``; None: 1.

    Example:
        >>> scores = torch.tensor([[0.1, 0.4, 0.3, 0.2]])
        >>> kth_largest(scores, 2), kth_largest(scores, 2, torch.tensor([[1.0, 0.5, 1.0, 1.0]]))
        (tensor([0.3000]), tensor([0.2000]))
        >>> kth_largest(scores, 9), kth_largest(scores, 1, torch.tensor([[1.0, 0.0, 0.0, 1.0]]))
        (tensor([0.1000]), tensor([0.2000]))
    """
    if counts is None:
        return scores.topk(min(k, scores.shape[1]), dim=1).values[:, -1]
    ordered, order = scores.masked_fill(counts == 0, -torch.inf).sort(dim=1, descending=True)
    better = counts.gather(1, order).cumsum(dim=1) < k
    last = (counts > 0).sum(dim=1, keepdim=True) - 1
    place = torch.minimum(better.sum(dim=1, keepdim=True), last).clamp_(min=0)
    return ordered.gather(1, place)[:, 0]


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
