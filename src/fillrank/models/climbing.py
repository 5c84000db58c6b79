"""A choice along a row of values, which goes on while the best stands at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["Climb"]

T = TypeVar("T")


@dataclass
class Climb(Generic[T]):
    """Which rung of a ladder to try next, and which did best.

    Attributes:
        rungs: in their order: neighbours are alike.
        first: places of those that are tried in any case, in this order, one ``stride`` from the next.
        scores: of the rungs that were tried, by their places; higher is better.
        stride: rungs from one that is tried to the next. Beyond 1, the rung beside the best that was left out is tried
            in the end, on the side where the better neighbour is.

    Example:
        >>> climb = Climb((1, 2, 4, 8, 16), first=(0, 1))
        >>> while (place := climb.due()) is not None:  # the best is 8
        ...     climb.scores[place] = -abs(climb.rungs[place] - 8)
        >>> climb.best, sorted(climb.scores)
        (3, [0, 1, 2, 3, 4])
    """

    rungs: Sequence[T]
    first: Sequence[int]
    scores: dict[int, float] = field(default_factory=dict)
    stride: int = 1

    def due(self) -> int | None:
        """The place to try next: of the first ones, then beyond an end that is the best, then between two that were
        tried; None when it is settled.
        """
        for place in self.first:
            if place not in self.scores:
                return place
        best, low, high = self.best, min(self.scores), max(self.scores)
        if best == high and high + 1 < len(self.rungs):
            return min(high + self.stride, len(self.rungs) - 1)
        if best == low and low > 0:
            return max(low - self.stride, 0)
        return self._between(best)

    def _between(self, best: int) -> int | None:
        """The place beside the best that was left out, towards the better of those that were tried around it."""
        below = max((place for place in self.scores if place < best), default=best)
        above = min((place for place in self.scores if place > best), default=best)
        better = above if self.scores[above] >= self.scores[below] else below
        if best in (below, above):
            better = above if below == best else below
        beside = best + (better > best) - (better < best)
        return None if beside in self.scores else beside

    @property
    def best(self) -> int:
        """The place that did best; of equals, the one tried first."""
        return max(self.scores, key=lambda place: self.scores[place])

    def near(self, usual: int, *, within: float) -> int:
        """Of the places that did nearly as well as the best, the one nearest to ``usual``.

        A difference that another seed would turn round is no reason to leave what is usual.

        Args:
            usual: a place.
            within: how much less is nearly as well, as a share of the best score.

        Example:
            >>> Climb("abcd", range(4), {0: 0.500, 1: 0.497, 2: 0.48, 3: 0.47}).near(2, within=0.01)
            1
        """
        best = self.scores[self.best]
        good = [place for place, score in self.scores.items() if score >= best - within * abs(best)]
        return min(good, key=lambda place: (abs(place - usual), -self.scores[place]))
