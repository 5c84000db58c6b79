"""Threads that each do a part of the work from end to end, with one thread of PyTorch's own in each."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

__all__ = ["Workers"]

Found = TypeVar("Found")


class Workers:
    """As many threads as PyTorch has on a CPU.

    PyTorch spreads each of a step's many small operations over its threads, and each time waits for the last of them;
    where a batch can be cut into parts, whose threads meet once, they hardly wait. (``torch.set_num_threads`` speaks
    for the thread that calls it.)
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self.n = torch.get_num_threads()

    def map(self, part: Callable[[int, slice], Found], n_rows: int) -> list[Found]:
        """What ``part(number, rows)`` returns for each of the :attr:`n` parts of ``n_rows`` rows, in their order."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.n, "fillrank", initializer=torch.set_num_threads, initargs=(1,))
        step = -(-n_rows // self.n)
        parts = [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]
        return list(self._pool.map(part, range(len(parts)), parts))
