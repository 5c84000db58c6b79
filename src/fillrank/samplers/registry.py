"""Samplers by name, as the files of runs and sweeps call them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fillrank.arguments import checked
from fillrank.errors import SettingsError
from fillrank.samplers.base import Sampler
from fillrank.samplers.hard import Hard
from fillrank.samplers.in_batch import InBatch
from fillrank.samplers.known import KnownPositives
from fillrank.samplers.mixed import Mixed
from fillrank.samplers.popularity import Popularity
from fillrank.samplers.uniform import Uniform

__all__ = ["SAMPLERS", "sampler"]

SAMPLERS: Mapping[str, type] = MappingProxyType(
    {"hard": Hard, "in-batch": InBatch, "mixed": Mixed, "popularity": Popularity, "uniform": Uniform}
)
"""Every sampler by its name."""


@checked
def sampler(name: str, known: KnownPositives, **settings: Any) -> Sampler:
    """The sampler of a name, checked against the data before any training.

    A user who knows every item has no negatives where known positives are masked: their rows are all mask. Recipes
    leave them out of the batches.

    Args:
        name: one of :data:`SAMPLERS`.
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
        fillrank.errors.SettingsError: there is no sampler 'unifrom'; there are hard, in-batch, mixed, popularity, ...
    """
    if name not in SAMPLERS:
        raise SettingsError(f"there is no sampler {name!r}; there are {', '.join(SAMPLERS)}")
    kind = SAMPLERS[name]
    _check_settings(name, kind, settings)
    if kind is Hard:
        return Hard(**settings | {"base": _base(settings["base"], known)})
    made: Sampler = kind(known, **settings)
    return made


def _base(given: Any, known: KnownPositives) -> Sampler:
    """The base of a hard sampler: made already, or from its table of settings."""
    if isinstance(given, str):
        given = {"name": given}
    if isinstance(given, Mapping):
        if "name" not in given:
            raise SettingsError(f"base must say the name of a sampler; it has {', '.join(given) or 'no settings'}")
        return sampler(known=known, **given)
    if not hasattr(given, "sample"):
        raise SettingsError(f"base must be a sampler or a table with its name and settings, got {given!r}")
    made: Sampler = given
    return made


def _check_settings(name: str, kind: type, settings: Mapping[str, Any]) -> None:
    """That each setting exists, none is missing, and the switches are on or off; values are checked by the class."""
    wanted = {key: p for key, p in inspect.signature(kind).parameters.items() if key != "known"}
    for key, value in settings.items():
        if key not in wanted:
            raise SettingsError(f"the sampler {name!r} has no setting {key!r}; it has {', '.join(wanted)}")
        if isinstance(wanted[key].default, bool) and not isinstance(value, bool):
            raise SettingsError(f"{key} must be true or false, got {value!r}")
    for key, parameter in wanted.items():
        if parameter.default is parameter.empty and key not in settings:
            raise SettingsError(f"the sampler {name!r} needs the setting {key!r}")
