"""The parameters of a part's constructor, and a check of settings against them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from fillrank.errors import SettingsError

__all__ = ["check_call", "check_settings", "parameters_of"]


def parameters_of(maker: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return the named parameters of a class (of its constructor) or a function, in order.

    Example:
        >>> list(parameters_of(lambda known, n=3, **more: None))
        ['known', 'n']
    """
    try:
        parameters = inspect.signature(maker).parameters
    except (TypeError, ValueError):  # some classes written in C have no signature
        return {}
    starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name: one for name, one in parameters.items() if one.kind not in starred}


def check_call(what: str, function: Callable[..., Any], wanted: Sequence[str], by_name: Collection[str] = ()) -> None:
    """Check that a user's function can be called with what it is going to get.

    Args:
        what: the function, for messages: ``"the loss mine"``.
        function: any callable. One without a signature (some are written in C) is not checked.
        wanted: what it gets by position, in words.
        by_name: what it gets by name.

    Raises:
        SettingsError: it cannot; the message says what it gets, and what it takes.

    Example:
        >>> check_call("the loss mine", lambda pos: pos, ("pos [B]", "neg [B, N]"))
        Traceback (most recent call last):
        fillrank.errors.SettingsError: the loss mine is called with (pos [B], neg [B, N]), but it takes (pos): too ...
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*wanted, **dict.fromkeys(by_name))
    except TypeError as error:
        called = ", ".join([*wanted, *(f"{name}=…" for name in by_name)])
        plain = [one.replace(annotation=one.empty) for one in signature.parameters.values()]
        takes = signature.replace(parameters=plain, return_annotation=signature.empty)
        raise SettingsError(f"{what} is called with ({called}), but it takes {takes}: {error}") from None


def check_settings(
    what: str, maker: Callable[..., Any], settings: Mapping[str, Any], *, given: Collection[str] = ()
) -> None:
    """Check that each setting exists, that none is missing, and that flags are True or False.

    The class itself checks the other values.

    Args:
        what: the part, for messages: ``"the sampler 'uniform'"``.
        maker: a class or a function.
        settings: by name.
        given: parameters that are no settings, because the caller passes them.

    Raises:
        SettingsError: a setting is wrong; the message names it.

    Example:
        >>> check_settings("the sampler 'x'", lambda known, n, *, shared=True: None, {"m": 1}, given=["known"])
        Traceback (most recent call last):
        fillrank.errors.SettingsError: the sampler 'x' has no setting 'm'; it has n, shared
    """
    wanted = {name: one for name, one in parameters_of(maker).items() if name not in given}
    for name, value in settings.items():
        if name not in wanted:
            raise SettingsError(f"{what} has no setting {name!r}; it has {', '.join(wanted) or 'none'}")
        if isinstance(wanted[name].default, bool) and not isinstance(value, bool):
            raise SettingsError(f"{name} must be true or false, got {value!r}")
    for name, parameter in wanted.items():
        if parameter.default is parameter.empty and name not in settings:
            raise SettingsError(f"{what} needs the setting {name!r}")
