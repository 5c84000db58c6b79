"""The ranks of a decomposition that are tried on a log, and the size of the decomposition for each."""

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
    """The ranks that may be tried on a log; one decomposition serves all that are above half of its size.

    Sizes are 64, 128, 256, ... As each takes four times the work of the one before, all together take at most a third
    more than the largest, and that one is of at most twice the directions that are kept.

    Attributes:
        rungs: the ranks, in rising order.
        most: the largest rank that the log has: its smaller side.
    """

    rungs: tuple[int, ...]
    most: int

    @classmethod
    def of(cls, interactions: Interactions, *, bounded: bool) -> Self:
        """The ranks that a log has room for, at most 2,048.

        Args:
            interactions: what is decomposed.
            bounded: leave out what takes more than ``nnz·size + (users + items)·size² = 10¹¹`` multiplications for each
                pass over the log.

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
        """A search that tries ``first``, as far as they are allowed, and goes on beyond their ends."""
        return Axis(
            tuple(rank for rank in first if rank in self.rungs), rungs=self.rungs, allowed=self.rungs.__contains__
        )

    def size(self, rank: int) -> int:
        """How many directions are decomposed where ``rank`` is tried."""
        size = _SMALLEST_SIZE
        while size < rank:
            size *= 2
        return min(size, self.most)


def _work(interactions: Interactions, size: int) -> float:
    return len(interactions) * size + float(interactions.n_users + interactions.n_items) * size**2
