"""Losses of single cells: how far a prediction is from a value."""

from __future__ import annotations

from torch import Tensor

__all__ = ["squared_error"]


def squared_error(predicted: Tensor, values: Tensor) -> Tensor:
    """``(predicted - value)²`` of each cell: ``[B]``, ``[B]`` → ``[B]``."""
    return (predicted - values).square()
