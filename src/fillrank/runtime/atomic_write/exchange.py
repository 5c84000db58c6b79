"""Replace one folder by another."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

from fillrank.runtime.atomic_write.temporary import OLD, sync_folder

__all__ = ["put_folder"]

_HERE = -100  # AT_FDCWD: names are as they are for open()
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux, and RENAME_SWAP of macOS
_CANNOT = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


def put_folder(fresh: Path, target: Path) -> None:
    """Move the folder ``fresh`` to ``target``. If there is a folder already, the two names are exchanged in one step.

    If the system cannot exchange two names, the old folder is first moved beside ``fresh`` (as ``old``), and back if
    the second step fails. If the process is killed between the two steps,
    :func:`~fillrank.runtime.atomic_write.old_folder` finds the old folder.

    Args:
        fresh: a folder in a temporary one that :func:`~fillrank.runtime.atomic_write.beside` gave.
        target: where it goes.
    """
    if not target.exists():
        fresh.replace(target)
    elif not _exchanged(fresh, target):
        _in_two_steps(fresh, target)
    sync_folder(target.parent)


def _in_two_steps(fresh: Path, target: Path) -> None:
    old = fresh.with_name(OLD)
    try:
        target.replace(old)
        fresh.replace(target)
    except BaseException:  # also Ctrl-C: put the old folder back
        if old.is_dir() and not os.path.lexists(target):
            old.rename(target)
        raise


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the system or the file system cannot."""
    if sys.platform == "win32":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux" and hasattr(library, "renameat2"):
        failed = library.renameat2(_HERE, names[0], _HERE, names[1], ctypes.c_uint(_EXCHANGE))
    elif sys.platform == "darwin" and hasattr(library, "renamex_np"):
        failed = library.renamex_np(names[0], names[1], ctypes.c_uint(_EXCHANGE))
    else:
        return False
    if not failed:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(other))
