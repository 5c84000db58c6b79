"""Samplers by name, as TOML files call them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, cast

from fillrank.arguments import checked
from fillrank.errors import SettingsError
from fillrank.registry import Registry, check_settings, parameters_of
from fillrank.samplers.base import Sampler
from fillrank.samplers.known import KnownPositives

__all__ = ["SAMPLERS", "as_sampler", "sampler", "takes_usual_count"]

SAMPLERS: Registry[Any] = Registry("sampler", "fillrank.samplers", given=("known",))
"""Every sampler by its name. ``SAMPLERS.register("name", MySampler)`` adds one."""


@checked
def sampler(name: str, known: KnownPositives, **settings: Any) -> Sampler:
    """The sampler of a name, checked against the data before any training.

    A user who knows every item has no negatives where known positives are masked: their rows are all mask. Recipes
    leave them out of the batches.

    Args:
        name: one of :data:`SAMPLERS`, or one that an installed package offers (``fillrank.samplers``).
        known: the positives, rows = users.
        **settings: those of its class. The ``base`` of ``"hard"`` is a sampler, or a table with its ``name`` and its
            settings.

    Raises:
        SettingsError: there is no such sampler or setting, one is missing, or a value cannot work.

    Example:
        >>> import torch
        >>> known = KnownPositives(torch.tensor([0, 1]), torch.tensor([0]), n_columns=4)
        >>> hard = sampler("hard", known, n_negatives=1, base={"name": "uniform", "n_negatives": 4})
        >>> type(hard.base).__name__
        'Uniform'
        >>> sampler("unifrom", known, n_negatives=2)
        Traceback (most recent call last):
        fillrank.errors.SettingsError: there is no sampler 'unifrom'; did you mean 'uniform'? there are hard, ...
    """
    return as_sampler(name, known, settings)


def as_sampler(part: Any, known: KnownPositives, settings: Mapping[str, Any] | None = None) -> Sampler:
    """A sampler from whatever says which: a name, a table of its name and settings, an object, a class or a function.

    Args:
        part: a name; a table such as ``{"name": "uniform", "n_negatives": 64}``; a class or a function, which is called
            with the settings, and with ``known`` if it has a parameter of that name; or an object. An object that was
            made with the positives of some log stands for its class and its settings: it is made anew with ``known``.
            Any other is taken as it is. A class with a method ``from_settings(known, **settings)`` is made by that.
        known: the positives, rows = users.
        settings: of a name, a class or a function.

    Raises:
        SettingsError: there is no such sampler or setting, or the object is no sampler or cannot be made anew.
    """
    kind, own, what = SAMPLERS.resolved(part, settings)
    if hasattr(kind, "sample") and not isinstance(kind, type):
        _check_draws(kind, what)
        if own:
            raise SettingsError(f"{what} is made already, and takes no {', '.join(own)}; leave its settings out")
        return _made_anew(kind, what, known)
    if not callable(kind):
        raise SettingsError(f"{what} has no method sample(users, positives, generator, score)")
    check_settings(what, kind, own, given=("known",))
    begun = getattr(kind, "from_settings", None)
    if begun is not None:
        made = begun(known, **own)
    else:
        made = kind(known, **own) if "known" in parameters_of(kind) else kind(**own)
    _check_draws(made, what)
    return cast("Sampler", made)


def _check_draws(made: Any, what: str) -> None:
    """Refuse what has no ``sample``, or one of another kind, as a frame and a generator of random numbers have."""
    try:
        inspect.signature(made.sample).bind("users", "positives", "generator", "score")
    except AttributeError as error:
        raise SettingsError(f"{what} has no method sample(users, positives, generator, score)") from error
    except TypeError as error:
        raise SettingsError(f"{what} has a method sample, but not of (users, positives, generator, score)") from error
    except ValueError:
        return  # written in C: it does not tell


def takes_usual_count(part: Any) -> bool:
    """Whether a recipe's usual number of negatives is meant for a sampler: it has such a setting and wants it."""
    kind = SAMPLERS.find(part) if isinstance(part, str) else part
    made = hasattr(kind, "sample") and not isinstance(kind, type)
    wanted = not made and callable(kind) and "n_negatives" in parameters_of(kind)
    return wanted and getattr(kind, "takes_usual_count", True) is not False


def _made_anew(made: Any, what: str, known: KnownPositives) -> Sampler:
    """An object as it is, or with other positives if it holds some."""
    settings = {name: getattr(made, name, _ABSENT) for name in parameters_of(type(made)) if name != "known"}
    within = {name: value for name, value in settings.items() if hasattr(value, "sample")}  # the base of a hard one
    holds_some = "known" in parameters_of(type(made))
    if not holds_some and not within:
        return cast("Sampler", made)
    lost = [name for name, value in settings.items() if value is _ABSENT]
    if lost:
        raise SettingsError(
            f"{what} holds the positives of one log, and cannot be made anew for another: it does not keep "
            f"{', '.join(lost)} as attributes; do that, or give the class, and its settings apart"
        )
    settings |= {name: _made_anew(value, f"the {name} of {what}", known) for name, value in within.items()}
    return cast("Sampler", type(made)(**({"known": known} if holds_some else {}), **settings))


_ABSENT = object()
