"""What a type in a signature means for a value at run time: whether the value fits, and what it is taken for."""

from __future__ import annotations

import builtins
import collections.abc as abc
import inspect
import math
import os
import reprlib
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np

__all__ = ["Kind", "Own", "Refused", "hints_of", "kind_of", "shown", "takes_also"]

_LARGEST = float(np.finfo(np.float32).max)
_LONGEST_PATH = 4096
_LONGEST_TEXT = 1000  # of what names something; a longer one is a text in place of its name
_ARRAYS = {"iu": "whole numbers", "f": "numbers", "biuf": "numbers"}
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 60

T = TypeVar("T")
_OWN = "the function itself says what is wrong with it"
Own = Annotated[T, _OWN]
"""``Own[Kind]`` in a signature: handed through as it comes, as the function has better words for what it wants."""

Converter = Callable[[Any], Any]
_CONVERTERS: dict[str, tuple[str, Converter]] = {}


class Refused(Exception):  # noqa: N818 (it never leaves the door)
    """A value does not fit; the text, if any, says what to do."""


@dataclass(frozen=True)
class Kind:
    """What is wanted of one argument.

    Attributes:
        wanted: what is wanted, in other words if there are several: each may complete "… must be".
        fits: whether a value is of the kind as it stands.
        take: the value as the function gets it; raises :class:`Refused`.
    """

    wanted: tuple[str, ...]
    fits: Callable[[Any], bool]
    take: Converter

    @property
    def words(self) -> str:
        *others, last = self.wanted
        return f"{', '.join(others)} or {last}" if others else last


def takes_also(name: str, words: str, convert: Converter) -> None:
    """Let arguments annotated with the class called ``name`` be made from other things: ``words`` adds what.

    ``convert`` gets what is no instance of the class, and raises :class:`Refused` or one of ``fillrank.errors``.
    """
    _CONVERTERS[name] = (words, convert)


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function, resolved; a name that only type checkers know becomes an :class:`_Absent`."""
    scope = _Scope(inspect.unwrap(function).__globals__)
    return typing.get_type_hints(function, localns=scope, include_extras=True)


def kind_of(hint: Any) -> Kind | None:
    """The kind that a resolved annotation stands for; None where everything is taken."""
    if hint is Any or hint is object or hint is typing.Self or isinstance(hint, TypeVar):
        return None
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return None if _OWN in hint.__metadata__ else kind_of(parts[0])
    if origin in {Union, types.UnionType}:
        return _one_of([kind_of(part) for part in parts])
    if origin is Literal:
        return _literal(parts)
    if origin is np.ndarray or hint is np.ndarray:
        return _array(parts)
    if origin is type:
        return _subclass(parts[0])
    whole = origin or hint
    if whole in {list, tuple, abc.Sequence, abc.Iterable, abc.Collection}:
        return _several(whole, parts)
    if whole in {dict, abc.Mapping}:
        return _exactly("a mapping", lambda value: isinstance(value, Mapping))
    return _SIMPLE.get(whole) or _instance(whole)


def shown(value: Any) -> str:
    """A value and its type for a message: short, whatever the value is.

    Example:
        >>> shown("x"), shown(np.zeros((2, 3))), shown(object())
        ("'x' (str)", 'a ndarray of shape (2, 3)', 'an object')
    """
    if value is None:
        return "None"
    name = type(value).__name__
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and not isinstance(value, np.generic):
        return f"{_with_article(name)} of shape {tuple(shape)}"
    if isinstance(
        value, str | bytes | bool | int | float | complex | np.generic | list | tuple | dict | set | frozenset
    ):
        try:
            return f"{_SHOWN.repr(value)} ({name})"
        except ValueError:  # an integer of thousands of digits is not written out
            return _with_article(name)
    return _with_article(name)


class _Named(type):
    """Gives a stand-in for a module its classes, and for a class its parameters."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Named(name, (_Absent,), {})

    def __getitem__(cls, _: Any) -> Any:
        return cls


class _Absent(metaclass=_Named):
    """Stands for a class that is imported for type checkers only: compared by its name."""


class _Scope(dict[str, Any]):
    """The names of a module, where a name that is not there is an :class:`_Absent`."""

    def __missing__(self, name: str) -> Any:
        if name.startswith("__"):  # a debugger looks for such names
            raise KeyError(name)
        return getattr(builtins, name) if hasattr(builtins, name) else _Named(name, (_Absent,), {})


def _with_article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


