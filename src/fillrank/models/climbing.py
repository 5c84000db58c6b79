"""A search along an ordered list of values, which goes on while the best value is at an end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["Climb"]

T = TypeVar("T")


@dataclass
class Climb(Generic[T]):
    """Says which rung of a ladder to try next, and which is the best.

    Attributes:
        rungs: the values in order, so that neighbours are similar.
        first: indices of the rungs that are always tried, in this order, ``stride`` apart.
        scores: the scores of the rungs tried so far, by index; higher is better.
        stride: distance between the rungs that are tried. If it is above 1, one skipped rung beside the best is tried
            at the end, on the side of the better neighbour.

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
        """The index to try next; None when the search is over.

        First the indices in ``first``, then one beyond an end if the end is the best, then one between two.
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
        """The skipped index beside the best, on the side of the better neighbour."""
        below = max((place for place in self.scores if place < best), default=best)
        above = min((place for place in self.scores if place > best), default=best)
        better = above if self.scores[above] >= self.scores[below] else below
        if best in (below, above):
            better = above if below == best else below
        beside = best + (better > best) - (better < best)
        return None if beside in self.scores else beside

    @property
    def best(self) -> int:
        """The index of the best rung; of equals, the one tried first."""
        return max(self.scores, key=lambda place: self.scores[place])

    def near(self, usual: int, *, within: float) -> int:
        """Of the rungs that are nearly as good as the best, the index that is nearest to ``usual``.

        A difference that may have the opposite sign with another seed is no reason to leave the usual value.

        Args:
            usual: an index.
            within: the largest loss that counts as nearly as good, as a share of the best score.

        Example:
            >>> Climb("abcd", range(4), {0: 0.500, 1: 0.497, 2: 0.48, 3: 0.47}).near(2, within=0.01)
            1
        """
        best = self.scores[self.best]
        good = [place for place, score in self.scores.items() if score >= best - within * abs(best)]
        return min(good, key=lambda place: (abs(place - usual), -self.scores[place]))
