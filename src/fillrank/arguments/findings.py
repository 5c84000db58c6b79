"""What pydantic finds wrong with a value, in our words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["named", "one_of", "wanted"]

_WANTED = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "must be a text",
    "string_unicode": "must be a text of whole characters",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a table of names and values",
    "mapping_type": "must be a table of names and values",
    "model_type": "must be a table of names and values",
    "model_attributes_type": "must be a table of names and values",
    "none_required": "must be left out",
    "path_type": "must be a path",
}
_LIMITS = {
    "greater_than_equal": ("must be {ge} or more", "ge"),
    "less_than_equal": ("must be {le} or less", "le"),
    "greater_than": ("must be above {gt}", "gt"),
    "less_than": ("must be below {lt}", "lt"),
    "string_too_short": ("must have {min_length} or more characters", "min_length"),
    "string_too_long": ("must have {max_length} characters at most", "max_length"),
    "too_short": ("must have {min_length} or more entries", "min_length"),
    "too_long": ("must have {max_length} entries at most", "max_length"),
    "literal_error": ("must be {expected}", "expected"),
}


def wanted(finding: Mapping[str, Any]) -> str:
    """What is wanted in place of what came, to be put behind the name of the field.

    Args:
        finding: one of those that pydantic lists, with ``type``, ``input``, ``msg`` and ``ctx``.

    Example:
        >>> wanted({"type": "greater_than_equal", "ctx": {"ge": 1}, "input": 0})
        'must be 1 or more'
        >>> wanted({"type": "missing", "input": {}})
        'is missing'
    """
    kind, context = str(finding["type"]), finding.get("ctx", {})
    if own := _own(finding):
        return own
    if kind in _LIMITS and _LIMITS[kind][1] in context:
        words, name = _LIMITS[kind]
        limit = context[name]
        said = words.format(**{name: int(limit) if isinstance(limit, float) and limit.is_integer() else limit})
        return said.replace(" entries", " characters") if isinstance(finding.get("input"), str) else said
    return _WANTED.get(kind, "is not what is wanted")


def named(field: str, finding: Mapping[str, Any]) -> str:
    """The same with the name of the field, or nothing, in front.

    Example:
        >>> named("--out", {"type": "missing", "input": {}})
        '--out is missing'
    """
    if not field:
        return wanted(finding)
    return f"{field}: {own}" if (own := _own(finding)) else f"{field} {wanted(finding)}"


def _own(finding: Mapping[str, Any]) -> str:
    """The message of a check of our own, which is a sentence."""
    return str(finding.get("ctx", {}).get("error", "")) if finding["type"] == "value_error" else ""


def one_of(wishes: Iterable[str]) -> str:
    """Several wishes for one field, any of which would do, as one.

    Example:
        >>> one_of(["must be above 0", "must be 'auto'"])
        "must be above 0 or 'auto'"
    """
    several = list(dict.fromkeys(wishes))
    if not all(one.startswith("must be ") for one in several):
        return "; ".join(several)
    return f"must be {' or '.join(one.removeprefix('must be ') for one in several)}"
