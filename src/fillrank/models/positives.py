"""``positive_from``: which rows of a log count as positives."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from fillrank.data import Interactions
from fillrank.errors import SettingsError

__all__ = ["Disliked", "PositiveFrom", "ignored", "positives", "threshold"]

Disliked: TypeAlias = Literal["ignored", "negative"]
"""What to do with a row that is no positive (its value is too low, or its weight is 0): ``"ignored"``: it is never a
negative; ``"negative"``: it can be drawn as a negative, like any item that the user has not met."""

PositiveFrom: TypeAlias = float | Literal["relevant"] | None
"""Rows with at least this value; ``"relevant"``: the data's own threshold; None: every row."""


def threshold(positive_from: PositiveFrom, interactions: Interactions) -> float | None:
    """The smallest value of a positive; None: every row is a positive."""
    return interactions.relevant_from if positive_from == "relevant" else positive_from


def positives(positive_from: PositiveFrom, interactions: Interactions) -> Interactions:
    """The rows of ``interactions`` that are positives, without values; rows of weight 0 never are.

    Raises:
        SettingsError: ``positive_from`` is a number and the log has no values; or no row is left.

    Example:
        >>> log = Interactions.from_arrays([0, 0, 1], [0, 1, 1], values=[5, 2, 4])
        >>> positives(4.0, log).items.tolist()
        [0, 1]
    """
    least = threshold(positive_from, interactions)
    interactions = interactions.counted()
    if least is None:
        return interactions.without_values()
    if interactions.values is None:
        raise SettingsError(f"positive_from={least:g} asks for values, and this log has none")
    kept = interactions.select(interactions.values >= least).without_values()
    if not len(kept):
        raise SettingsError(f"no value is {least:g} or more, so there is no positive; lower positive_from")
    return kept


def ignored(disliked: Disliked, positive_from: PositiveFrom, interactions: Interactions) -> Interactions | None:
    """The rows of ``interactions`` that are neither positives nor negatives; None: there are none.

    Example:
        >>> log = Interactions.from_arrays([0, 0, 1], [0, 1, 1], values=[5, 2, 4], weights=[1, 1, 0])
        >>> ignored("ignored", 4.0, log).items.tolist(), ignored("ignored", None, log).items.tolist()
        ([1, 1], [1])
    """
    least = threshold(positive_from, interactions)
    out = np.zeros(len(interactions), dtype=bool) if interactions.weights is None else interactions.weights == 0
    if least is not None and interactions.values is not None:
        out = out | (interactions.values < least)
    return None if disliked == "negative" or not out.any() else interactions.select(out)
