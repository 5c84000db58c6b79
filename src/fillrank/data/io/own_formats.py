"""Formats of somebody's own: a function that turns the bytes of a file into a frame."""

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

The function gets what a file holds, unpacked, and gives a frame with a row for each interaction. An attribute
``endings`` of it, such as ``(".xyz",)``, names the files that it is for. Without it, or where an installed package
offers it (``fillrank.formats``), ``format="name"`` asks for it.
"""


def format_of(name: Path) -> str | None:
    """The format that the ending of a file's name tells."""
    last = ending(name)
    own = (form for form, reader in READERS.items() if last in getattr(reader, "endings", ()))
    return ENDINGS.get(last) or next(own, None)


def known_endings() -> set[str]:
    """The endings by which the parts in a folder are distinguished from other files."""
    return {*ENDINGS, *(one for reader in READERS.values() for one in getattr(reader, "endings", ()))}


def own_part(form: str, content: bytes) -> Part:
    """A file in a format of somebody's own.

    Raises:
        DataError: its function fails, or gives something else than a frame.
    """
    reader = READERS.find(form)
    try:
        frame = reader(content)
    except (ValueError, LookupError, ArithmeticError, pl.exceptions.PolarsError) as error:
        raise DataError(f"it cannot be read as {form!r}: {type(error).__name__}: {error}") from error
    if not isinstance(frame, pl.DataFrame):
        raise DataError(f"the format {form!r} ({label(reader)}) gives {type(frame).__name__}, not a polars.DataFrame")
    return frame_part(frame)
