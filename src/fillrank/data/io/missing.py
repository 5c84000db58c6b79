"""The words that mean a missing value, for reading logs and for completing tables."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

__all__ = ["MISSING_WORDS", "is_missing_word", "missing_mask"]

_SPREADSHEETS_AND_DATABASES = ("#na", "#n/a", "#n/a n/a", "\\n", "(null)", "null")
_LANGUAGES = ("na", "n/a", "<na>", "nan", "-nan", "nat", "none", "undefined")
_OLD_C_LIBRARIES = ("1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan")
MISSING_WORDS: frozenset[str] = frozenset({"", *_SPREADSHEETS_AND_DATABASES, *_LANGUAGES, *_OLD_C_LIBRARIES})
"""Words that mean a missing value, in lower case."""


def is_missing_word(text: str, more: Iterable[str] = ()) -> bool:
    r"""Whether the text of a cell means a missing value; blanks around it and upper or lower case do not matter.

    Args:
        text: the cell as it is written.
        more: further words, such as ``"?"`` or ``"-99"``.

    Example:
        >>> [is_missing_word(text) for text in ("", " NULL ", "\\N", "NaN", "0", "?", "Nancy")]
        [True, True, True, True, False, False, False]
        >>> is_missing_word("?", more=["?"])
        True
    """
    said = text.strip().casefold()
    return said in MISSING_WORDS or said in {word.strip().casefold() for word in more}


def missing_mask(column: pl.Series, words: Iterable[str] | None = None) -> pl.Series:
    """Whether each cell of a column of strings is null or holds one of ``words``.

    Args:
        column: strings.
        words: the words that mean a missing value; None: :data:`MISSING_WORDS`.

    Example:
        >>> missing_mask(pl.Series(["ann", "NULL", None, "nancy"])).to_list()
        [False, True, True, False]
    """
    known = MISSING_WORDS if words is None else {word.strip().casefold() for word in words}
    longest = max(map(len, known), default=0)
    maybe = (column.str.len_bytes() <= longest + 8).fill_null(True)  # long texts cannot match: skip them for speed
    if not maybe.any():
        return maybe
    short = column.zip_with(maybe, pl.Series([None], dtype=pl.String).new_from_index(0, len(column)))
    said = short.str.strip_chars().str.to_lowercase()
    return column.is_null() | said.is_in(list(known | {""})).fill_null(False)
