"""Read and write numbers in the notation of a file (decimal mark, thousands mark, unit)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fillrank.completion.text import plain
from fillrank.errors import SettingsError

__all__ = ["Notation", "looks_like_a_number"]

_MARKS = (".", ",", "'", "’", "_", " ")
_SPACES = " \u00a0\u2009\u202f"  # all that is written as a blank between thousands
_LIKE = re.compile(
    r"[<>≤≥~±]?\s*[-+\u2212(]?\s*[$€£¥]?\s*"
    r"(\d+([.,]\d*)?|[.,]\d+|\d{1,3}([.,'’\s]\d{3})+([.,]\d*)?|inf|infinity)([eE][-+]?\d+)?"
    r"\s*([%‰°$€£¥*)]|eur|usd)*",
    re.IGNORECASE,
)


def looks_like_a_number(field: str) -> bool:
    """Whether a field is a number in some notation, perhaps with a unit; then it is not the name of a row or a column.

    Example:
        >>> [looks_like_a_number(field) for field in ("4,5", "1.234", "12 %", "€ 3", "<0.1", "inf", "2020-01-31", "A1")]
        [True, True, True, True, True, True, False, False]
    """
    return _LIKE.fullmatch(plain(field)) is not None


@dataclass(frozen=True)
class Notation:
    """How numbers are written.

    Attributes:
        decimal: ``"."`` or ``","``.
        thousands: the mark between groups of three digits, or None.
        unit: the text after a number, such as ``"%"``, or nothing. Numbers without it are read too.

    Raises:
        SettingsError: one of them is not possible, or they cannot be distinguished.

    Example:
        >>> german = Notation(decimal=",", thousands=".")
        >>> [german.value(field) for field in ("4,5", "1.234,5", "1.23", "-,5")], german.written(1234.5, 6)
        ([4.5, 1234.5, None, -0.5], '1234,5')
    """

    decimal: str = "."
    thousands: str | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if self.decimal not in {".", ","}:
            raise SettingsError(f"decimal must be '.' or ',', got {self.decimal!r}")
        if self.thousands is not None and self.thousands not in _MARKS:
            raise SettingsError(f"thousands must be one of {', '.join(map(repr, _MARKS))}, got {self.thousands!r}")
        if self.thousands == self.decimal:
            raise SettingsError(f"decimal and thousands are both {self.decimal!r}; they cannot be distinguished")

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        mark = re.escape(self.decimal)
        whole = r"\d+"
        if self.thousands is not None:
            group = f"[{_SPACES}]" if self.thousands == " " else f"[{re.escape(self.thousands)}]"
            whole = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)"
        return re.compile(rf"[-+]?(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][-+]?\d+)?")

    def value(self, field: str) -> float | None:
        """The finite number in a field; None if there is none."""
        said = plain(field)
        if self.unit and said.endswith(self.unit):
            said = said.removesuffix(self.unit).rstrip()
        if self._pattern.fullmatch(said) is None:
            return None
        if self.thousands is not None:
            for mark in _SPACES if self.thousands == " " else self.thousands:
                said = said.replace(mark, "")
        number = float(said.replace(self.decimal, "."))
        return number if np.isfinite(number) else None

    def written(self, number: float, digits: int) -> str:
        """Write a number with ``digits`` significant digits; without an exponent unless it is very large or small."""
        text = f"{number:.{digits}g}"
        if "e" in text and 1e-6 <= abs(number) < 1e15:
            text = np.format_float_positional(float(text), trim="-")
        return text.replace(".", self.decimal) + self.unit
