"""Threads that each do parts of the work from end to end, and what keeps the result free of their number.

Sums of floating-point numbers depend on their order, and PyTorch cuts a product or a sum by the number of its threads;
what is scattered to rows it even adds in the order in which threads happen to arrive. So where a training adds up,
PyTorch has one thread (:func:`one_thread`); what runs on several is cut into parts that do not depend on their number
(:class:`Threads`), or is computed row by row, each row by one thread (:func:`all_threads`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

from fillrank.runtime.forks import forget_after_fork

__all__ = ["Threads", "all_threads", "at_most", "available_threads", "one_thread"]

Found = TypeVar("Found")
_PARTS = 8
_AVAILABLE: ContextVar[int] = ContextVar("available threads", default=0)


def available_threads() -> int:
    """As many threads as PyTorch has, or had outside of :func:`one_thread`."""
    return _AVAILABLE.get() or torch.get_num_threads()


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside the block PyTorch has one thread, so that whatever is added up is added in one order.

    Example:
        >>> before = torch.get_num_threads()
        >>> with one_thread():
        ...     inside = torch.get_num_threads(), available_threads()
        >>> inside == (1, before), torch.get_num_threads() == before
        (True, True)
    """
    with _threads(1):
        yield


@contextmanager
def all_threads() -> Iterator[None]:
    """Inside the block PyTorch has all its threads again: for what gives the same bits whatever their number."""
    with _threads(available_threads()):
        yield


@contextmanager
def at_most(n: int | None) -> Iterator[None]:
    """Inside the block PyTorch and the libraries of linear algebra have ``n`` threads; None changes nothing.

    Example:
        >>> with at_most(1):
        ...     available_threads()
        1
    """
    if n is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        with threadpool_limits(n, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _threads(n: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if before == n:
        yield
        return
    token = _AVAILABLE.set(available_threads())
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _AVAILABLE.reset(token)


class _Inside:
    """What is known of the threads outside of :func:`one_thread`: nothing that holds in a forked process."""

    def forget_threads(self) -> None:
        _AVAILABLE.set(0)


_INSIDE = _Inside()
forget_after_fork(_INSIDE)


class Threads:
    """As many threads as PyTorch has on a CPU.

    PyTorch spreads each of a step's many small operations over its threads, and each time waits for the last of them;
    where a batch can be cut into parts, whose threads meet once, they hardly wait. (``torch.set_num_threads`` speaks
    for the thread that calls it.) How many parts there are, the work says and not the number of threads, so that sums
    over parts are the same whatever that is.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self.n = available_threads()
        forget_after_fork(self)

    def forget_threads(self) -> None:
        """In a forked process: the threads are its parent's, and new ones are made when they are needed."""
        self._pool = None

    def map(self, part: Callable[[int, slice], Found], n_rows: int, n_parts: int = _PARTS) -> list[Found]:
        """What ``part(number, rows)`` returns for each part of ``n_rows`` rows, ``n_parts`` at most, in their order."""
        step = max(-(-n_rows // n_parts), 1)
        parts = [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]
        if self.n == 1 or len(parts) == 1:
            with one_thread():
                return [part(number, rows) for number, rows in enumerate(parts)]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.n, "fillrank", initializer=torch.set_num_threads, initargs=(1,))
        return list(self._pool.map(part, range(len(parts)), parts))
