"""Losses by name, as an object, a class or a function."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from fillrank.arguments import checked
from fillrank.errors import SettingsError
from fillrank.losses.base import ScoreLoss, VectorLoss
from fillrank.losses.function import FromFunction
from fillrank.registry import Registry, check_call, check_settings, parameters_of

__all__ = ["LOSSES", "VECTOR_LOSSES", "as_loss", "loss", "vector_loss"]

LOSSES: Registry[Any] = Registry("loss", "fillrank.losses")
"""The losses of scores. ``LOSSES.register("name", MyLoss)`` adds one: a class of losses (of scores; or of vectors, with
``of_vectors = True``), or a function of scores. The keyword parameters of the function are its settings."""

VECTOR_LOSSES: Mapping[str, Any] = LOSSES.beside
"""The losses of vectors, with the interface :class:`~fillrank.losses.VectorLoss`."""


@checked
def loss(name: str, **settings: Any) -> ScoreLoss:
    """A loss of scores by its name in :data:`LOSSES`, or one that an installed package offers (``fillrank.losses``).

    Args:
        name: the name, such as ``"infonce"``.
        **settings: the settings of the loss.

    Raises:
        SettingsError: there is no such loss or setting, or a setting is out of its range.

    Example:
        >>> loss("ccl", margin=0.4)
        CCL(margin=0.4, negative_weight=150.0)
        >>> loss("ccl", margins=0.4)
        Traceback (most recent call last):
        fillrank.errors.SettingsError: the loss 'ccl' has no setting 'margins'; it has margin, negative_weight
    """
    made = as_loss(name, settings)
    if not isinstance(made, ScoreLoss):
        raise SettingsError(f"{name!r} is a loss of vectors, not of scores: ask vector_loss({name!r}) for it")
    return made


@checked
def vector_loss(name: str, **settings: Any) -> VectorLoss:
    """A loss of vectors by its name in :data:`VECTOR_LOSSES`; as :func:`loss`.

    Example:
        >>> vector_loss("view-contrast", temperature=0.1)
        ViewContrast(temperature=0.1)
    """
    made = as_loss(name, settings)
    if isinstance(made, ScoreLoss):
        raise SettingsError(f"{name!r} is a loss of scores, not of vectors: ask loss({name!r}) for it")
    return made


def as_loss(part: Any, settings: Mapping[str, Any] | None = None) -> ScoreLoss | VectorLoss:
    """Make a loss from a name, a table of a name and settings, an object, a class or a function.

    Args:
        part: a name in :data:`LOSSES` or :data:`VECTOR_LOSSES`, or one that a package offers; a table such as
            ``{"name": "ccl", "margin": 0.4}``; an object, which is used as it is; a class, which is called with the
            settings; or any function of ``(pos [B], neg [B, N])``, which becomes a
            :class:`~fillrank.losses.FromFunction`.
        settings: the settings of a name, a class or a function.

    Raises:
        SettingsError: there is no such loss or setting, or the object is not a loss.

    Example:
        >>> as_loss({"name": "ccl", "margin": 0.4})
        CCL(margin=0.4, negative_weight=150.0)
        >>> as_loss(lambda pos, neg, *, margin: (neg - pos[:, None] + margin).relu().sum(1), {"margin": 0.5}).takes_mask
        False
    """
    kind, own, what = LOSSES.resolved(part, settings)
    if isinstance(kind, ScoreLoss) or (_is_of_vectors(kind) and not isinstance(kind, type)):
        check_settings(what, _nothing, own)
        return _checked_loss(what, kind)
    if isinstance(kind, type):
        check_settings(what, kind, own)
        made = kind(**own)
        if isinstance(made, ScoreLoss) or _is_of_vectors(made):
            return _checked_loss(what, made)
        kind, own = made, {}
    if not callable(kind):
        raise SettingsError(f"{what} must be a function of (pos [B], neg [B, N]), or of fillrank.losses.ScoreLoss")
    if own:
        check_settings(what, kind, own, given=("pos", "neg", "mask", "log_q", *list(parameters_of(kind))[:2]))
    return FromFunction(partial(kind, **own) if own else kind)


def _checked_loss(what: str, made: Any) -> ScoreLoss | VectorLoss:
    """Check that a loss of vectors can be called with two; a loss of scores has checked this in its base class."""
    if not isinstance(made, ScoreLoss) and callable(made):
        check_call(what, made, ("first [B, d]", "second [B, d]"))
    return cast("ScoreLoss | VectorLoss", made)


def _is_of_vectors(part: Any) -> bool:
    return getattr(part, "of_vectors", False) is True


def _nothing() -> None:
    """Refuse settings for an object, which is made already."""
