"""Check that a file or folder can be written, before the work begins."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fillrank.errors import DataError, DiskFullError, FillrankError
from fillrank.runtime.atomic_write.full_disk import full_disk_reason
from fillrank.runtime.atomic_write.marks import refuse_inputs, refuse_inside_model
from fillrank.runtime.paths import expanded, refuse_special

__all__ = ["check_file", "check_folder", "check_inside", "check_room"]

_PROBE = 1 << 12
_MOUNTS = Path("/proc/self/mountinfo")


def check_file(
    path: Any, what: str = "the file", error: type[FillrankError] = DataError, *, inputs: Iterable[Any] = ()
) -> Path:
    """Return the path of a file if it can be written, as a new file or over an old one.

    Args:
        path: as the user gave it.
        what: what it is, for messages.
        error: the class to raise.
        inputs: what the same work reads; see :func:`fillrank.runtime.atomic_write.marks.refuse_inputs`.

    Raises:
        FillrankError: of the class ``error``: the path is a folder, a device, write-protected, one of the inputs,
            inside a saved model, or in a place that cannot be written to. ``DiskFullError``: the disk is full.
    """
    target = expanded(path, what, error)
    place = Path(os.path.realpath(target)) if os.path.islink(target) else target  # noqa: PTH114 -- Path.is_symlink raises where a name is too long
    mode = _mode(place, what, error)
    if mode is not None and stat.S_ISDIR(mode):
        raise error(f"{what} {target} is a folder; give the name of a file")
    if mode is not None and not os.access(place, os.W_OK):
        raise error(f"{what} {target} is write-protected; give another name, or permit it (chmod u+w)")
    refuse_special(place, what, error)
    refuse_inside_model(target, what, error)
    refuse_inputs(target, inputs, what, error)
    _check_writable(place, what, error)
    return target


def check_folder(
    path: Any, what: str, error: type[FillrankError] = DataError, *, foreign: Callable[[Path], str | None]
) -> Path:
    """Return the path of a folder if it can be written as a whole: it is new, empty, or may be replaced.

    Args:
        path: as the user gave it.
        what: what it is, for messages.
        error: the class to raise.
        foreign: says why a folder with content must not be replaced; returns None if it may be.

    Raises:
        FillrankError: of the class ``error``: the path is a file, a link, the current folder or one around it, a mount
            point, inside a saved model, a folder that fillrank did not write, or cannot be written.
            ``DiskFullError``: the disk is full.
    """
    target = expanded(path, what, error)
    if os.path.islink(target):  # noqa: PTH114
        raise error(f"{what} {target} is a link to {os.path.realpath(target)}; give that folder, or a new one")
    mode = _mode(target, what, error)
    if mode is not None and not stat.S_ISDIR(mode):
        raise error(f"{what} {target} is a file; give the name of a folder")
    if target.name in {"", ".."} or (mode is not None and _is_around(target, Path.cwd())):
        raise error(f"{what} {str(path)!r} is the current folder, or one around it; give the name of a folder in it")
    if mode is not None:
        if _is_mount(target):
            raise error(f"{what} {target} is where a disk is mounted, which nothing can replace; give a folder in it")
        reason = foreign(target) if any(target.iterdir()) else None
        if reason is not None:
            raise error(f"{what} {target} {reason}; give a new folder, it is not written over")
        if not os.access(target, os.W_OK | os.X_OK):
            raise error(f"{what} {target} is write-protected; give another folder, or permit it (chmod u+w)")
    refuse_inside_model(target, what, error)
    _check_writable(target, what, error)
    return target


def check_inside(path: Any, what: str, error: type[FillrankError] = DataError) -> Path:
    """Return the path of a folder if files can be written into it. It need not exist yet.

    Raises:
        FillrankError: of the class ``error``: the path is a file, is or is inside a saved model, or cannot be written
            to. ``DiskFullError``: the disk is full.
    """
    folder = expanded(path, what, error)
    mode = _mode(folder, what, error)
    if mode is not None and not stat.S_ISDIR(mode):
        raise error(f"{what} {folder} is a file; give the name of a folder")
    refuse_inside_model(folder / "file", what, error)
    _check_writable(folder / "file", what, error)
    return folder


def check_room(target: Path, needed: int) -> None:
    """Refuse to write if the disk has less than ``needed`` bytes left.

    Raises:
        DiskFullError: the system reports less free space.
    """
    found = shutil.disk_usage(_nearest(target))
    if found.total and found.free < needed:
        raise DiskFullError(
            f"{target} would need at least {needed:,} bytes and the disk has {found.free:,} left; "
            "free some, or name a place on another disk"
        )


def _check_writable(target: Path, what: str, error: type[FillrankError]) -> None:
    """Write a test file beside ``target``, and remove it."""
    folder = _nearest(target.absolute().parent)
    if not folder.is_dir():
        raise error(f"{what} {target} cannot be written: {folder} is a file; a folder is wanted there")
    refuse_special(folder, f"{what} {target} cannot be written: its folder", error)
    try:
        if len(os.fsencode(target.name)) > os.pathconf(folder, "PC_NAME_MAX"):
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * _PROBE)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as reason:
        full = full_disk_reason(reason)
        if full is not None:
            raise DiskFullError(f"{target} cannot be written: {full}") from reason
        raise error(f"{what} {target} cannot be written: {reason.strerror}; give another place") from reason
    check_room(folder, _PROBE)


def _nearest(path: Path) -> Path:
    """``path``, or the nearest folder around it that exists."""
    here = path.absolute()
    while not os.path.lexists(here) and here != here.parent:
        here = here.parent
    return here


def _mode(path: Path, what: str, error: type[FillrankError]) -> int | None:
    """The file mode of ``path``; None if it does not exist."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as reason:
        raise error(f"{what} {path} cannot be looked at: {reason.strerror}; give another place") from reason


def _is_around(folder: Path, inner: Path) -> bool:
    real, within = Path(os.path.realpath(folder)), Path(os.path.realpath(inner))
    return real == within or real in within.parents


def _is_mount(folder: Path) -> bool:
    """Whether something is mounted at ``folder``. It may be another folder of the same disk (a container's volume)."""
    if folder.is_mount():
        return True
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    points = {line.split(" ")[4].replace("\\040", " ").replace("\\134", "\\") for line in lines}
    return os.path.realpath(folder) in points
