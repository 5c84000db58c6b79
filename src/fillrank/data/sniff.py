"""Telling what a file is by looking into it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from fillrank.errors import DataError

__all__ = ["has_header", "looks_like_lightgcn", "separator_of"]

_SEPARATORS = ("::", "\t", ",", ";", "|", " ")
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
_SAMPLE = 1 << 16  # bytes


def separator_of(text: bytes, *, expected: str | None = None) -> str:
    """What separates the fields of a text: the expected one if the first line holds it, or else one that fits.

    Raises:
        DataError: no separator stands in the first line.

    Example:
        >>> separator_of(b"1::1193::5\\n1::661::3\\n"), separator_of(b"who;what\\nann;Alien, 1979\\n")
        ('::', ';')
    """
    lines = _first_lines(text)
    if expected is not None and expected in lines[0]:
        return expected
    found = [one for one in _SEPARATORS if one in lines[0]]
    if not found:
        raise DataError(
            f"the first line {lines[0][:60]!r} holds none of the usual separators; name it: separator=…, or format=…"
        )
    steady = [one for one in found if len({line.count(one) for line in lines}) == 1]
    return (steady or found)[0]


def has_header(first: Sequence[str | None]) -> bool:
    """Whether a first record is a header: none of its fields is a number.

    Example:
        >>> has_header(["user", "item"]), has_header(["ann", "7"])
        (True, False)
    """
    return not any(field is not None and _NUMBER.fullmatch(field) for field in first)


def looks_like_lightgcn(text: bytes) -> bool:
    """Whether the lines are whole numbers between blanks, not the same number of them on each line.

    Example:
        >>> looks_like_lightgcn(b"0 5 7 9\\n1 5\\n"), looks_like_lightgcn(b"196 242 3\\n186 302 3\\n")
        (True, False)
    """
    words = [line.split(" ") for line in _first_lines(text)]
    return len({len(line) for line in words}) > 1 and all(word.isdigit() for line in words for word in line if word)


def _first_lines(text: bytes) -> list[str]:
    """The first 20 lines that are not blank; the last of them may be cut short by the end of the sample."""
    sample = text[:_SAMPLE].decode(errors="ignore").splitlines()
    whole = sample[:-1] if len(text) > _SAMPLE and len(sample) > 1 else sample
    return list(islice((line for line in whole if line.strip()), 20))
