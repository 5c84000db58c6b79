"""What a sampler hands to a loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Negatives", "Sampler"]


@dataclass(frozen=True)
class Negatives:
    """Negatives that a whole batch shares.

    Attributes:
        items: int64 ``[N]``, each item once.
        log_q: float32 ``[N]``, log of the probability that the item is in this draw.
        mask: bool ``[B, N]``, True where the item is a known positive of the row and does not count.
    """

    items: Tensor
    log_q: Tensor
    mask: Tensor


class Sampler(Protocol):
    """Draws what a batch is contrasted with."""

    def sample(self, users: Tensor, positives: Tensor, generator: torch.Generator) -> Negatives:
        """Negatives for a batch of (user, positive) pairs, int64 ``[B]`` each."""
        ...
