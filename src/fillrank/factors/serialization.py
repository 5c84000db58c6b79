"""A scorer of any kind from what a saved model keeps of it."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from fillrank.errors import DataError
from fillrank.factors.blend import Blend
from fillrank.factors.checks import table_of
from fillrank.factors.factors import Factors
from fillrank.factors.neural import NeuralScorer
from fillrank.factors.temporal import TimeAwareFactors

__all__ = ["scorer_from_parts"]


def scorer_from_parts(
    tensors: dict[str, Tensor], settings: dict[str, Any]
) -> Factors | Blend | NeuralScorer | TimeAwareFactors:
    """A scorer from what a saved model keeps of it."""
    kinds: dict[str, type[Factors | Blend | NeuralScorer | TimeAwareFactors]]
    kinds = {"factors": Factors, "blend": Blend, "neural-scorer": NeuralScorer, "time-aware-factors": TimeAwareFactors}
    kind = table_of(settings, "scorer").get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise DataError(f"no scorer is of the kind {kind!r}; known are {', '.join(kinds)}")
    return kinds[settings["kind"]].from_parts(tensors, settings)
