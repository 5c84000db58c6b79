"""The pairs of rank and regularization that cross-validation tries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np

from fillrank.completion.settings import Settings

__all__ = ["ParameterGrid"]

_STEP = float(np.sqrt(10.0))  # the factor between the regularizations beyond the first ones
_LEAST = 1e-7


@dataclass(frozen=True)
class ParameterGrid:
    """Ranks and strengths to try in all pairs.

    Attributes:
        first: all other settings.
        ranks: in ascending order.
        strengths: strengths of the regularization.
        most: the largest possible rank.
        open_ranks, open_strengths: whether the grid may grow beyond its ends.
    """

    first: Settings
    ranks: tuple[int, ...]
    strengths: tuple[float | Literal["auto"], ...]
    most: int
    open_ranks: bool
    open_strengths: bool

    @property
    def candidates(self) -> list[Settings]:
        """All pairs, the simplest first: by rank ascending, then by regularization descending."""
        strongest_first = sorted(set(self.strengths), key=lambda one: -one if isinstance(one, float | int) else 0)
        return [
            replace(self.first, rank=rank, regularization=one) for rank, one in product(self.ranks, strongest_first)
        ]

    def beyond(self, best: Settings) -> ParameterGrid | None:
        """The grid extended at the end where the best pair is; None if the best is inside or nothing is beyond."""
        ranks, strengths = self.ranks, self.strengths
        if self.open_ranks and best.rank == max(ranks) < self.most:
            ranks = (*ranks, min(2 * best.rank, self.most))
        numbers = [one for one in strengths if isinstance(one, float | int)]
        if self.open_strengths and numbers and isinstance(best.regularization, float | int):
            if best.regularization == min(numbers) > _LEAST:
                strengths = (best.regularization / _STEP, *strengths)
            elif best.regularization == max(numbers) and best.regularization * _STEP <= self.first.strongest:
                strengths = (*strengths, best.regularization * _STEP)
        wider = replace(self, ranks=ranks, strengths=strengths)
        return None if wider == self else wider
