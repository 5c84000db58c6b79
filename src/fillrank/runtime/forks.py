"""Forked processes: a child has none of its parent's threads, and what waits for one waits for ever.

``multiprocessing`` forks on Linux unless it is set not to (up to Python 3.13), ``gunicorn --preload`` and PyTorch's
``DataLoader`` do. What a child is to do there with a model works in its one thread. The rest would wait for threads of
Polars that are not there: it is refused at once, in words.
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
_started = False  # of the parent, noted just before it forks
_THREAD = re.compile(r"polars-\d+")


class Forgetful(Protocol):
    """What holds threads of its own."""

    def forget_threads(self) -> None:
        """Begin anew, in a process that does not have them."""


_forgetful: WeakSet[Forgetful] = WeakSet()


def polars_is_lost() -> bool:
    """Whether most of what Polars does would wait for ever in this process: it was forked after Polars was used."""
    return _lost


def refuse_after_fork(what: str) -> None:
    """Refuse what needs Polars' threads in a process that has none.

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
    """Have ``holder`` forget its threads in every forked child."""
    _forgetful.add(holder)


def watch_forks() -> None:
    """From here on, note what is lost when this process forks; done once, when fillrank is imported."""
    if hasattr(os, "register_at_fork"):  # Windows has no forks
        os.register_at_fork(before=_before, after_in_child=_in_child)


def _before() -> None:
    global _started  # noqa: PLW0603 -- it is the state of the process
    _started = "polars" in sys.modules and _has_threads_of_polars()


def _has_threads_of_polars() -> bool:
    """By their names, where the system shows them; elsewhere they are taken to be there."""
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
        torch.set_num_threads(1)  # the threads of OpenMP are gone as well; one thread needs none of them
    for holder in list(_forgetful):
        holder.forget_threads()
