"""Processes that work on one file take turns, by locks that end with the process that holds them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

__all__ = ["lock", "turn", "unlock"]


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Wait until no other process (nor thread) is in such a block for the same folder. Nothing is left in it."""
    descriptor = lock(folder, os.O_RDONLY)
    try:
        yield
    finally:
        unlock(descriptor)


def lock(place: Path, flags: int) -> int:
    """Open a file or a folder, and wait for its lock; what :func:`unlock` takes.

    Where the system has no such locks (Windows, some network file systems) there is nothing to wait for.
    """
    descriptor = os.open(place, flags, 0o666)
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:  # there are no locks here
            return descriptor
        except BaseException:
            os.close(descriptor)
            raise
    return descriptor


def unlock(descriptor: int) -> None:
    """Let go of a lock."""
    os.close(descriptor)
