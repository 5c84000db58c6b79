"""What is wrong with a request, in our words: which field, what came, what is wanted."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

from fillrank.arguments.findings import named, wanted

__all__ = ["findings"]

_SHOWN = 5  # findings of one request that are named
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 40
_PLACES = {"body": "", "query": "", "path": "", "header": ""}
_BRANCHES = ("dict[", "list[", "function-", "constrained-", "nullable", "tagged-")  # of a union, as pydantic names them
_OBJECTS = {"dict_type", "mapping_type", "model_type", "model_attributes_type"}
_UNSHOWN = {"missing", "value_error", "json_invalid", "extra_forbidden"}


def findings(errors: Sequence[Mapping[str, Any]]) -> str:
    """The first findings about a request, in one line.

    Args:
        errors: as pydantic lists them.

    Example:
        >>> findings([{"type": "missing", "loc": ("body", "events", 0, "item"), "input": {}}])
        'events[0].item is missing'
        >>> findings([{"type": "int_parsing", "loc": ("query", "k"), "input": "ten"}])
        "k must be a whole number, got 'ten'"
    """
    said = dict.fromkeys(_finding(error) for error in _of_the_branch_that_came(errors))
    lines = list(said)
    more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return "; ".join(lines[:_SHOWN]) + more


def _of_the_branch_that_came(errors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Where a field takes a list or an object, the findings of the one that came; of neither: one finding."""
    kept, branches = [], dict[tuple[Any, ...], list[Mapping[str, Any]]]()
    for error in errors:
        place = next((n for n, part in enumerate(error["loc"]) if _is_branch(part)), None)
        if place is None:
            kept.append(error)
        else:
            branches.setdefault(tuple(error["loc"][:place]), []).append(error)
    for loc, found in branches.items():
        right = [one for one in found if not (one["type"] in {"dict_type", "list_type"} and _is_branch(one["loc"][-1]))]
        wrong = {"type": "list_or_object", "loc": loc, "input": found[0]["input"]}
        kept += [{**one, "loc": tuple(part for part in one["loc"] if not _is_branch(part))} for one in right] or [wrong]
    return kept


def _is_branch(part: Any) -> bool:
    return isinstance(part, str) and part.startswith(_BRANCHES)


def _finding(error: Mapping[str, Any]) -> str:
    kind, field = str(error["type"]), _field(error["loc"])
    if kind == "json_invalid":
        return "the body is no JSON"
    if kind == "value_error":
        return named(field, error)
    if kind == "list_or_object":
        said = "must be a list of items, or an object of items with ratings"
    else:
        said = "must be an object" if kind in _OBJECTS else wanted(error)
    came = "" if kind in _UNSHOWN else f", got {_shown(error.get('input'))}"
    return f"{field or 'the body'} {said}{came}"


def _field(loc: Sequence[Any]) -> str:
    """Where it is, as somebody would write it: ``events[0].item``."""
    parts = list(loc)
    if parts and parts[0] in _PLACES:
        parts = parts[1:]
    said = ""
    for part in parts:
        if part == "[key]":
            continue
        said += f"[{part}]" if isinstance(part, int) else f"{'.' * bool(said)}{str(part)[:60] or repr('')}"
    return said


def _shown(came: Any) -> str:
    """What came, if it is short; else what kind of thing it is."""
    if isinstance(came, list | tuple):
        return f"a list of {len(came)}"
    if isinstance(came, Mapping):
        return "an object"
    if came is None or isinstance(came, bool):
        return {None: "null", True: "true", False: "false"}[came]
    return _SHORT.repr(came) if isinstance(came, str | int | float) else "something else"
