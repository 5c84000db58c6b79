"""Every item alike."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fillrank.errors import SettingsError
from fillrank.samplers.base import Negatives
from fillrank.samplers.known import KnownPositives

__all__ = ["Uniform"]


class Uniform:
    """``n`` items drawn without replacement from the whole catalogue, shared by the batch.

    Known positives of a user are masked for that user. ``log_q`` is ``log(n / n_items)`` for every item.

    Args:
        known: the positives, rows = users.
        n: how many; at most the size of the catalogue.
        correct: give that ``log_q``; if False it is zero.

    Raises:
        SettingsError: ``n`` is below 1 or above the number of items.
    """

    def __init__(self, known: KnownPositives, n: int, *, correct: bool = True) -> None:
        if not 1 <= n <= known.n_columns:
            raise SettingsError(f"n_negatives must be from 1 to the {known.n_columns} items there are, got {n}")
        self._known, self.n = known, n
        self._log_q = math.log(n / known.n_columns) if correct else 0.0

    def sample(self, users: Tensor, positives: Tensor, generator: torch.Generator) -> Negatives:  # noqa: ARG002
        """See :class:`fillrank.samplers.Sampler`."""
        drawn = torch.randperm(self._known.n_columns, generator=generator, device=generator.device)[: self.n]
        items = drawn.to(users.device)
        log_q = torch.full((self.n,), self._log_q, device=users.device)
        return Negatives(items, log_q, self._known.mask(users, items))
