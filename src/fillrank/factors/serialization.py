"""Make a scorer of any kind from the tensors and settings of a saved model."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from fillrank.errors import DataError
from fillrank.factors.blend import PARTS, Blend
from fillrank.factors.checks import table_of
from fillrank.factors.neural import NeuralScorer
from fillrank.factors.temporal import TimeAwareFactors

__all__ = ["is_own", "scorer_from_parts"]

_KINDS: dict[str, Any] = {
    **PARTS,
    "blend": Blend,
    "neural-scorer": NeuralScorer,
    "time-aware-factors": TimeAwareFactors,
}


def scorer_from_parts(tensors: dict[str, Tensor], settings: dict[str, Any]) -> Any:
    """A scorer from what a saved model keeps of it.

    Raises:
        DataError: it is of no known kind, or a part of it is missing or not what it should be.
    """
    kind = table_of(settings, "scorer").get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise DataError(f"no scorer is of the kind {kind!r}; known are {', '.join(_KINDS)}")
    return _KINDS[kind].from_parts(tensors, settings)


def is_own(scorer: object) -> bool:
    """Whether a scorer is of one of fillrank's classes: a class derived from one may score in a way of its own."""
    return type(scorer) in _KINDS.values()
