"""Recognise a full disk, whichever library reports it, and say so in plain words."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fillrank.errors import DiskFullError, FillrankError

__all__ = ["disk_full_in_words", "full_disk_reason"]

_REASONS = {
    errno.ENOSPC: "no space is left on the disk; free some, or name a place on another disk",
    errno.EDQUOT: "your share of the disk (quota) is used up; free some, or name a place on another disk",
    errno.EFBIG: "the file grows beyond what the file system or the limit `ulimit -f` allows; raise it",
}
_SAID = {
    errno.ENOSPC: r"No space left on device|StorageFull",
    errno.EDQUOT: r"[Dd]isk quota exceeded|QuotaExceeded",
    errno.EFBIG: r"File too large|FileTooLarge",
}


def full_disk_reason(error: BaseException) -> str | None:
    """What is full, in words, if ``error`` says that something is; else None.

    Libraries written in Rust give the system's error as text, so the text is searched as well.

    Example:
        >>> full_disk_reason(OSError(errno.EFBIG, "File too large"))
        'the file grows beyond what the file system or the limit `ulimit -f` allows; raise it'
        >>> full_disk_reason(OSError(errno.EACCES, "Permission denied")) is None
        True
    """
    if isinstance(error, OSError) and error.errno is not None:
        return _REASONS.get(error.errno)
    text = str(error)
    for number, said in _SAID.items():
        if re.search(rf"os error {number}\b|code: {number}\b|{said}", text):
            return _REASONS[number]
    return None


@contextmanager
def disk_full_in_words(target: Path) -> Iterator[None]:
    """Inside the block, an error that says that the disk is full becomes a ``DiskFullError`` that names ``target``.

    Raises:
        DiskFullError: the disk is full.
    """
    try:
        yield
    except FillrankError:
        raise
    except Exception as error:  # from any library that writes; other errors are raised again unchanged
        reason = full_disk_reason(error)
        if reason is None:
            raise
        raise DiskFullError(f"{target} is not written: {reason}") from error
