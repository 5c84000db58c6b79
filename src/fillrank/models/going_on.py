"""How the recipes of solvers go on after a stop: their state files, and factors in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fillrank.data import Interactions
from fillrank.errors import DataError
from fillrank.factors import Factors, scorer_from_parts
from fillrank.training.checkpoint import Saved
from fillrank.training.context import FitContext
from fillrank.training.state_file import StateFile, fingerprint, prefixed

if TYPE_CHECKING:
    from fillrank.models.base import Recipe

__all__ = ["factors_of", "state_file", "state_of"]


def state_file(recipe: Recipe, context: FitContext, train: Interactions, valid: Interactions | None) -> StateFile:
    """The file of a fit: it belongs to the same settings and data. Where none is wanted, nothing is kept."""
    place = context.options.checkpoint
    if place is None:
        return StateFile(None, {})
    settings = json.loads(recipe.model_dump_json())
    return StateFile(place, {"model": recipe.kind, "settings": settings, "data": fingerprint(train, valid)})


def state_of(facts: dict[str, Any], **scorers: Factors | None) -> Saved:
    """A state of factors by name, and of facts; None is left out."""
    given = {name: one for name, one in scorers.items() if one is not None}
    tensors = {
        key: tensor for name, one in given.items() for key, tensor in prefixed(f"{name}/", one.tensors()).items()
    }
    return Saved(tensors, {**facts, "scorers": {name: one.settings() for name, one in given.items()}})


def factors_of(saved: Saved, name: str) -> Factors | None:
    """The factors of that name in a state; None: it has none.

    Raises:
        DataError: they are none.
    """
    settings = saved.facts["scorers"].get(name)
    if settings is None:
        return None
    found = scorer_from_parts(saved.below(f"{name}/"), settings)
    if not isinstance(found, Factors):
        raise DataError(f"{name} has to be factors, it is {type(found).__name__}")
    return found
