"""Write down a part that is an object: its class and public attributes, or the name of a function."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from fillrank.registry.signatures import parameters_of

__all__ = ["is_record", "is_usual", "label", "plain", "record_of", "settings_of"]

_DEEPEST = 8
_KINDS = ("class", "function")


def label(part: Any) -> str:
    """Return the full name of a class, a function, or an object's class.

    Example:
        >>> import collections
        >>> label(collections.Counter), label(collections.Counter("aab"))
        ('collections.Counter', 'collections.Counter')
    """
    if isinstance(part, partial):
        return label(part.func)
    named = part if hasattr(part, "__qualname__") else type(part)
    return f"{named.__module__}.{named.__qualname__}"


def plain(value: Any, depth: int = 0) -> bool:
    """Whether JSON and TOML can hold a value: None, booleans, numbers, strings, and lists and tables of these."""
    if value is None or isinstance(value, bool | int | float | str):
        return True
    if depth > _DEEPEST:
        return False
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and plain(one, depth + 1) for name, one in value.items())
    return isinstance(value, list | tuple) and all(plain(one, depth + 1) for one in value)


def is_usual(value: Any, usual: Any) -> bool:
    """Whether a setting has its default value.

    Objects are never compared with ``==``, because a table or an array would compare each of its cells.

    Example:
        >>> is_usual("uniform", "uniform"), is_usual([0.5], [0.5]), is_usual(object(), "uniform")
        (True, True, False)
    """
    return value is usual or (plain(value) and bool(value == usual))


def settings_of(
    part: Any, *, given: Collection[str] = (), inner: Callable[[Any], Any] = lambda _: None
) -> dict[str, Any] | None:
    """Return the settings that an object was made with, if it keeps each as an attribute with the parameter's name.

    Args:
        part: an object.
        given: parameters of its constructor that are no settings.
        inner: returns what to write for a value that is not plain, or None.

    Returns:
        Plain settings by name, with lists in place of tuples; None if they cannot be found out.

    Example:
        >>> class Margin:
        ...     def __init__(self, known, margin=0.5):
        ...         self.margin = margin
        >>> settings_of(Margin(None, 0.3), given=["known"]), settings_of(Margin(None, object()), given=["known"])
        ({'margin': 0.3}, None)
    """
    found: dict[str, Any] = {}
    for name in parameters_of(type(part)):
        if name in given:
            continue
        if not hasattr(part, name):
            return None
        value = getattr(part, name)
        value = value if plain(value) else inner(value)
        if value is None and getattr(part, name) is not None:
            return None
        found[name] = _listed(value)
    return found


def record_of(part: Any) -> dict[str, Any]:
    """Return the record of a part that has no name. It documents the part; the part cannot be made again from it.

    Example:
        >>> class Margin:
        ...     def __init__(self, margin=0.5):
        ...         self.margin, self._cache = margin, {}
        >>> record_of(Margin(0.3))
        {'class': 'fillrank.registry.records.Margin', 'settings': {'margin': 0.3}}
        >>> record_of(Margin), record_of(len)
        ({'class': 'fillrank.registry.records.Margin'}, {'function': 'builtins.len'})
    """
    if isinstance(part, type):
        return {"class": label(part)}
    if isinstance(part, partial):
        own = {name: value for name, value in part.keywords.items() if plain(value)}
        return record_of(part.func) | ({"settings": own} if own else {})
    if hasattr(part, "__qualname__"):
        return {"function": label(part)}
    public = {name: getattr(part, name, None) for name in (*parameters_of(type(part)), *getattr(part, "__dict__", ()))}
    kept = {name: _listed(value) for name, value in public.items() if not name.startswith("_") and plain(value)}
    return {"class": label(part), "settings": kept}


def is_record(value: Any) -> bool:
    """Whether a value was written by :func:`record_of`.

    Example:
        >>> is_record({"class": "mine.Margin", "settings": {}}), is_record({"name": "ccl", "margin": 0.4})
        (True, False)
    """
    if not isinstance(value, Mapping) or not value.keys() <= {*_KINDS, "settings"}:
        return False
    return any(isinstance(value.get(kind), str) for kind in _KINDS)


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _listed(one) for name, one in value.items()}
    return [_listed(one) for one in value] if isinstance(value, list | tuple) else value
