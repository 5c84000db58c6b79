"""Draw negatives for a batch, or for one process's part of it."""

from __future__ import annotations

import torch
from torch import Tensor

from fillrank.samplers import Negatives, Sampler, Score
from fillrank.training.autograd.step import Batch

__all__ = ["draw"]


def draw(
    sampler: Sampler, batch: Batch, generator: torch.Generator, score: Score | None = None
) -> tuple[Negatives, Tensor]:
    """Draw the negatives of the rows of ``batch``; also return all items that the whole batch uses.

    Random numbers are always drawn for the whole batch, so that the generators of all processes stay equal.

    Returns:
        ``(negatives of the rows, items)``, with items int64 ``[N]``, or ``[B, N]`` for the B rows of the whole batch.
    """
    everyone = batch.all
    if batch.whole is None or getattr(sampler, "shared", True):
        drawn = sampler.sample(batch.users, everyone.items, generator, score)
        return drawn, drawn.items
    whole = sampler.sample(everyone.users, everyone.items, generator, score)
    return whole.rows(batch.rows_of_whole), whole.items
