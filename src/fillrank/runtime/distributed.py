"""The processes that train one model together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

if dist.is_available():
    # Import this before the processes meet. Its functions have the current group of processes as a default argument.
    # If an optimiser imported it later, they would hold the group for ever; the group's threads would then still run
    # at the end of the interpreter, and sometimes abort a process that has finished its work.
    import torch.distributed.nn.functional

__all__ = ["World"]

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """One of ``size`` processes that train a model together. Each has the whole model and a part of every batch.

    All processes draw the same batches and the same negatives from the same random streams. Each works on its own rows
    of a batch, and the gradients are added up over all processes. So n processes take the same steps as one would, and
    their tables stay equal without being sent. If the rows of a batch are divided by user (:meth:`own`), only one
    process has gradients for a user. That process alone updates the user's vector, and the others get it when it is
    needed (:meth:`all_gather`).

    Attributes:
        rank: of this process, from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> Self:
        """The processes that ``torchrun`` started, or one process alone."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()

    def shard(self, n: int) -> slice:
        """The rows of this process out of ``n``. The shares of two processes differ by at most one row.

        >>> [World(rank, 2).shard(5) for rank in (0, 1)]
        [slice(0, 2, None), slice(2, 5, None)]
        """
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def all_reduce(self, *tensors: Tensor) -> None:
        """Replace each tensor by its sum over all processes, in one message."""
        self.begin_all_reduce(*tensors)()

    def begin_all_reduce(self, *tensors: Tensor) -> Callable[[], None]:
        """Begin :meth:`all_reduce` in the background. Call the returned function to wait for its end."""
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
        """The positions in ``ids`` ``[n]`` whose id belongs to this process (``id % size == rank``).

        >>> World(1, 2).own(torch.tensor([4, 7, 7, 0, 1]))
        tensor([1, 2, 4])
        """
        return torch.nonzero(ids % self.size == self.rank).flatten()

    def all_gather(self, table: Tensor) -> None:
        """Fetch the rows of ``table`` that belong to other processes from those processes."""
        if self.size == 1:
            return
        for rank in range(self.size):
            rows = table[rank :: self.size].contiguous()
            dist.broadcast(rows, rank)
            table[rank :: self.size] = rows

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is true in any process. All processes get the same answer."""
        if self.size == 1:
            return flag
        raised = torch.tensor(float(flag), device="cuda" if dist.get_backend() == "nccl" else "cpu")
        dist.all_reduce(raised)
        return bool(raised.item())

    def broadcast(self, work: Callable[[], T]) -> T:
        """Call ``work`` in the first process only, and return its result in all processes."""
        if self.size == 1:
            return work()
        parcel: list[Any] = [work() if self.rank == 0 else None]
        dist.broadcast_object_list(parcel)
        return cast("T", parcel[0])


def _nothing() -> None:
    """The end of an operation that has nothing to wait for."""
