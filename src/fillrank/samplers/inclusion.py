"""Inclusion probabilities: the probability that an item is in a draw with replacement at least once."""

from __future__ import annotations

import torch
from torch import Tensor

from fillrank.samplers.known import KnownPositives

__all__ = ["log_absent", "log_inclusion", "shares"]


def shares(known: KnownPositives) -> Tensor:
    """The share of each item in all positives: float64 ``[n_items]``, summing to 1."""
    counts = torch.bincount(known.columns, minlength=known.n_columns).double()
    return counts / counts.sum()


def log_absent(probability: Tensor) -> Tensor:
    """``log(1 - p)``, the log of the probability that a single draw is another item; float64, exact for small p."""
    return torch.log1p(-probability.double())


def log_inclusion(absent: Tensor) -> Tensor:
    """``log(1 - e^absent)``: from the log probability to be in no draw to that of being in at least one.

    Example:
        >>> chance = log_inclusion(10 * log_absent(torch.tensor([0.5, 1e-9, 1.0])))
        >>> [f"{q:.6g}" for q in chance.exp().tolist()]
        ['0.999023', '1e-08', '1']
    """
    return torch.log(-torch.expm1(absent))
