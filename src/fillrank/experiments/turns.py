"""Processes that work on one file take turns, by locks that end with the process that holds them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fillrank.writing.locks import hidden

if sys.platform != "win32":
    import fcntl

__all__ = ["lock", "turn", "unlock"]


@contextmanager
def turn(target: Path) -> Iterator[None]:
    """Wait until no other process (nor thread) is in such a block for the same file, which need not be there.

    The lock is a small file beside it, which is gone at the end. One that a killed process leaves locks nothing, and is
    removed when ``target`` is next written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    file = target.with_name(f"{hidden(target)}fillrank-lock")
    while True:
        descriptor = lock(file)
        with suppress(OSError):  # who held it has removed it meanwhile: then this lock would lock nobody out
            if os.path.samestat(os.fstat(descriptor), file.stat()):
                break
        unlock(descriptor)
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()
        unlock(descriptor)


def lock(file: Path) -> int:
    """Open a file, made if need be, and wait for its lock; gives what :func:`unlock` takes.

    Where the system has no such locks (Windows, some network file systems) there is nothing to wait for.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
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
