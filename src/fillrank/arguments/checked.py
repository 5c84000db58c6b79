"""``@checked``: checks the arguments of a public function against its annotations.

The decorator compiles the annotations at the first call. An argument of another type raises an
:class:`~fillrank.errors.ArgumentError` that names the argument, its value and the type expected. Values with one plain
meaning are converted: a NumPy number becomes a Python number, a list stands for a tuple. Classes that are imported only
under ``TYPE_CHECKING`` are compared by name, so a check imports nothing.
"""

from __future__ import annotations

import difflib
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
    """Make a function, a method or a class (its constructor) check the types of its arguments.

    Parameters without an annotation, and those annotated ``Any``, are not checked.

    Raises (when called):
        ArgumentError: an argument has another type than its annotation says, is unknown, missing, or one too many.

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
    compiled: list[_Signature] = []  # filled by the first call, so that imports stay fast

    @wraps(function)
    def door(*args: Any, **named: Any) -> Any:
        if not compiled:
            compiled.append(_Signature(function))
        signature = compiled[0]
        if wrong := signature.wrong(args, named):
            raise wrong.at(name).about(name)
        positional = [
            value if kind is None else _taken(name, parameter, kind, value)
            for value, (parameter, kind) in zip(args, signature.by_position, strict=False)
        ]
        for parameter, value in named.items():
            kind = signature.by_name.get(parameter, signature.others)
            if kind is not None:
                named[parameter] = _taken(name, parameter, kind, value)
        return function(*positional, *args[len(positional) :], **named)

    return door


def _taken(function: str, parameter: str, kind: Kind, value: Any) -> Any:
    try:
        return kind.take(value)
    except Refused as refused:
        hint = f"; {refused}" if str(refused) else ""
        said = f"{function}: {parameter} must be {kind.words}, got {shown(value)}{hint}"
        raise ArgumentError(said).about(parameter).at(function) from None
    except FillrankError as error:  # the conversion failed, for example of a table into a log
        raise error.about(parameter) from error.__cause__


class _Signature:
    """The expected kinds of a function's parameters, by position and by name."""

    def __init__(self, function: Callable[..., Any]) -> None:
        hints = hints_of(function)
        kinds: dict[str, Kind | None] = {}
        positional: list[tuple[str, Kind | None]] = []
        self.others: Kind | None = None
        self.takes_others = self.takes_more = False
        self.required: list[tuple[str, int | None]] = []
        for place, (name, parameter) in enumerate(inspect.signature(function).parameters.items()):
            kind = kind_of(hints[name]) if name in hints else None
            if parameter.kind is parameter.VAR_KEYWORD:
                self.others, self.takes_others = kind, True
            elif parameter.kind is parameter.VAR_POSITIONAL:
                self.takes_more = True
                positional += [(name, kind)] * 8
            else:
                if parameter.default is parameter.empty:
                    self.required.append((name, None if parameter.kind is parameter.KEYWORD_ONLY else place))
                kinds[name] = kind
                if parameter.kind is not parameter.KEYWORD_ONLY:
                    positional.append((name, kind))
        self.by_name, self.by_position = kinds, tuple(positional)
        self._known = [name for name in kinds if name not in {"self", "cls"}]

    def wrong(self, args: tuple[Any, ...], named: dict[str, Any]) -> ArgumentError | None:
        """The error if an argument is unknown, missing, or one too many; what Python says names no way out."""
        known = self._known
        if not self.takes_others and (unknown := [name for name in named if name not in self.by_name]):
            close = difflib.get_close_matches(unknown[0], known, n=1)
            hint = f"did you mean {close[0]!r}? It" if close else "it"
            return ArgumentError(f"there is no argument {unknown[0]!r}; {hint} takes {', '.join(known) or 'none'}")
        missing = [name for name, place in self.required if name not in named and (place is None or place >= len(args))]
        if missing:
            return ArgumentError(f"{' and '.join(map(repr, missing))} must be given; it takes {', '.join(known)}")
        if len(args) > len(self.by_position) and not self.takes_more:
            few = [name for name, _ in self.by_position if name in known]
            return ArgumentError(
                f"{len(args) - len(self.by_position)} too many arguments came; without their names it takes "
                f"{', '.join(few) or 'none'}, and by name {', '.join(known)}"
            )
        return None
