"""The ranks of a decomposition to try on a log, and the size of the decomposition for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from fillrank.data import Interactions
from fillrank.models.grid import Axis

__all__ = ["RankLadder"]

_RUNGS = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
_SMALLEST_SIZE = 64
_MOST_WORK = 1e11


@dataclass(frozen=True)
class RankLadder:
    """The ranks to try on a log; one decomposition serves all ranks above half of its size.

    The sizes are 64, 128, 256, … Each takes four times the work of the one before, so all together take at most a third
    more than the largest, which has at most twice as many directions as are kept.

    Attributes:
        rungs: the ranks, in ascending order.
        most: the largest possible rank: the smaller side of the log.
    """

    rungs: tuple[int, ...]
    most: int

    @classmethod
    def of(cls, interactions: Interactions, *, bounded: bool) -> Self:
        """The ranks that are possible for a log, at most 2,048.

        Args:
            interactions: the log to decompose.
            bounded: leave out ranks that need more than ``nnz·size + (users + items)·size² = 10¹¹`` multiplications for
                each pass over the log.

        Example:
            >>> log = Interactions.from_arrays([0, 1, 2, 3, 4], [0, 1, 2, 3, 4])
            >>> RankLadder.of(log, bounded=True)
            RankLadder(rungs=(1, 2, 4), most=5)
        """
        most = min(interactions.n_users, interactions.n_items)
        room = cls(tuple(rank for rank in _RUNGS if rank <= max(most, 1)), most)
        if not bounded:
            return room
        payable = [rank for rank in room.rungs if _work(interactions, room.size(rank)) <= _MOST_WORK]
        return cls(tuple(payable) or room.rungs[:1], most)

    def axis(self, first: Sequence[int]) -> Axis:
        """A search that tries ``first`` (the possible ones), and goes on beyond their ends."""
        return Axis(
            tuple(rank for rank in first if rank in self.rungs), rungs=self.rungs, allowed=self.rungs.__contains__
        )

    def size(self, rank: int) -> int:
        """The size of the decomposition that is used for ``rank``."""
        size = _SMALLEST_SIZE
        while size < rank:
            size *= 2
        return min(size, self.most)


def _work(interactions: Interactions, size: int) -> float:
    return len(interactions) * size + float(interactions.n_users + interactions.n_items) * size**2
