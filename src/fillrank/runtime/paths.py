"""Paths as people write them. Every public function passes its paths through here, so that ``~`` works everywhere."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

from fillrank.errors import DataError, FillrankError

__all__ = ["expanded", "refuse_special", "with_ending"]

_LONGEST = 4096
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/{2}|(?:https?|ftps?|sftp|s3a?|gs|gcs|hf|hdfs|abfss?|az|ssh):/")
_FILE = re.compile(r"file:(?://(?P<host>[^/]*)|(?=/[^/]))(?P<path>/.*)?", re.IGNORECASE | re.DOTALL)
_SPECIAL = {
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}
_KERNEL = ("/proc", "/sys")
"""Folders whose files are made up by the system."""


def expanded(path: Any, what: str = "the file", error: type[FillrankError] = DataError) -> Path:
    """Replace ``~`` and ``~name`` by the home folders that they stand for, and ``file:///…`` by its path.

    Nothing is opened. If there is no user ``x`` but a file called ``~x``, the path is kept.

    Args:
        path: text, bytes or an object with a path (``os.PathLike``).
        what: what the path names, for messages.
        error: the class to raise.

    Raises:
        FillrankError: of the class ``error``: the argument is not a path, is empty, contains a NUL character or text
            that no file name can have, is a network address such as ``https://…``, or begins with ``~`` and there is no
            such home folder.

    Example:
        >>> expanded("~/log.csv") == Path.home() / "log.csv"
        True
        >>> expanded("file:///srv/my%20log.csv").as_posix()
        '/srv/my log.csv'
        >>> expanded("https://example.org/log.csv")
        Traceback (most recent call last):
        fillrank.errors.DataError: the file 'https://example.org/log.csv' is a network address; download it, or name ...
    """
    try:
        text = os.fsdecode(path)
    except TypeError:
        raise error(f"{what} must be given as a path (text or pathlib.Path), got {type(path).__name__}") from None
    if not text.strip():
        raise error(f"the path of {what} is empty ({text!r}); give a name")
    if "\0" in text:
        raise error(f"{what} {text!r} has a NUL character in its path; no file name can hold one")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as reason:
        raise error(f"{what} {text!r} has a character that no path can hold ({reason.reason})") from None
    if len(text) > _LONGEST:
        raise error(f"{what} {text[:60]!r}… has {len(text):,} characters; a path has at most {_LONGEST:,}")
    if found := _FILE.fullmatch(text):
        return _of_address(found["host"] or "", found["path"] or "", text, what, error)
    if _ADDRESS.match(text):
        raise error(f"{what} {text!r} is a network address; download it, or name a place on this machine")
    return _at_home(text, what, error)


def _of_address(host: str, path: str, text: str, what: str, error: type[FillrankError]) -> Path:
    """The path in an address ``file://…``. (``pathlib`` shortens it to ``file:/…``, which means the same.)"""
    if host.lower() not in {"", "localhost"}:
        raise error(
            f"{what} {text!r} is on another machine, {host!r}; copy it here, or write three slashes (file:///…) for a "
            "path of this one"
        )
    from urllib.request import url2pathname  # imported late, because it loads many modules

    found = url2pathname(path)
    if not path.strip("/") or "\0" in found:
        raise error(f"{what} {text!r} names no file; write the whole path after file://")
    return Path(found)


def _at_home(text: str, what: str, error: type[FillrankError]) -> Path:
    if not text.startswith("~"):
        return Path(text)
    found = os.path.expanduser(text)  # noqa: PTH111 -- Path.expanduser raises a bare RuntimeError
    if found != text or os.path.lexists(text):
        return Path(found)
    user = text.partition("/")[0]
    raise error(f"{what} {text!r}: there is no home folder {user}; give the whole path, or ./{text} for a name with ~")


def with_ending(path: Path, ending: str) -> Path:
    """The path of the same name with an ending, in the same folder; the folder ``.`` is called by its own name.

    Raises:
        DataError: the path is the root, which has no name.

    Example:
        >>> with_ending(Path("runs/shop"), ".db").as_posix(), with_ending(Path("."), ".db").parent == Path.cwd().parent
        ('runs/shop.db', True)
    """
    named = path if path.name not in {"", ".."} else path.resolve()
    if not named.name:
        raise DataError(f"{path} is the root of all folders; give a folder or a file in it")
    return named.with_name(named.name + ending)


def refuse_special(path: Path, what: str = "the file", error: type[FillrankError] = DataError) -> None:
    """Refuse a path that is not an ordinary file: a device, a pipe, a socket, a file of ``/proc`` or ``/sys``.

    A path that does not exist is accepted.

    Raises:
        FillrankError: of the class ``error``; the message says what the path is.

    Example:
        >>> refuse_special(Path("/dev/null"))
        Traceback (most recent call last):
        fillrank.errors.DataError: the file /dev/null is a device; give a file on a disk
    """
    try:
        kind = _SPECIAL.get(stat.S_IFMT(path.stat().st_mode))
        real = os.path.realpath(path)
    except (OSError, RuntimeError):  # it does not exist or is not accessible: opening it will say why
        return
    if kind is None and any(real == tree or real.startswith(f"{tree}/") for tree in _KERNEL):
        kind = "a view of the system, not a file"
    if kind is not None:
        raise error(f"{what} {path} is {kind}; give a file on a disk")
