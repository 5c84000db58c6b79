"""Turn the types of a signature into checks of values, with the conversions that they allow."""

from __future__ import annotations

import collections.abc as abc
import inspect
import os
import types
import typing
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np

from fillrank.arguments.hints import Absent
from fillrank.arguments.showing import shown, with_article
from fillrank.arguments.single import PATH, SINGLE, Converter, Kind, Refused, exactly, of_class, scalar

__all__ = ["Own", "kind_of", "takes_also"]

_ARRAYS = {"iu": "whole numbers", "f": "numbers", "biuf": "numbers"}

T = TypeVar("T")
_OWN = "the function itself says what is wrong with it"
Own = Annotated[T, _OWN]
"""``Own[Kind]`` in a signature: not checked here, because the function itself gives a better message."""

_CONVERTERS: dict[str, tuple[str, Converter]] = {}


def takes_also(name: str, words: str, convert: Converter) -> None:
    """Let other values be converted to the class called ``name`` where an argument is annotated with it.

    Args:
        name: of the class.
        words: what else is accepted, for messages.
        convert: gets a value that is no instance of the class. It returns one, or raises :class:`Refused` or an error
            of ``fillrank.errors``.
    """
    _CONVERTERS[name] = (words, convert)


def kind_of(hint: Any) -> Kind | None:
    """Return the kind that a resolved annotation stands for; None if every value is accepted."""
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
        return exactly("a mapping", lambda value: isinstance(value, Mapping))
    return SINGLE.get(whole) or _instance(whole)


def _one_of(kinds: list[Kind | None]) -> Kind | None:
    """Accept any of several kinds: first a kind that the value already is, then the first that can convert it."""
    known = [kind for kind in kinds if kind is not None]
    if len(known) < len(kinds):
        return None
    if any(kind is PATH or "a device" in kind.words for kind in known):  # a text is its name
        known = [kind for kind in known if kind is not SINGLE[str]]

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
        found = [option for option in options if type(option) is type(scalar(value)) and option == scalar(value)]
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
    return exactly("a class", lambda value: inspect.isclass(value) and (base is Any or issubclass(value, base)))


def _several(whole: Any, parts: tuple[Any, ...]) -> Kind:
    """Accept a list, a tuple or another iterable; a text or a mapping is no list."""
    fixed = whole is tuple and parts and parts[-1] is not Ellipsis
    inner = [kind_of(part) for part in parts if part is not Ellipsis]
    of = inner[0] if inner and not fixed else None

    def take(value: Any) -> Any:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, abc.Iterable) or _is_frame(value):
            single = isinstance(value, str | bytes) or (of is not None and of.fits(value))
            raise Refused("write a list, also for a single one" if single else "")
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
    name = words.rpartition(" ")[2]
    return plurals.get(words, f"{name} objects" if name[:1].isupper() else "")


def _is_frame(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "shape")


def _instance(whole: Any) -> Kind | None:
    """Accept an instance of a class (compared by name if only the name is known), or of a protocol (by its methods)."""
    if not inspect.isclass(whole):
        return None
    if issubclass(whole, os.PathLike):
        return PATH
    name = whole.__name__
    if name == "device" and (whole.__module__ == "torch" or issubclass(whole, Absent)):
        return _device()
    words, convert = _CONVERTERS.get(name, ("", None))
    if issubclass(whole, Absent):
        fits: Callable[[Any], bool] = lambda value: any(base.__name__ == name for base in type(value).__mro__)  # noqa: E731
    elif getattr(whole, "_is_protocol", False):
        wanted = [part for base in whole.__mro__ if getattr(base, "_is_protocol", False) for part in _parts_of(base)]
        fits = lambda value: not inspect.isclass(value) and all(hasattr(value, part) for part in wanted)  # noqa: E731
    else:
        fits = of_class(whole)

    def take(value: Any) -> Any:
        if fits(value):
            return value
        if inspect.isclass(value) and any(base.__name__ == name for base in value.__mro__):
            raise Refused(f"{value.__name__} is a class, and an object of it is wanted: {value.__name__}(…)")
        if convert is None:
            raise Refused("torch.as_tensor makes one" if name == "Tensor" else "")
        return convert(value)

    return Kind((with_article(name) + words,), fits, take)


def _device() -> Kind:
    """Accept a device of PyTorch, or its name, if this machine has it."""

    def take(value: Any) -> Any:
        torch = import_module("torch")  # whoever names a device is about to use it
        try:
            kind = torch.device(value).type if isinstance(value, str | torch.device) else None
        except RuntimeError:
            kind = None
        if kind is None:
            raise Refused
        if kind not in {"cpu", "meta"} and not getattr(getattr(torch, kind, None), "is_available", lambda: False)():
            raise Refused(f"this machine has no {kind}")
        return value

    return Kind(("a device such as 'cpu' or 'cuda:0'",), lambda value: type(value).__module__ == "torch", take)


def _parts_of(protocol: type) -> list[str]:
    given = {**vars(protocol), **vars(protocol).get("__annotations__", {})}
    return [name for name in given if not name.startswith("_") or name == "__call__"]
