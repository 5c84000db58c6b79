"""Arguments of public functions: looked at once, at the door, against the types that the signature names.

``@checked`` above a function, a method or a class compiles the annotations when it is first called. An argument of
another kind ends in an :class:`~fillrank.errors.ArgumentError` that says which argument it was, what came and what is
wanted. What has one plain meaning is taken: numbers of NumPy are numbers, a list stands for a tuple. Names that exist
only under ``TYPE_CHECKING`` are compared by the name of the class, so nothing is imported to check it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from fillrank.arguments.hints import hints_of
from fillrank.arguments.kinds import kind_of
from fillrank.arguments.showing import shown
from fillrank.arguments.single import Kind, Refused
from fillrank.errors import ArgumentError, FillrankError

__all__ = ["checked"]

Target = TypeVar("Target")


def checked(target: Target) -> Target:
    """The same function, method or class (its constructor), which looks at the kinds of its arguments.

    Parameters without an annotation, and those annotated ``Any``, are handed through.

    Raises (when called):
        ArgumentError: an argument is of another kind than its annotation says.

    Example:
        >>> import numpy as np
        >>> @checked
        ... def repeat(word: str, times: int = 2) -> str:
        ...     return word * times
        >>> repeat("ab", times=np.int64(3))
        'ababab'
        >>> repeat("ab", times="3")
        Traceback (most recent call last):
        fillrank.errors.ArgumentError: repeat: times must be a whole number, got '3' (str)
    """
    if inspect.isclass(target):
        made = cast(Any, target)
        made.__init__ = _door(made.__init__, made.__name__)
        return target
    return cast(Target, _door(cast(Any, target), cast(Any, target).__name__))


def _door(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    compiled: list[_Signature] = []  # filled by the first call: an import should not pay for it

    @wraps(function)
    def door(*args: Any, **named: Any) -> Any:
        if not compiled:
            compiled.append(_Signature(function))
        signature = compiled[0]
        places = [
            value if kind is None else _taken(name, parameter, kind, value)
            for value, (parameter, kind) in zip(args, signature.by_place, strict=False)
        ]
        for parameter, value in named.items():
            kind = signature.by_name.get(parameter, signature.others)
            if kind is not None:
                named[parameter] = _taken(name, parameter, kind, value)
        return function(*places, *args[len(places) :], **named)

    return door


def _taken(function: str, parameter: str, kind: Kind, value: Any) -> Any:
    try:
        return kind.take(value)
    except Refused as refused:
        hint = f"; {refused}" if str(refused) else ""
        said = f"{function}: {parameter} must be {kind.words}, got {shown(value)}{hint}"
        raise ArgumentError(said).about(parameter).at(function) from None
    except FillrankError as error:  # of what a value was to be made into, such as a log of a table
        raise error.about(parameter) from error.__cause__


class _Signature:
    """The kinds that a function wants: of its parameters by place and by name."""

    def __init__(self, function: Callable[..., Any]) -> None:
        hints = hints_of(function)
        kinds: dict[str, Kind | None] = {}
        places: list[tuple[str, Kind | None]] = []
        self.others: Kind | None = None
        for name, parameter in inspect.signature(function).parameters.items():
            kind = kind_of(hints[name]) if name in hints else None
            if parameter.kind is parameter.VAR_KEYWORD:
                self.others = kind
            elif parameter.kind is parameter.VAR_POSITIONAL:
                places += [(name, kind)] * 8
            else:
                kinds[name] = kind
                if parameter.kind is not parameter.KEYWORD_ONLY:
                    places.append((name, kind))
        self.by_name, self.by_place = kinds, tuple(places)
