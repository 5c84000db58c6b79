"""What the weights of a log come to in a training: a power of them, with a mean of 1."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, cast

import numpy as np
from pydantic import Field

from fillrank.data import Interactions
from fillrank.factors import Blend
from fillrank.factors.fold_in import ImplicitRidge, RatingRidge
from fillrank.factors.scorer import FittedScorer
from fillrank.losses import Ladder

if TYPE_CHECKING:
    from fillrank.factors import Factors
    from fillrank.factors.blend import BlendPart

__all__ = [
    "ALL_POWERS",
    "POWERS",
    "USUAL_POWER",
    "WeightPower",
    "folding_by_weights",
    "power_of",
    "scale_of",
    "weighed",
]

WeightPower: TypeAlias = Annotated[float, Field(ge=0, le=4)] | Literal["auto"]
"""The power of the weights: 0 makes all weights equal, 1 keeps them; ``"auto"``: chosen on the validation part."""
POWERS = Ladder.along("weight_power", (0.0, 0.5, 1.0, 2.0), first=(1.0, 0.5, 0.0), usual=1.0, stride=1, hasty=True)
"""The candidates of ``weight_power="auto"``; with 0 among them, weights without information do no harm."""
ALL_POWERS: tuple[float, ...] = tuple(rung["weight_power"] for rung in POWERS.rungs)
USUAL_POWER = 1.0
"""The value of ``weight_power="auto"`` without a validation part."""


def power_of(asked: float | Literal["auto"]) -> float:
    """The power if there is nothing to choose it on."""
    return USUAL_POWER if asked == "auto" else asked


def weighed(interactions: Interactions, power: float) -> Interactions:
    """The log with ``wᵖ`` for its weights, brought to a mean of 1 over the rows that count; a weight of 0 stays 0.

    So the scale of the weights makes no difference, and weights that are all equal are dropped.

    Example:
        >>> log = Interactions.from_arrays([1, 1, 2], [1, 2, 2], weights=[4, 0, 16])
        >>> weighed(log, 1).weights, weighed(log, 0.5).weights.round(2)
        (array([0.4, 0. , 1.6], dtype=float32), array([0.67, 0.  , 1.33], dtype=float32))
        >>> weighed(log, 0).weights.tolist(), weighed(log.counted(), 0).weights is None
        ([1.0, 0.0, 1.0], True)
    """
    if interactions.weights is None:
        return interactions
    counts = interactions.weights > 0
    logs = np.log(interactions.weights[counts].astype(np.float64))
    spread = power * (logs - logs.max(initial=-np.inf))  # of the largest, so that no power is too large to write down
    scaled = np.exp(spread)
    alike = len(scaled) == 0 or scaled.min() == scaled.max()
    if alike and counts.all():
        return interactions.without_weights()
    weights = np.zeros(len(interactions))
    weights[counts] = 1.0 if alike else np.maximum(scaled / scaled.mean(), np.finfo(np.float32).tiny)
    return replace(interactions, weights=weights.astype(np.float32))


def folding_by_weights(
    scorer: FittedScorer,
    interactions: Interactions,
    power: float,
    way: type[ImplicitRidge | RatingRidge] = ImplicitRidge,
) -> FittedScorer:
    """The same scorer; new users whose history has weights are folded in with weights like those of :func:`weighed`.

    Args:
        scorer: the learned scorer; for a blend, its parts are changed.
        interactions: the log that it was learned from, with its own weights.
        power: the power of these weights.
        way: the ways of folding in that are changed; others stay as they are.
    """
    if interactions.weights is None or not power:
        return scorer
    if isinstance(scorer, Blend):
        parts = tuple(cast("BlendPart", folding_by_weights(part, interactions, power, way)) for part in scorer.parts)
        return replace(scorer, parts=parts)
    folding = getattr(scorer, "folding", None)
    if not isinstance(folding, way):
        return scorer
    scale = scale_of(interactions, power)
    return replace(cast("Factors", scorer), folding=replace(folding, weight_power=float(power), weight_scale=scale))


def scale_of(interactions: Interactions, power: float) -> float:
    """The mean of ``wᵖ`` over the rows that count: what brings them to a mean of 1; 1.0 without weights."""
    if interactions.weights is None:
        return 1.0
    return float(np.mean(interactions.weights[interactions.weights > 0].astype(np.float64) ** power))
