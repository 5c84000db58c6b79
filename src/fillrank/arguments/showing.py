"""Short texts of values, for messages."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

__all__ = ["shown", "with_article"]

_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 60


def shown(value: Any) -> str:
    """Return a short text of a value and its type, for a message.

    Example:
        >>> shown("x"), shown(np.zeros((2, 3))), shown(object())
        ("'x' (str)", 'a ndarray of shape (2, 3)', 'an object')
    """
    if value is None:
        return "None"
    name = type(value).__name__
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and not isinstance(value, np.generic):
        return f"{with_article(name)} of shape {tuple(shape)}"
    if isinstance(
        value, str | bytes | bool | int | float | complex | np.generic | list | tuple | dict | set | frozenset
    ):
        try:
            return f"{_SHOWN.repr(value)} ({name})"
        except ValueError:  # an integer of thousands of digits is not written out
            return with_article(name)
    return with_article(name)


def with_article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"
