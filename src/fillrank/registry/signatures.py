"""What a part's constructor takes, and whether given settings go with it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from fillrank.errors import SettingsError

__all__ = ["check_settings", "parameters_of"]


def parameters_of(maker: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The named parameters of a class (of its constructor) or a function, in order.

    Example:
        >>> list(parameters_of(lambda known, n=3, **more: None))
        ['known', 'n']
    """
    try:
        parameters = inspect.signature(maker).parameters
    except (TypeError, ValueError):  # some of what is written in C tells nothing
        return {}
    starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name: one for name, one in parameters.items() if one.kind not in starred}


def check_settings(
    what: str, maker: Callable[..., Any], settings: Mapping[str, Any], *, given: Collection[str] = ()
) -> None:
    """See that each setting exists, none is missing, and the switches are on or off.

    Values are for the class itself to check.

    Args:
        what: is made, for messages: ``"the sampler 'uniform'"``.
        maker: a class or a function.
        settings: by name.
        given: parameters that are no settings, because whoever makes it brings them.

    Raises:
        SettingsError: one of these is wrong; names it.

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