def _exactly(words: str, fits: Callable[[Any], bool]) -> Kind:
    def take(value: Any) -> Any:
        if not fits(value):
            raise Refused
        return value

    return Kind((words,), fits, take)


def _scalar(value: Any) -> Any:
    """A number of NumPy, or an array that holds a single one, as a number of Python."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype != object):
        return value.item()
    return value


def _whole(value: Any) -> int:
    number = _scalar(value)
    if isinstance(number, bool) or not isinstance(number, int):
        raise Refused
    if not -(2**63) <= number < 2**63:
        raise Refused("it does not fit into 64 bits")
    return int(number)


def _number(value: Any) -> float:
    number = _scalar(value)
    if isinstance(number, bool) or not isinstance(number, Real):
        raise Refused
    try:
        size = abs(float(number))
    except OverflowError:
        size = math.inf
    if not size <= _LARGEST:  # NaN compares with nothing
        raise Refused("it must be finite and fit into 32 bits")
    return value if isinstance(value, int) and size < 2**53 else float(number)


def _flag(value: Any) -> bool:
    flag = _scalar(value)
    if not isinstance(flag, bool):
        raise Refused
    return flag


def _path(value: Any) -> Any:
    if not isinstance(value, str | os.PathLike):
        raise Refused
    text = os.fspath(value)
    if not isinstance(text, str) or "\0" in text or len(text) > _LONGEST_PATH:
        raise Refused(f"a path is text of at most {_LONGEST_PATH:,} characters without a null character")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused
    if len(value) > _LONGEST_TEXT:
        raise Refused(f"it has {len(value):,} characters, and may have {_LONGEST_TEXT:,}")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Refused("it holds half of a pair of surrogates")
    return str.__str__(value)


def _of(kind: type, *but: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind) and not isinstance(value, but)


_PATH = Kind(("a path",), _of(os.PathLike), _path)
_SIMPLE: dict[Any, Kind] = {
    int: Kind(("a whole number",), _of(int, bool), _whole),
    float: Kind(("a number",), _of(float), _number),
    bool: Kind(("True or False",), _of(bool), _flag),
    str: Kind(("a text",), _of(str), _text),
    type(None): _exactly("None", lambda value: value is None),
    Callable: _exactly("a function", callable),
    typing.IO: _exactly("an open file", lambda value: hasattr(value, "read")),
}


def _one_of(kinds: list[Kind | None]) -> Kind | None:
    """Any of several kinds: the one that the value is of as it stands, or else the first that takes it."""
    known = [kind for kind in kinds if kind is not None]
    if len(known) < len(kinds):
        return None
    if any(kind is _PATH or "a device" in kind.words for kind in known):  # a text is its name
        known = [kind for kind in known if kind is not _SIMPLE[str]]

    def take(value: Any) -> Any:
        advice = ""
        for kind in [kind for kind in known if kind.fits(value)] or known:
            try:
                return kind.take(value)
            except Refused as refused:
                advice = advice or str(refused)
        raise Refused(advice)

    wanted = tuple(dict.fromkeys(words for kind in known for words in kind.wanted))
    return Kind(wanted, lambda value: any(kind.fits(value) for kind in known), take)


def _literal(options: tuple[Any, ...]) -> Kind:
    def take(value: Any) -> Any:
        found = [option for option in options if type(option) is type(_scalar(value)) and option == _scalar(value)]
        if not found:
            raise Refused
        return found[0]

    kinds = tuple({type(option) for option in options})
    return Kind(tuple(map(repr, options)), lambda value: isinstance(value, kinds), take)


def _array(parts: tuple[Any, ...]) -> Kind:
    scalar = (get_args(parts[1]) or (Any,))[0] if len(parts) > 1 else Any
    scalar = get_origin(scalar) or scalar
    letters = "biuf"
    if inspect.isclass(scalar) and scalar is not object:
        by_class = {np.bool_: "biuf", np.integer: "iu", np.floating: "f"}
        letters = next((found for kind, found in by_class.items() if issubclass(scalar, kind)), letters)

    def take(value: Any) -> Any:
        if isinstance(value, str | bytes | bytearray | memoryview | Mapping):
            raise Refused
        try:
            array = np.asarray(value)
        except (TypeError, ValueError, OverflowError, RuntimeError) as error:
            raise Refused from error
        if array.ndim == 0 or array.dtype.kind not in ("biuf" if letters == "f" or not array.size else letters):
            raise Refused
        if letters == "iu" and array.dtype.kind == "u" and array.size and int(array.max()) >= 2**63:
            raise Refused("a number does not fit into 64 bits")
        return array if letters != "iu" or array.dtype.kind in letters else array.astype(np.int64)

    return Kind((f"an array of {_ARRAYS[letters]}",), lambda value: isinstance(value, np.ndarray), take)


def _subclass(base: Any) -> Kind:
    return _exactly("a class", lambda value: inspect.isclass(value) and (base is Any or issubclass(value, base)))


def _several(whole: Any, parts: tuple[Any, ...]) -> Kind:
    """A list, a tuple, or whatever else can be gone through; a text or a mapping is no list."""
    fixed = whole is tuple and parts and parts[-1] is not Ellipsis
    inner = [kind_of(part) for part in parts if part is not Ellipsis]
    of = inner[0] if inner and not fixed else None

    def take(value: Any) -> Any:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, abc.Iterable) or _is_frame(value):
            raise Refused("write a list, also for a single one" if isinstance(value, str | bytes) else "")
        if getattr(value, "ndim", 1) == 0:
            raise Refused("write a list, also for a single one")
        if fixed:
            members = tuple(value)
            if len(members) != len(inner):
                raise Refused(f"{len(inner)} are wanted, {len(members)} came")
            return tuple(
                _member(kind, one, place) for place, (kind, one) in enumerate(zip(inner, members, strict=True))
            )
        if of is None:
            return value if whole in {abc.Iterable, abc.Collection} or isinstance(value, whole) else tuple(value)
        members = tuple(_member(of, one, place) for place, one in enumerate(value))
        return list(members) if whole is list else members

    plural = f" of {_plural(of.words)}" if of is not None and _plural(of.words) else ""
    words = f"{len(inner)} values in a tuple" if fixed else f"a list{plural}"
    return Kind((words,), lambda value: isinstance(value, list | tuple | set | frozenset), take)


def _member(kind: Kind | None, value: Any, place: int) -> Any:
    if kind is None:
        return value
    try:
        return kind.take(value)
    except Refused as refused:
        hint = f"; {refused}" if str(refused) else ""
        raise Refused(f"number {place + 1} of them is {shown(value)}, and must be {kind.words}{hint}") from None


def _plural(words: str) -> str:
    plurals = {"a whole number": "whole numbers", "a number": "numbers", "a text": "texts", "a path": "paths"}
    return plurals.get(words, "")


def _is_frame(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "shape")


def _instance(whole: Any) -> Kind | None:
    """An object of a class: also of one known by its name alone, or of a protocol, which asks for its methods."""
    if not inspect.isclass(whole):
        return None
    if issubclass(whole, os.PathLike):
        return _PATH
    name = whole.__name__
    if name == "device" and whole.__module__ == "torch":
        return _device(whole)
    words, convert = _CONVERTERS.get(name, ("", None))
    if issubclass(whole, _Absent):
        fits: Callable[[Any], bool] = lambda value: any(base.__name__ == name for base in type(value).__mro__)  # noqa: E731
    elif getattr(whole, "_is_protocol", False):
        wanted = [part for base in whole.__mro__ if getattr(base, "_is_protocol", False) for part in _parts_of(base)]
        fits = lambda value: not inspect.isclass(value) and all(hasattr(value, part) for part in wanted)  # noqa: E731
    else:
        fits = _of(whole)

    def take(value: Any) -> Any:
        if fits(value):
            return value
        if convert is None:
            raise Refused("torch.as_tensor makes one" if name == "Tensor" else "")
        return convert(value)

    return Kind((_with_article(name) + words,), fits, take)


def _device(whole: Any) -> Kind:
    """A device of PyTorch, or its name; one that this machine has."""

    def take(value: Any) -> Any:
        try:
            kind = whole(value).type if isinstance(value, str | whole) else None
        except RuntimeError:
            kind = None
        if kind is None:
            raise Refused
        torch = sys.modules["torch"]
        if kind not in {"cpu", "meta"} and not getattr(getattr(torch, kind, None), "is_available", lambda: False)():
            raise Refused(f"this machine has no {kind}")
        return value

    return Kind(("a device such as 'cpu' or 'cuda:0'",), lambda value: isinstance(value, whole), take)


def _parts_of(protocol: type) -> list[str]:
    given = {**vars(protocol), **vars(protocol).get("__annotations__", {})}
    return [name for name in given if not name.startswith("_") or name == "__call__"]
