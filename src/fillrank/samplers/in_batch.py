"""The batch's own positives as negatives."""

from __future__ import annotations

import torch
from torch import Tensor

from fillrank.samplers.base import Negatives
from fillrank.samplers.known import KnownPositives

__all__ = ["InBatch"]


class InBatch:
    """Each user is contrasted with the *other* items of the batch.

    Free of charge, but with three traps, each of which is met here:

    * an item that stands twice in the batch would count twice: every item is taken once;
    * an item that this user likes too would be pushed away: known positives are masked;
    * popular items come up in proportion to their popularity, and would be pushed away in the same proportion:
      ``log_q`` is the log of the probability ``1 - (1 - p_i)^B`` that item i is in a batch of B positives, with
      ``p_i`` its share of all positives.

    Args:
        known: the positives, rows = users.
        correct: give that ``log_q``; if False it is zero for all, and popular items are pushed down.
    """

    def __init__(self, known: KnownPositives, *, correct: bool = True) -> None:
        counts = torch.bincount(known.columns, minlength=known.n_columns).double()
        self._known, self._correct = known, correct
        self._log_absent = torch.log1p(-counts / counts.sum().clamp(min=1))

    def sample(self, users: Tensor, positives: Tensor, generator: torch.Generator) -> Negatives:  # noqa: ARG002
        """See :class:`fillrank.samplers.Sampler`; nothing is drawn, the generator is left alone."""
        items = torch.unique(positives)
        absent = len(positives) * self._log_absent[items]  # log of the chance that no row of the batch holds the item
        log_q = torch.log(-torch.expm1(absent)) if self._correct else torch.zeros_like(absent)
        return Negatives(items, log_q.float(), self._known.mask(users, items))
