"""The kinds of single values: numbers, flags, texts, paths, functions."""

from __future__ import annotations

import math
import os
import typing
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

__all__ = ["PATH", "SINGLE", "Converter", "Kind", "Refused", "exactly", "of_class", "scalar"]

Converter = Callable[[Any], Any]
_LARGEST = float(np.finfo(np.float32).max)
_LONGEST_PATH = 4096
_LONGEST_TEXT = 1000  # characters; a longer text is probably a file's content in place of its name


class Refused(Exception):  # noqa: N818 (it never leaves the door)
    """A value is refused; the text, if any, says what to do."""


@dataclass(frozen=True)
class Kind:
    """What one argument must be.

    Attributes:
        wanted: the kinds in words; each completes the sentence "… must be".
        fits: whether a value already is of the kind.
        take: converts a value to what the function gets; raises :class:`Refused`.
    """

    wanted: tuple[str, ...]
    fits: Callable[[Any], bool]
    take: Converter

    @property
    def words(self) -> str:
        *others, last = self.wanted
        return f"{', '.join(others)} or {last}" if others else last


def exactly(words: str, fits: Callable[[Any], bool]) -> Kind:
    def take(value: Any) -> Any:
        if not fits(value):
            raise Refused
        return value

    return Kind((words,), fits, take)


def scalar(value: Any) -> Any:
    """Convert a NumPy number, or an array with a single one, to a Python number."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype != object):
        return value.item()
    return value


def _whole(value: Any) -> int:
    number = scalar(value)
    if isinstance(number, bool) or not isinstance(number, int):
        raise Refused
    if not -(2**63) <= number < 2**63:
        raise Refused("it does not fit into 64 bits")
    return int(number)


def _number(value: Any) -> float:
    number = scalar(value)
    if isinstance(number, bool) or not isinstance(number, Real):
        raise Refused
    try:
        size = abs(float(number))
    except OverflowError:
        size = math.inf
    if not size <= _LARGEST:  # written so that NaN is refused too
        raise Refused("it must be finite and fit into 32 bits")
    return value if isinstance(value, int) and size < 2**53 else float(number)


def _flag(value: Any) -> bool:
    flag = scalar(value)
    if not isinstance(flag, bool):
        raise Refused
    return flag


def _path(value: Any) -> Any:
    if not isinstance(value, str | os.PathLike):
        raise Refused
    text = os.fspath(value)
    if not isinstance(text, str) or "\0" in text or len(text) > _LONGEST_PATH:
        raise Refused(f"a path is text of at most {_LONGEST_PATH:,} characters without a null character")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused
    if len(value) > _LONGEST_TEXT:
        raise Refused(f"it has {len(value):,} characters, and may have {_LONGEST_TEXT:,}")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Refused("it holds half of a pair of surrogates")
    return str.__str__(value)


def _function(value: Any) -> Any:
    """Accept what can be called. A class is refused: it was probably given in place of an object."""
    if not callable(value):
        raise Refused
    if isinstance(value, type):
        raise Refused("it is a class; give an object of it that can be called, or a function")
    return value


def of_class(kind: type, *but: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind) and not isinstance(value, but)


PATH = Kind(("a path",), of_class(os.PathLike), _path)
SINGLE: dict[Any, Kind] = {
    int: Kind(("a whole number",), of_class(int, bool), _whole),
    float: Kind(("a number",), of_class(float), _number),
    bool: Kind(("True or False",), of_class(bool), _flag),
    str: Kind(("a text",), of_class(str), _text),
    type(None): exactly("None", lambda value: value is None),
    Callable: Kind(("a function",), callable, _function),
    typing.IO: exactly("an open file", lambda value: hasattr(value, "read")),
}
