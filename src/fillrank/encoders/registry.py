"""``ENCODERS``: encoders by name, and ``as_encoder``, which makes one from a name, a table or an object."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from fillrank.data import Interactions
from fillrank.encoders.base import PairEncoder, VectorEncoder, check_tables
from fillrank.encoders.inputs import BROUGHT, EncoderInputs
from fillrank.errors import DataError, SettingsError
from fillrank.registry import Registry, check_settings, parameters_of

__all__ = ["ENCODERS", "as_encoder", "has_free_vectors", "inputs_of", "scores_pairs"]

ENCODERS: Registry[Any] = Registry("encoder", "fillrank.encoders", given=BROUGHT, settled=False)
"""Every encoder by its name. ``ENCODERS.register("name", MyEncoder)`` adds one."""


def as_encoder(part: Any, inputs: EncoderInputs, settings: Mapping[str, Any] | None = None) -> nn.Module:
    """Make an untrained encoder from a name, a table, an object, a class or a function.

    Args:
        part: a name in :data:`ENCODERS`, or one that an installed package offers (``fillrank.encoders``); a table such
            as ``{"name": "lightgcn", "n_layers": 3}``; a class or a function, which is called with the settings and the
            ``inputs`` that it has parameters for; or an object, which is copied, so that each fit begins with the same
            vectors. A class with a method ``from_inputs(inputs, **settings)`` is made by this method.
        inputs: what the recipe passes.
        settings: of a name, a class or a function.

    Raises:
        SettingsError: there is no such encoder or setting; or the object is not an encoder, or holds the graph of a
            log.
        DataError: the object has other numbers of users or items than the log.
    """
    kind, own, what = ENCODERS.resolved(part, settings)
    if isinstance(kind, nn.Module):
        made = _copied(kind, own, what)
    else:
        if not callable(kind):
            raise SettingsError(f"{what} must be a torch.nn.Module, or a class or function that makes one")
        check_settings(what, kind, own, given=BROUGHT)
        begun = getattr(kind, "from_inputs", None)
        made = kind(**inputs.wanted_by(kind), **own) if begun is None else begun(inputs, **own)
    if not isinstance(made, nn.Module) or not isinstance(made, VectorEncoder | PairEncoder):
        raise SettingsError(
            f"{what} must be a torch.nn.Module with similarity, tables(), user_vectors(), item_vectors() and factors(),"
            " or with score_pairs(), score_block() and scorer(); derive from fillrank.encoders.TableEncoder"
        )
    if isinstance(kind, nn.Module) or not ENCODERS.is_own(type(made)):  # ours have looked at the log
        _check_fits(made, inputs.interactions, what)
    return made


def scores_pairs(part: Any) -> bool:
    """Whether an encoder scores pairs (not by vectors), as far as this is known before it is made."""
    kind = _kind_of(part)
    return hasattr(kind, "score_block") and not hasattr(kind, "tables")


def has_free_vectors(part: Any) -> bool:
    """Whether each user and item has its own vector, which the encoder does not mix with others."""
    return getattr(_kind_of(part), "free_vectors", False) is True


def inputs_of(part: Any) -> frozenset[str]:
    """The names in :data:`BROUGHT` that an encoder has parameters for; an object has none."""
    kind = _kind_of(part)
    return frozenset() if isinstance(kind, nn.Module) else frozenset(BROUGHT) & parameters_of(kind).keys()


def _kind_of(part: Any) -> Any:
    return ENCODERS.find(part) if isinstance(part, str) else part


def _copied(made: nn.Module, settings: Mapping[str, Any], what: str) -> nn.Module:
    if settings:
        raise SettingsError(f"{what} is made already, and takes no {', '.join(settings)}; leave its settings out")
    if "interactions" in parameters_of(type(made)):
        raise SettingsError(
            f"{what} holds what it got from one log, and a fit may need that of another; give the class, or a "
            "function that makes it, such as lambda interactions: LightGCN(users, items, interactions)"
        )
    return copy.deepcopy(made)


def _check_fits(made: nn.Module, interactions: Interactions, what: str) -> None:
    if not isinstance(made, VectorEncoder):
        return
    with torch.no_grad():
        tables = made.tables()
    try:
        check_tables(*tables, (interactions.n_users, interactions.n_items))
    except DataError as error:
        raise DataError(f"{what} does not fit the log: {error}") from None
