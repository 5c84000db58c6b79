"""``SAMPLERS``: samplers by name, and ``as_sampler``, which makes one from a name, a table or an object."""

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
    """Make the sampler called ``name``, and check its settings against the data before any training.

    If known positives are masked, a user who has met every item has no negatives. Recipes leave such users out of the
    batches.

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
    """Make a sampler from a name, a table of a name and settings, an object, a class or a function.

    Args:
        part: a name; a table such as ``{"name": "uniform", "n_negatives": 64}``; a class or a function, which is called
            with the settings, and with ``known`` if it has a parameter of that name; or an object. An object that was
            made with the positives of some log stands for its class and its settings: it is made anew with ``known``.
            Any other is taken as it is. A class with a method ``from_settings(known, **settings)`` is made by that.
        known: the positives, rows = users.
        settings: of a name, a class or a function.

    Raises:
        SettingsError: there is no such sampler or setting, or the object is not a sampler or cannot be made again.
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
    """Refuse an object without a method ``sample``, or with another kind of it (as data frames have)."""
    try:
        inspect.signature(made.sample).bind("users", "positives", "generator", "score")
    except AttributeError as error:
        raise SettingsError(f"{what} has no method sample(users, positives, generator, score)") from error
    except TypeError as error:
        raise SettingsError(f"{what} has a method sample, but not of (users, positives, generator, score)") from error
    except ValueError:
        return  # written in C, so its parameters are unknown


def takes_usual_count(part: Any) -> bool:
    """Whether a recipe's usual number of negatives applies to a sampler: it has the setting and does not opt out."""
    kind = SAMPLERS.find(part) if isinstance(part, str) else part
    made = hasattr(kind, "sample") and not isinstance(kind, type)
    wanted = not made and callable(kind) and "n_negatives" in parameters_of(kind)
    return wanted and getattr(kind, "takes_usual_count", True) is not False


def _made_anew(made: Any, what: str, known: KnownPositives) -> Sampler:
    """An object as it is, or made again with other positives if it contains some."""
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
