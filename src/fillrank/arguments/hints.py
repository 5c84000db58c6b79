"""The annotations of a function as types, also those that only type checkers can import."""

from __future__ import annotations

import builtins
import inspect
import typing
from collections.abc import Callable
from typing import Any

__all__ = ["Absent", "hints_of"]


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function, resolved; a name that only type checkers know becomes an :class:`Absent`."""
    scope = _Scope(inspect.unwrap(function).__globals__)
    return typing.get_type_hints(function, localns=scope, include_extras=True)


class _Named(type):
    """Gives a stand-in for a module its classes, and for a class its parameters."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Named(name, (Absent,), {})

    def __getitem__(cls, _: Any) -> Any:
        return cls


class Absent(metaclass=_Named):
    """Stands for a class that is imported for type checkers only: compared by its name."""


class _Scope(dict[str, Any]):
    """The names of a module, where a name that is not there is an :class:`Absent`."""

    def __missing__(self, name: str) -> Any:
        if name.startswith("__"):  # a debugger looks for such names
            raise KeyError(name)
        return getattr(builtins, name) if hasattr(builtins, name) else _Named(name, (Absent,), {})
