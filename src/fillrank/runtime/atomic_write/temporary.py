"""Writing beside a place and then moving there; and what a killed process has left is found and removed."""

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
"""What a folder is called in a temporary one while another takes its place; see :func:`put_folder`."""

_ENDING, _NEW = ".fillrank-tmp", ".fillrank-new"
_FORGOTTEN = 24 * 3600  # seconds after which a leftover is removed where there are no locks


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that takes its place at the end, or vanishes when something fails.

    The folders above ``path`` are made if need be. At the end the bytes are on the disk. A file that was there keeps
    its permissions; where ``path`` is a link, the file it leads to is replaced.

    Raises:
        DiskFullError: there was no room.
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
    """An empty folder beside ``target``, for this block alone; it is removed at the end, whatever is in it.

    What killed processes have left of earlier such folders is removed first. Should one hold the only copy of a folder
    that was about to be replaced, that goes back to its place.

    Raises:
        DiskFullError: there was no room.
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
    """A new folder beside ``target``, and its lock.

    Until it is locked it has another name, and is empty. Under that name anybody may remove it, as a process that was
    killed in between leaves it there for ever; whoever still wants it makes another one.
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
    """Where the folder ``target`` is while another takes its place, or since a process was killed at that; or None."""
    if target.exists():
        return None
    return next((folder / OLD for folder in _leftovers(target, _ENDING) if (folder / OLD).is_dir()), None)


def sync_folder(folder: Path) -> None:
    """Have the names in ``folder`` written to the disk, where the system can."""
    with suppress(OSError):
        sync(folder)


def sync(path: Path) -> None:
    """Have what is in a file written to the disk."""
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
    """Remove what processes that were killed while they wrote ``target`` have left beside it.

    A folder that was about to be replaced, and is nowhere else, goes back to its place.
    """
    drop_forgotten_lock(target)
    for folder in _leftovers(target, _ENDING):
        held = taken(folder)
        if not (_is_younger(folder, _FORGOTTEN) if held is None else held):
            _discard(folder, target)
    for folder in _leftovers(target, _NEW):
        if not taken(folder):
            with suppress(OSError):
                folder.rmdir()  # by its name and empty, or not at all: its maker may have locked and renamed it by now


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
            return  # the only copy stays where it is
    shutil.rmtree(folder, ignore_errors=True)
