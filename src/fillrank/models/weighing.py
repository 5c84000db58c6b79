"""Choose the weights of the parts of a blend on the validation part, for scores of equal spread."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import TypeGuard

import numpy as np
import torch

from fillrank.data import Interactions
from fillrank.factors import Blend
from fillrank.factors.blend import PARTS, BlendPart
from fillrank.models.spread import score_spread
from fillrank.runtime.rng import numpy_stream

__all__ = ["best_share", "best_weights", "can_be_weighed", "folded_weights", "joined_weights", "weighted_blend"]

_FOLDED = 1000  # users who are folded in again, to measure the scale of their scores


def can_be_weighed(scorer: object) -> TypeGuard[BlendPart | Blend]:
    """Whether a scorer can be a part of a blend."""
    return isinstance(scorer, (*PARTS.values(), Blend))


def joined_weights(weights: Sequence[float], share: float) -> list[float]:
    """The weights and that of a new part, which gets the share ``share`` of a sum of 1."""
    return [*(weight * (1 - share) for weight in weights), share]


def best_weights(
    scorers: Sequence[BlendPart | Blend],
    spreads: Sequence[float],
    *,
    figure: Callable[[Blend], float],
    least_gain: float = 0.0,
    most: int | None = None,
) -> list[float]:
    """Weights that start with the first scorer alone and give each next one the share with the best metric.

    Args:
        scorers: the scorers of the parts.
        spreads: the spreads of their scores, see :func:`fillrank.models.spread.score_spread`.
        figure: the metric of a blend on the validation part; higher is better.
        least_gain: the relative gain that each next part must bring; with a smaller gain its weight is 0.
        most: the largest number of parts with a weight; None: no limit.
    """

    def grown(weights: list[float], n: int) -> list[float]:
        def joined(share: float) -> Blend:
            return weighted_blend(scorers[:n], joined_weights(weights, share), spreads[:n])

        if sum(weight > 0 for weight in weights) == most:
            return [*weights, 0.0]
        share = best_share(lambda share: figure(joined(share)))
        if least_gain and figure(joined(share)) <= (1 + least_gain) * figure(joined(0.0)):
            share = 0.0
        return joined_weights(weights, share)

    return reduce(grown, range(2, len(scorers) + 1), [1.0])


def best_share(figure: Callable[[float], float]) -> float:
    """The share in [0, 1] with the highest metric.

    The search varies the ratio of the new part's weight to that of the others, in powers of two: first 0, 2⁻⁶, 2⁻⁴, …
    2⁴ and infinity, then whole and half powers around the best. A part whose best scores are far above the rest, such
    as a spectral one, needs a small weight, for which equal steps of the share would be too coarse.
    """
    found = {power: figure(_share(power)) for power in (-math.inf, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, math.inf)}
    for step in (1.0, 0.5):
        best = max(found, key=found.__getitem__)
        found |= {power: figure(_share(power)) for power in (best - step, best + step) if math.isfinite(power)}
    return _share(max(found, key=found.__getitem__))


def _share(power: float) -> float:
    return 1 / (1 + math.exp2(-power))


def weighted_blend(scorers: Sequence[BlendPart | Blend], weights: Sequence[float], spreads: Sequence[float]) -> Blend:
    """A blend of the parts with a weight, at equal spread, the largest weight first; a blend inside is taken apart.

    A part that gives all items the same score is left out.
    """
    heard = (n for n in range(len(scorers)) if weights[n] > 0 and spreads[n] > 0)
    speak = sorted(heard, key=lambda n: -weights[n])
    parts: list[tuple[BlendPart, float]] = []
    for n in speak or [0]:
        scorer, unit = scorers[n], weights[n] / (spreads[n] or 1.0)
        inner = zip(scorer.parts, scorer.weights, strict=True) if isinstance(scorer, Blend) else [(scorer, 1.0)]
        parts += [(factors, own * unit) for factors, own in inner]
    return Blend(tuple(factors for factors, _ in parts), tuple(weight for _, weight in parts))


def folded_weights(blend: Blend, train: Interactions, seed: int) -> tuple[float, ...]:
    """The weights for users who are folded in, so that each part has the same influence as for trained users.

    Some users of ``train`` are folded in again, and the two spreads are compared.
    """
    some = numpy_stream(seed, "folded").permutation(np.flatnonzero(train.user_counts))[:_FOLDED]
    interactions, users = train.select(np.isin(train.users, some)), torch.from_numpy(some)
    weights = []
    for part, weight in zip(blend.parts, blend.weights, strict=True):
        trained = score_spread(part, users)
        folded = score_spread(part.refit_users(interactions), users) if part.foldings else 0.0
        weights.append(weight * trained / folded if trained > 0 and folded > 0 else weight)
    return tuple(weights)
