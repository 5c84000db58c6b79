"""Write to a temporary place beside the target, then move; find and remove what killed processes have left."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fillrank.runtime.atomic_write.full_disk import disk_full_in_words
from fillrank.runtime.atomic_write.locks import drop_forgotten_lock, hidden, taken, try_lock

__all__ = ["OLD", "beside", "old_folder", "remove_leftovers", "replacing", "sync", "sync_folder"]

OLD = "old"
"""The name of an old folder inside a temporary one while it is being replaced; see :func:`put_folder`."""

_ENDING, _NEW = ".fillrank-tmp", ".fillrank-new"
_FORGOTTEN = 24 * 3600  # seconds; without locks, a leftover is removed when it is older than this


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; at the end the temporary file replaces ``path``, or is removed on errors.

    The folders above ``path`` are created if needed. At the end the bytes are on the disk. A file that is replaced
    keeps its permissions. If ``path`` is a link, the file that it points to is replaced.

    Raises:
        DiskFullError: the disk is full.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    with beside(target) as folder:
        fresh = folder / target.name
        yield fresh
        with suppress(FileNotFoundError):
            fresh.chmod(target.stat().st_mode & 0o777)
        sync(fresh)
        fresh.replace(target)
        sync_folder(target.parent)


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """Give an empty folder beside ``target``; it is removed at the end of the block with all that is in it.

    Folders that killed processes have left are removed first. If one of them holds the only copy of a folder that was
    being replaced, that folder is moved back to its place.

    Raises:
        DiskFullError: the disk is full.
    """
    with disk_full_in_words(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target)
        folder, lock = _locked(target)
        try:
            yield folder
        finally:
            _discard(folder, target)
            os.close(lock)


def _locked(target: Path) -> tuple[Path, int]:
    """Make a new folder beside ``target``, and take its lock.

    Before it is locked, the folder is empty and has another name. Under that name any process may remove it, because a
    process that was killed in between would leave it there for ever. If it was removed, another one is made.
    """
    while True:
        raw = Path(tempfile.mkdtemp(prefix=hidden(target), suffix=_NEW, dir=target.parent))
        with suppress(FileNotFoundError):
            lock = os.open(raw, os.O_RDONLY)
            try:
                if try_lock(lock) is not False:
                    return raw.rename(raw.with_name(raw.name.removesuffix(_NEW) + _ENDING)), lock
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)


def old_folder(target: Path) -> Path | None:
    """Find the old folder of ``target`` while it is being replaced, or after a process was killed doing so; or None."""
    if target.exists():
        return None
    return next((folder / OLD for folder in _leftovers(target, _ENDING) if (folder / OLD).is_dir()), None)


def sync_folder(folder: Path) -> None:
    """Make the system write the names in ``folder`` to the disk, if it can."""
    with suppress(OSError):
        sync(folder)


def sync(path: Path) -> None:
    """Make the system write the content of a file to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _leftovers(target: Path, ending: str) -> list[Path]:
    prefix = hidden(target)
    try:
        names = [entry.name for entry in os.scandir(target.parent)]
    except OSError:
        return []
    length = len(prefix) + 8 + len(ending)  # mkdtemp draws eight characters
    mine = (name for name in names if name.startswith(prefix) and name.endswith(ending) and len(name) == length)
    return [target.parent / name for name in sorted(mine)]


def remove_leftovers(target: Path) -> None:
    """Remove what killed processes have left beside ``target``.

    If a leftover holds the only copy of a folder that was being replaced, that folder is moved back to its place.
    """
    drop_forgotten_lock(target)
    for folder in _leftovers(target, _ENDING):
        held = taken(folder)
        if not (_is_younger(folder, _FORGOTTEN) if held is None else held):
            _discard(folder, target)
    for folder in _leftovers(target, _NEW):
        if not taken(folder):
            with suppress(OSError):
                folder.rmdir()  # fails if it is not empty or was renamed: its maker may have locked it by now


def _is_younger(folder: Path, seconds: float) -> bool:
    try:
        return time.time() - folder.stat().st_mtime < seconds
    except OSError:
        return True


def _discard(folder: Path, target: Path) -> None:
    old = folder / OLD
    if old.is_dir() and not os.path.lexists(target):
        try:
            old.replace(target)
        except OSError:
            return  # keep the only copy
    shutil.rmtree(folder, ignore_errors=True)
