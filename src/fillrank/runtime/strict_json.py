"""Read JSON from files that cannot be trusted."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from fillrank.errors import DataError, FillrankError

__all__ = ["is_number", "nested_deeper", "parse_json", "read_json"]

_DEEPEST = 64
"""The deepest nesting of lists and mappings that a file of fillrank may have; far below Python's limit of recursion."""


def read_json(
    file: Path, error: type[FillrankError] = DataError, *, advice: str = "write it anew", largest: int = 1 << 30
) -> Any:
    """The content of a JSON file.

    Args:
        file: its path.
        error: the class to raise.
        advice: what to do, for messages.
        largest: the largest size in bytes.

    Raises:
        FillrankError: of the class ``error``: the file cannot be read, is not JSON, is too large or nested too deeply,
            or contains a number with thousands of digits or a lone surrogate (half a character).
    """
    try:
        size = file.stat().st_size
        if size > largest:
            raise error(f"{file} is torn or foreign (it has {size:,} bytes); {advice}")
        return parse_json(file.read_text(encoding="utf-8"))
    except OSError as reason:
        raise error(f"{file} cannot be read ({reason.strerror}); {advice}") from reason
    except ValueError as reason:
        if isinstance(reason, FillrankError):
            raise
        raise error(f"{file} is torn or foreign ({reason}); {advice}") from reason


def parse_json(text: str) -> Any:
    """Parse JSON text.

    Raises:
        ValueError: the text is not JSON, is nested too deeply, or contains a number with thousands of digits or a lone
            surrogate (half a character, which cannot be written to a file).

    Example:
        >>> parse_json('{"a": [1, 2.5, null]}')
        {'a': [1, 2.5, None]}
        >>> parse_json("[" * 100_000)
        Traceback (most recent call last):
        ValueError: it is nested too deep
    """
    try:
        content = json.loads(text)
        if "\\u" in text:
            json.dumps(content, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if nested_deeper(content, _DEEPEST):
        raise ValueError("it is nested too deep")
    return content


def nested_deeper(content: Any, levels: int) -> bool:
    """Whether lists and mappings are nested more than ``levels`` deep.

    Example:
        >>> nested_deeper({"a": [1]}, 2), nested_deeper({"a": [1]}, 1)
        (False, True)
    """
    layer = [content]
    for _ in range(levels + 1):
        held = [one for one in layer if isinstance(one, dict | list) and one]
        if not held:
            return False
        layer = [value for one in held for value in (one.values() if isinstance(one, dict) else one)]
    return True


def is_number(value: Any) -> bool:
    """Whether a value from JSON is a finite number. True and False are not numbers.

    Example:
        >>> [is_number(value) for value in (1, 2.5, True, "1", float("nan"), 10**400)]
        [True, True, False, False, False, False]
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that is too large for a floating-point number
        return False
