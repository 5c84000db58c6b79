"""Use several threads, and get the same bits whatever their number.

A sum of floating-point numbers depends on its order. PyTorch divides products and sums by its number of threads, and
adds scattered rows in the order in which its threads arrive. So a training gives PyTorch one thread wherever it adds up
(:func:`one_thread`). Work that runs on several threads is either cut into parts that do not depend on their number
(:class:`Threads`), or computed row by row, each row by one thread (:func:`all_threads`, :func:`share_out`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

from fillrank.runtime.forks import forget_after_fork

__all__ = ["Threads", "all_threads", "at_most", "available_threads", "one_thread", "share_out"]

Found = TypeVar("Found")
Part = TypeVar("Part")
_PARTS = 8
_WAIT = 0.1
"""Seconds after which a waiting caller looks for signals."""
_AVAILABLE: ContextVar[int] = ContextVar("available threads", default=0)


def available_threads() -> int:
    """The number of threads that PyTorch has, or had outside the block of :func:`one_thread`."""
    return _AVAILABLE.get() or torch.get_num_threads()


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside the block PyTorch has one thread, so that sums are always taken in the same order.

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
    """Inside the block PyTorch has all its threads again: for work that gives the same bits with any number of them."""
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


def share_out(work: Callable[[Part], Found], parts: Iterable[Part], n_threads: int) -> list[Found]:
    """Call ``work(part)`` for each part, on ``n_threads`` threads; return the results in the order of the parts.

    The caller waits in short pieces. The system may deliver a signal to any thread, but Python handles it in the main
    thread, and only when that one wakes up: without this, Ctrl-C could be noticed only at the end of all the work.
    If the caller is interrupted or a part fails, the parts that have not begun are left out.

    Example:
        >>> share_out(lambda n: n * n, range(5), n_threads=2)
        [0, 1, 4, 9, 16]
    """
    parts = list(parts)
    if n_threads == 1 or len(parts) <= 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(n_threads) as pool:
        futures = [pool.submit(work, part) for part in parts]
        try:
            found = []
            for future in futures:
                while not wait([future], _WAIT).done:
                    pass
                found.append(future.result())
            return found
        finally:
            for future in futures:
                future.cancel()


class _Inside:
    """The number of threads outside the block of :func:`one_thread`; forgotten in a forked process."""

    def forget_threads(self) -> None:
        _AVAILABLE.set(0)


_INSIDE = _Inside()
forget_after_fork(_INSIDE)


class Threads:
    """A pool of as many threads as PyTorch has on a CPU.

    PyTorch divides each small operation of a step among its threads, and waits for all of them after each. It is faster
    to cut a batch into parts and give each part to one thread, so that the threads wait for one another only once. The
    number of parts depends on the work and not on the number of threads, so sums over parts are always the same.
    (``torch.set_num_threads`` applies to the thread that calls it.)
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self.n = available_threads()
        forget_after_fork(self)

    def forget_threads(self) -> None:
        """Drop the pool in a forked process, which does not have its threads. A new pool is made when needed."""
        self._pool = None

    def map(self, part: Callable[[int, slice], Found], n_rows: int, n_parts: int = _PARTS) -> list[Found]:
        """Call ``part(number, rows)`` for at most ``n_parts`` parts of ``n_rows`` rows; return the results in order."""
        step = max(-(-n_rows // n_parts), 1)
        parts = [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]
        if self.n == 1 or len(parts) == 1:
            with one_thread():
                return [part(number, rows) for number, rows in enumerate(parts)]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.n, "fillrank", initializer=torch.set_num_threads, initargs=(1,))
        return list(self._pool.map(part, range(len(parts)), parts))
