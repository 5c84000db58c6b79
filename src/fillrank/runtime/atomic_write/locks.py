"""Locks on files and folders that end with the process that holds them, even if it is killed."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fillrank.errors import FillrankError, SettingsError

if sys.platform != "win32":
    import fcntl

__all__ = ["drop_forgotten_lock", "hidden", "lock", "only_one", "taken", "try_lock", "turn"]

_LONGEST = 100  # bytes; a longer name is replaced by its hash, because file systems limit the length of a name


def hidden(target: Path) -> str:
    """The beginning of the names of temporary files and folders beside ``target``.

    Example:
        >>> hidden(Path("runs/bsl"))
        '.bsl.'
    """
    name = os.fsencode(target.name)
    return f".{target.name if len(name) <= _LONGEST else hashlib.sha256(name).hexdigest()}."


def try_lock(descriptor: int) -> bool | None:
    """Try to take the lock of an open file or folder. Return whether it was free; None if there are no such locks.

    (Some network file systems have no locks.)
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
    """Whether a process holds the lock of ``folder``; None if this cannot be found out."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        free = try_lock(descriptor)
    finally:
        os.close(descriptor)
    return None if free is None else not free


def lock(file: Path) -> int:
    """Open a file (create it if needed) and wait for its lock. Closing the descriptor releases the lock.

    If the system has no such locks (Windows, some network file systems), it does not wait.
    """
    descriptor = _opened(file)
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:  # there are no locks here
            return descriptor
        except BaseException:
            os.close(descriptor)
            raise
    return descriptor


@contextmanager
def turn(target: Path) -> Iterator[None]:
    """Wait until no other process or thread is in such a block for the same target; see :func:`only_one`."""
    with _lock_beside(target, lock):
        yield


@contextmanager
def only_one(target: Path, doing: str, error: type[FillrankError] = SettingsError) -> Iterator[None]:
    """Let only one process or thread at a time into such a block for the same target.

    The lock is a small file beside the target, ``.NAME.fillrank-lock``, which is removed at the end. A killed process
    leaves the file behind, but not the lock; the file is removed when the target is next written.

    Args:
        target: a file or a folder; it need not exist.
        doing: what is done to it, for the message: ``"fits a model into"``.
        error: the class to raise.

    Raises:
        FillrankError: of the class ``error``: another process or thread is in such a block.
    """
    with _lock_beside(target, _lock_if_free) as descriptor:
        if descriptor is None:
            number = _number_in(_lock_of(target))
            raise error(f"another process{number} {doing} {target}; wait for its end, or name another place")
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield


def drop_forgotten_lock(target: Path) -> None:
    """Remove the lock file of ``target`` that a killed process has left."""
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


def _opened(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT, 0o666)


def _lock_if_free(file: Path) -> int | None:
    """As :func:`lock`, but return None if the lock is taken."""
    descriptor = _opened(file)
    if try_lock(descriptor) is False:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def _lock_beside(target: Path, take: Callable[[Path], int | None]) -> Iterator[int | None]:
    """The open and locked file beside ``target``, removed at the end; None if ``take`` did not get the lock."""
    target.parent.mkdir(parents=True, exist_ok=True)
    file = _lock_of(target)
    descriptor = _own(file, take)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            with suppress(OSError):
                file.unlink()
            os.close(descriptor)


def _own(file: Path, take: Callable[[Path], int | None]) -> int | None:
    """Take the lock of ``file``; try again if another process has removed the file in between."""
    while (descriptor := take(file)) is not None:
        with suppress(OSError):  # the lock of a removed file protects nothing, so check that the file is still there
            if os.path.samestat(os.fstat(descriptor), file.stat()):
                return descriptor
        os.close(descriptor)
    return None
