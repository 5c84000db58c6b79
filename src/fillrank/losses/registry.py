"""Losses by name, and the settings that were published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, TypeVar, cast

from fillrank.arguments import checked
from fillrank.errors import SettingsError
from fillrank.losses.base import ScoreLoss
from fillrank.losses.decoupled import BSL, DCL
from fillrank.losses.margins import CCL, MMCL
from fillrank.losses.pairwise import BPR, PairwiseHinge
from fillrank.losses.pairwise_softmax import PSL
from fillrank.losses.pointwise import Logistic
from fillrank.losses.softmax import InfoNCE
from fillrank.losses.vectors import AlignmentUniformity, VectorLoss, ViewContrast

__all__ = ["LOSSES", "PUBLISHED", "VECTOR_LOSSES", "loss", "vector_loss"]

Loss = TypeVar("Loss")

LOSSES: dict[str, type[ScoreLoss]] = {
    "bpr": BPR,
    "bsl": BSL,
    "ccl": CCL,
    "dcl": DCL,
    "hinge": PairwiseHinge,
    "infonce": InfoNCE,
    "logistic": Logistic,
    "mmcl": MMCL,
    "psl": PSL,
}
"""The losses of scores."""

VECTOR_LOSSES: dict[str, type[AlignmentUniformity | ViewContrast]] = {
    "alignment-uniformity": AlignmentUniformity,
    "view-contrast": ViewContrast,
}
"""The losses of vectors: another contract, :class:`~fillrank.losses.VectorLoss`."""

PUBLISHED: dict[str, ScoreLoss] = {
    "bsl-gowalla": BSL(0.08, negative_weight=1.22, several_positives=True),
    "bsl-yelp2018": BSL(0.11, negative_weight=1.10, several_positives=True),
    "ccl-amazon-books": CCL(0.2, 250.0),
    "ccl-gowalla": CCL(0.9, 150.0),
    "ccl-yelp2018": CCL(0.9, 150.0),
    "mmcl-gowalla": MMCL((0.7, 0.8, 0.9), (0.10, 0.15, 0.75), 700.0),
    "mmcl-yelp2018": MMCL((0.6, 0.7, 0.8, 0.9), (0.05, 0.15, 0.20, 0.60), 400.0),
}
"""What the authors' code sets for matrix factorisation on each data set (chosen there on the test part)."""


@checked
def loss(name: str, **settings: Any) -> ScoreLoss:
    """A loss of scores by its name in :data:`LOSSES`.

    Args:
        name: such as ``"infonce"``.
        **settings: those of its class.

    Raises:
        SettingsError: there is no such loss or setting, or a setting is out of its range.

    Example:
        >>> loss("ccl", margin=0.4)
        CCL(margin=0.4, negative_weight=150.0)
        >>> loss("ccl", margins=0.4)
        Traceback (most recent call last):
        fillrank.errors.SettingsError: the loss 'ccl' has no setting 'margins'; it has margin, negative_weight
    """
    if name in VECTOR_LOSSES:
        raise SettingsError(f"{name!r} is a loss of vectors, not of scores: ask vector_loss({name!r}) for it")
    return _made(LOSSES, name, settings)


@checked
def vector_loss(name: str, **settings: Any) -> VectorLoss:
    """A loss of vectors by its name in :data:`VECTOR_LOSSES`; as :func:`loss`.

    Example:
        >>> vector_loss("view-contrast", temperature=0.1)
        ViewContrast(temperature=0.1)
    """
    if name in LOSSES:
        raise SettingsError(f"{name!r} is a loss of scores, not of vectors: ask loss({name!r}) for it")
    return _made(VECTOR_LOSSES, name, settings)


def _made(losses: Mapping[str, type[Loss]], name: str, settings: Mapping[str, Any]) -> Loss:
    if name not in losses:
        near = get_close_matches(str(name), losses, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SettingsError(f"there is no loss {name!r}; {hint}known are {', '.join(losses)}")
    known = [field.name for field in fields(cast(Any, losses[name]))]
    for setting in settings:
        if setting not in known:
            raise SettingsError(f"the loss {name!r} has no setting {setting!r}; it has {', '.join(known)}")
    return losses[name](**settings)
