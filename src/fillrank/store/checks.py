"""What a store takes for ids, types and other texts: the same on every database."""

from __future__ import annotations

import hashlib
import math
import time

from fillrank.arguments import shown
from fillrank.errors import DataError

__all__ = ["LONGEST_ID", "LONGEST_TYPE", "check_number", "check_text", "digest_of", "now_ms"]

LONGEST_ID, LONGEST_TYPE = 512, 64
_LARGEST = 3.0e38  # values are float32 in a log


def check_text(what: str, text: object, longest: int = LONGEST_ID) -> str:
    """``text``, if every database can hold it.

    Raises:
        DataError: it is no text, is empty or too long, or holds a NUL character or half of a pair of surrogates.
    """
    if not isinstance(text, str):
        raise DataError(f"{what} must be a text, got {shown(text)}")
    if not text or len(text) > longest:
        raise DataError(f"{what} must have 1 to {longest} characters, got {len(text):,}")
    if "\0" in text or (not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)):
        raise DataError(f"{what} holds a character that no database takes (NUL, or half of a pair of surrogates)")
    return text


def check_number(what: str, number: float | None) -> float | None:
    """``number``, if it is finite and fits into 32 bits, or None.

    Raises:
        DataError: it is not.
    """
    if number is not None and not (math.isfinite(number) and abs(number) <= _LARGEST):
        raise DataError(f"{what} must be a finite number, got {number!r}")
    return number


def digest_of(kind: str, text: str) -> str:
    """What a mark holds in the place of an id that was deleted.

    Example:
        >>> digest_of("user", "ann")[:8]
        'a0f3b5cd'
    """
    return hashlib.sha256(f"{kind}\0{text}".encode()).hexdigest()


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
