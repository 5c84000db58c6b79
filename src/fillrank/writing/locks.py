"""Locks that end with the process that holds them, also when it is killed."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fillrank.errors import FillrankError, SettingsError

if sys.platform != "win32":
    import fcntl

__all__ = ["drop_forgotten_lock", "hidden", "only_one", "taken", "try_lock"]

_LONGEST = 100  # bytes of a name inside a hidden one, which has to stay a name that file systems take


def hidden(target: Path) -> str:
    """How the names begin of what stands beside ``target`` for a while.

    Example:
        >>> hidden(Path("runs/bsl"))
        '.bsl.'
    """
    name = os.fsencode(target.name)
    return f".{target.name if len(name) <= _LONGEST else hashlib.sha256(name).hexdigest()}."


def try_lock(descriptor: int) -> bool | None:
    """Take the lock of an open file or folder: whether it was free; None where there are no such locks.

    (Some network file systems have none. There, nothing can be known.)
    """
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def taken(folder: Path) -> bool | None:
    """Whether somebody holds the lock of ``folder``; None where it cannot be known."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        free = try_lock(descriptor)
    finally:
        os.close(descriptor)
    return None if free is None else not free


@contextmanager
def only_one(target: Path, doing: str, error: type[FillrankError] = SettingsError) -> Iterator[None]:
    """Inside the block, no other process (nor thread) is in one for the same target.

    The lock is a small file beside the target, ``.NAME.fillrank-lock``, which is gone at the end. One that a killed
    process leaves locks nothing.

    Args:
        target: a file or a folder; it need not be there.
        doing: what is done to it, for the message: ``"fits a model into"``.
        error: the class to raise.

    Raises:
        FillrankError: of the class ``error``: another one is at it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    file = _lock_of(target)
    descriptor = _own(file)
    if descriptor is None:
        raise error(f"another process{_number_in(file)} {doing} {target}; wait for its end, or name another place")
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        with suppress(OSError):
            file.unlink()
        os.close(descriptor)


def drop_forgotten_lock(target: Path) -> None:
    """Remove the lock that a killed process has left of ``target``."""
    file = _lock_of(target)
    if not file.exists():
        return
    with suppress(OSError):
        descriptor = os.open(file, os.O_RDWR)
        if try_lock(descriptor) and os.path.samestat(os.fstat(descriptor), file.stat()):
            file.unlink()
        os.close(descriptor)


def _lock_of(target: Path) -> Path:
    return target.with_name(f"{hidden(target)}fillrank-lock")


def _number_in(file: Path) -> str:
    try:
        text = file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        text = ""
    return f" ({text})" if text.isdecimal() else ""


def _own(file: Path) -> int | None:
    """An open and locked ``file``, or None where another one has it."""
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        if try_lock(descriptor) is False:
            os.close(descriptor)
            return None
        with suppress(OSError):  # who held it may have removed it in between: then this lock would lock nobody out
            if os.path.samestat(os.fstat(descriptor), file.stat()):
                return descriptor
        os.close(descriptor)
