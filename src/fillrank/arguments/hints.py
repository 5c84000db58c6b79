"""Resolve the annotations of a function to types, including names that only type checkers import."""

from __future__ import annotations

import builtins
import inspect
import typing
from collections.abc import Callable
from typing import Any

__all__ = ["Absent", "hints_of"]


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the resolved annotations of a function; a name that only type checkers know becomes :class:`Absent`."""
    scope = _Scope(inspect.unwrap(function).__globals__)
    return typing.get_type_hints(function, localns=scope, include_extras=True)


class _Named(type):
    """Metaclass of stand-ins: attributes of a missing module, and parameters of a missing class, are stand-ins too."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Named(name, (Absent,), {})

    def __getitem__(cls, _: Any) -> Any:
        return cls


class Absent(metaclass=_Named):
    """Stands for a class that is imported for type checkers only; it is compared by name."""


class _Scope(dict[str, Any]):
    """The names of a module; a name that is missing gives an :class:`Absent`."""

    def __missing__(self, name: str) -> Any:
        if name.startswith("__"):  # a debugger looks for such names
            raise KeyError(name)
        return getattr(builtins, name) if hasattr(builtins, name) else _Named(name, (Absent,), {})
