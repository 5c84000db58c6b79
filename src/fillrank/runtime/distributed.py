"""The processes that train one model together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

if dist.is_available():
    # Its functions have the group of all processes as a default, as it is when they are imported. An optimiser imports
    # them: after the processes have met, they would hold the group for good, and its threads would run on into the end
    # of the interpreter, which now and then aborts a process whose work is done.
    import torch.distributed.nn.functional

__all__ = ["World"]

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """One of ``size`` processes, each with the whole model and its part of every batch.

    Every process draws the same batches and the same negatives from the same streams, works on its own rows of a batch,
    and adds its gradients to the others'. So n processes take the steps that one would take, and keep equal tables
    without ever sending one. Where the rows of a batch are shared out by their users (:meth:`own`), nobody else has a
    gradient for a process's users: those are neither sent nor moved elsewhere, until somebody wants to see them all
    (:meth:`all_gather`).

    Attributes:
        rank: of this process, from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> Self:
        """The world that ``torchrun`` made, or one process alone."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()

    def shard(self, n: int) -> slice:
        """Which of ``n`` rows are this process's: parts differ by one row at most.

        >>> [World(rank, 2).shard(5) for rank in (0, 1)]
        [slice(0, 2, None), slice(2, 5, None)]
        """
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def all_reduce(self, *tensors: Tensor) -> None:
        """Replace each tensor by its sum over all processes, in one message."""
        self.begin_all_reduce(*tensors)()

    def begin_all_reduce(self, *tensors: Tensor) -> Callable[[], None]:
        """Begin what :meth:`all_reduce` does; what it gives is called to end it, after other work if there is any."""
        if self.size == 1:
            return _nothing
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        message = dist.all_reduce(flat, async_op=True)

        def end() -> None:
            message.wait()
            for tensor, part in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
                tensor.copy_(part.view_as(tensor))

        return end

    def own(self, ids: Tensor) -> Tensor:
        """Which places of ``ids`` ``[n]`` hold ids of this process: every ``size``-th id is.

        >>> World(1, 2).own(torch.tensor([4, 7, 7, 0, 1]))
        tensor([1, 2, 4])
        """
        return torch.nonzero(ids % self.size == self.rank).flatten()

    def all_gather(self, table: Tensor) -> None:
        """Replace the rows of other processes' ids by what these hold in them."""
        if self.size == 1:
            return
        for rank in range(self.size):
            rows = table[rank :: self.size].contiguous()
            dist.broadcast(rows, rank)
            table[rank :: self.size] = rows

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in any process; all processes learn the same."""
        if self.size == 1:
            return flag
        raised = torch.tensor(float(flag), device="cuda" if dist.get_backend() == "nccl" else "cpu")
        dist.all_reduce(raised)
        return bool(raised.item())

    def broadcast(self, work: Callable[[], T]) -> T:
        """What ``work`` gives in the first process, which alone does it; the others are sent the result."""
        if self.size == 1:
            return work()
        parcel: list[Any] = [work() if self.rank == 0 else None]
        dist.broadcast_object_list(parcel)
        return cast("T", parcel[0])


def _nothing() -> None:
    """The end of what has nothing to wait for."""
