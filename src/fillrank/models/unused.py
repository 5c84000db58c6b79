"""Warn of data and settings that a fit does not use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from fillrank.data import Interactions
from fillrank.registry import is_usual
from fillrank.runtime.notices import say_once

__all__ = ["say_what_is_idle", "where"]

_WATCHING = ("monitor", "patience", "eval_every")
"""Settings that are only used with a validation part."""


class _Asked(Protocol):
    """The part of :class:`fillrank.models.Recipe` that this file uses."""

    kind: ClassVar[str]
    uses_weights: ClassVar[bool]

    @classmethod
    def usual(cls) -> Mapping[str, Any]: ...

    @property
    def model_fields_set(self) -> set[str]: ...

    def uses_values(self, interactions: Interactions) -> bool: ...

    def uses_features(self, interactions: Interactions) -> bool: ...

    def idle(self, interactions: Interactions, valid: Interactions | None) -> Mapping[str, str]: ...


def say_what_is_idle(recipe: _Asked, train: Interactions, valid: Interactions | None) -> None:
    """Warn if values or weights of the log, or settings that the user has set, are not used."""
    usual = recipe.usual()
    given = {name for name in recipe.model_fields_set if not is_usual(getattr(recipe, name), usual[name])}
    if train.values is not None and not recipe.uses_values(train):
        below = int((train.values < 0).sum())
        if train.value_range is not None and (below or train.value_range[0] < train.value_range[1]):
            liked = f", the {below:,} below 0 too" if below else ""
            say_once(
                f"{recipe.kind} does not use the ratings: every row counts as one that was liked{liked}; "
                f"{_way_out(recipe)}"
            )
    if train.weights is not None and not recipe.uses_weights:
        counted = train.weights[train.weights > 0]
        if len(counted) and counted.min() < counted.max():
            say_once(
                f"{recipe.kind} does not use the weights: all rows count equally; only those of weight 0 are left out"
            )
    if _has_features(train) and not recipe.uses_features(train):
        say_once(f"{recipe.kind} does not use the features of items and users; Contrastive does")
    idle = dict(recipe.idle(train, valid))
    if valid is None:
        idle |= {name: "there is a validation part" for name in _WATCHING if name in usual}
    for name, when in idle.items():
        if name in given:
            say_once(f"{recipe.kind} does not use {name} here; it does if {when}")


def _has_features(log: Interactions) -> bool:
    return log.item_features is not None or log.user_features is not None


def where(condition: bool, when: str, *names: str) -> Mapping[str, str]:
    """The names, each with the condition ``when`` under which it is used; none if the condition holds.

    Example:
        >>> where(False, "there are ratings", "polish")
        {'polish': 'there are ratings'}
    """
    return {} if condition else dict.fromkeys(names, when)


def _way_out(recipe: _Asked) -> str:
    if "positive_from" in recipe.usual():
        return "set positive_from to leave low ones out"
    return "if that is not what you want, filter the log, or take a model that learns from ratings"
