"""Forked processes: a child does not have its parent's threads, so waiting for one of them would never end.

``multiprocessing`` forks by default on Linux (up to Python 3.13), and so do ``gunicorn --preload`` and PyTorch's
``DataLoader``. In a forked child, recommending with a model works in a single thread. Work that needs the threads of
Polars is refused at once with a clear error.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

from fillrank.errors import ForkedError

__all__ = ["forget_after_fork", "polars_is_lost", "refuse_after_fork", "watch_forks"]

_lost = False  # whether this process was forked from one in which Polars had started its threads
_started = False  # the same question, asked in the parent just before it forks
_THREAD = re.compile(r"polars-\d+")


class Forgetful(Protocol):
    """An object that holds threads of its own."""

    def forget_threads(self) -> None:
        """Forget the threads, because this process does not have them."""


_forgetful: WeakSet[Forgetful] = WeakSet()


def polars_is_lost() -> bool:
    """Whether Polars is unusable in this process, because the process was forked after Polars had started threads."""
    return _lost


def refuse_after_fork(what: str) -> None:
    """Refuse work that needs the threads of Polars, in a process that does not have them.

    Raises:
        ForkedError: this process is a forked child of one that had used Polars.
    """
    if _lost:
        raise ForkedError(
            f"{what} needs threads that this forked process does not have: it was forked after its parent had used "
            "fillrank; do it before the fork, or start processes by 'spawn' (multiprocessing.get_context('spawn'), "
            "gunicorn without --preload)"
        )


def forget_after_fork(holder: Forgetful) -> None:
    """Call ``holder.forget_threads()`` in every forked child."""
    _forgetful.add(holder)


def watch_forks() -> None:
    """Note from now on what a fork loses. Called once, when fillrank is imported."""
    if hasattr(os, "register_at_fork"):  # Windows has no forks
        os.register_at_fork(before=_before, after_in_child=_in_child)


def _before() -> None:
    global _started  # noqa: PLW0603 -- it is the state of the process
    _started = "polars" in sys.modules and _has_threads_of_polars()


def _has_threads_of_polars() -> bool:
    """Whether Polars has started threads: recognised by their names if the system shows them, else assumed."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        return True
    for task in tasks.iterdir():
        with suppress(OSError):  # a thread that has just ended
            if _THREAD.match((task / "comm").read_text(errors="replace")):
                return True
    return False


def _in_child() -> None:
    global _lost  # noqa: PLW0603
    _lost = _lost or _started
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "set_num_threads"):
        torch.set_num_threads(1)  # the threads of OpenMP are lost as well; with one thread none are needed
    for holder in list(_forgetful):
        holder.forget_threads()
