"""File formats that users add: a function turns the bytes of a file into a frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from fillrank.data.io.files import ending
from fillrank.data.io.formats import ENDINGS, FORMATS, Part
from fillrank.data.io.typed import frame_part
from fillrank.errors import DataError
from fillrank.registry import Registry, label

__all__ = ["READERS", "format_of", "known_endings", "own_part"]

READERS: Registry[Callable[[bytes], pl.DataFrame]] = Registry(
    "format", "fillrank.formats", {}, beside=dict.fromkeys(FORMATS)
)
"""``READERS.register("name", function)`` adds a format.

The function gets the bytes of a file, unpacked, and returns a frame with one row for each interaction. Its attribute
``endings``, such as ``(".xyz",)``, says for which files it is used. Without this attribute, and for formats of
installed packages (entry points ``fillrank.formats``), pass ``format="name"``.
"""


def format_of(name: Path) -> str | None:
    """The format that the ending of a file's name shows, or None."""
    last = ending(name)
    own = (form for form, reader in READERS.items() if last in getattr(reader, "endings", ()))
    return ENDINGS.get(last) or next(own, None)


def known_endings() -> set[str]:
    """The endings of the files that are read from a folder."""
    return {*ENDINGS, *(one for reader in READERS.values() for one in getattr(reader, "endings", ()))}


def own_part(form: str, content: bytes) -> Part:
    """Read a file in a format that a user has added.

    Raises:
        DataError: the function of the format fails, or returns something else than a frame.
    """
    reader = READERS.find(form)
    try:
        frame = reader(content)
    except (ValueError, LookupError, ArithmeticError, pl.exceptions.PolarsError) as error:
        raise DataError(f"it cannot be read as {form!r}: {type(error).__name__}: {error}") from error
    if not isinstance(frame, pl.DataFrame):
        raise DataError(f"the format {form!r} ({label(reader)}) gives {type(frame).__name__}, not a polars.DataFrame")
    return frame_part(frame)
