"""Guess from the first lines of a text its separator, and whether the first line is a header."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import islice

from fillrank.data.io.missing import is_missing_word
from fillrank.data.io.names import is_usual_name
from fillrank.errors import DataError

__all__ = ["are_numbers", "has_header", "looks_like_lightgcn", "separator_of", "split_line"]

_SEPARATORS = ("::", "\t", ",", ";", "|", " ")
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_SAMPLE = 1 << 16  # bytes


def separator_of(text: bytes, *, expected: str | None = None, is_name: Callable[[str], bool] = is_usual_name) -> str:
    """Guess the separator between the fields of a text.

    The first choice is a separator that splits one of the first lines into names of columns. The second is the expected
    one, if the first line contains it. The third is one that occurs equally often in each line.

    Args:
        text: only its beginning is used.
        expected: the separator that the name of the file suggests.
        is_name: whether a field is the name of a column.

    Raises:
        DataError: the first lines contain no separator.

    Example:
        >>> separator_of(b"1::1193::5\\n1::661::3\\n"), separator_of(b"who;what\\nann;Alien, 1979\\n")
        ('::', ';')
        >>> separator_of(b"Ratings, all of them\\nuser;item;rating\\n1;2;4,5\\n", expected=",")
        ';'
    """
    lines = [_QUOTED.sub("q", line) for line in _first_lines(text)]
    raw = _first_lines(text)
    named = {one: max(_n_names(line, one, is_name) for line in raw) for one in _SEPARATORS}
    most = max(named.values())
    if most >= 2:
        best = [one for one in _SEPARATORS if named[one] == most]
        return expected if expected in best else best[0]
    found = [one for one in _SEPARATORS if one in lines[0]] or [one for one in _SEPARATORS if one in lines[-1]]
    if not found:
        raise DataError(
            f"the first line {raw[0][:60]!r} holds none of the usual separators; name it: separator=…, or format=…"
        )
    steady = [one for one in found if len({line.count(one) for line in lines}) == 1]
    if expected in found and (expected in steady or not steady):
        rival = next(
            (one for one in steady if one not in {expected, " "} and _n(lines, one) > _n(lines, expected)), None
        )
        return rival or expected
    return (steady or found)[0]


def split_line(line: str, separator: str) -> list[str]:
    """The fields of one line, without the quotes and blanks around them.

    Example:
        >>> split_line('"User-ID"; "ISBN"', ";")
        ['User-ID', 'ISBN']
    """
    whole = _QUOTED.sub(lambda found: found.group().replace(separator, "\x00"), line)
    fields = whole.split() if separator == " " else whole.split(separator)
    return [field.strip().strip('"').replace("\x00", separator).strip() for field in fields]


def has_header(first: Sequence[str | None]) -> bool:
    """Whether a first record is a header: none of its fields is a number.

    Example:
        >>> has_header(["user", "item"]), has_header(["ann", "7"])
        (True, False)
    """
    return not any(field is not None and _NUMBER.fullmatch(field) for field in first)


def are_numbers(cells: Sequence[str]) -> bool:
    """Whether at least one cell is a number (a decimal comma is allowed), and all others are numbers or empty.

    Example:
        >>> are_numbers(["5", "4,5", ""]), are_numbers(["PG-13", "5"]), are_numbers([""])
        (True, False, False)
    """
    held = [cell for cell in cells if not is_missing_word(cell)]
    return bool(held) and all(_NUMBER.fullmatch(cell.replace(",", ".", 1)) for cell in held)


def looks_like_lightgcn(text: bytes) -> bool:
    """Whether the lines are whole numbers between blanks, with different numbers of them per line.

    Example:
        >>> looks_like_lightgcn(b"0 5 7 9\\n1 5\\n"), looks_like_lightgcn(b"196 242 3\\n186 302 3\\n")
        (True, False)
    """
    words = [line.split(" ") for line in _first_lines(text)]
    return len({len(line) for line in words}) > 1 and all(word.isdigit() for line in words for word in line if word)


def _n(lines: list[str], separator: str | None) -> int:
    return lines[0].count(separator) if separator else 0


def _n_names(line: str, separator: str, is_name: Callable[[str], bool]) -> int:
    if separator not in line or len(line) > 10_000:
        return 0
    return sum(map(is_name, split_line(line.lstrip("#% "), separator)))


def _first_lines(text: bytes) -> list[str]:
    """The first 20 lines that are not blank. The last one may be cut at the end of the sample."""
    sample = text[:_SAMPLE].decode(errors="ignore").replace("\r\n", "\n").split("\n")
    whole = sample[:-1] if len(text) > _SAMPLE and len(sample) > 1 else sample
    return list(islice((line for line in whole if line.strip()), 20)) or [""]
