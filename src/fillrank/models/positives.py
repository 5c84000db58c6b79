"""``positive_from``: which rows of a log count as positives."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from fillrank.data import Interactions
from fillrank.errors import SettingsError

__all__ = ["Disliked", "PositiveFrom", "ignored", "positives", "threshold"]

Disliked: TypeAlias = Literal["ignored", "negative"]
"""What a row is that was met and is no positive (of too low a value, or of weight 0): nothing, or a negative like any
other item that its user has not met."""

PositiveFrom: TypeAlias = float | Literal["relevant"] | None
"""Rows with at least this value; ``"relevant"``: the data's own threshold; None: every row."""


def threshold(positive_from: PositiveFrom, interactions: Interactions) -> float | None:
    """The value from which a row of ``interactions`` is a positive; None: every row is."""
    return interactions.relevant_from if positive_from == "relevant" else positive_from


def positives(positive_from: PositiveFrom, interactions: Interactions) -> Interactions:
    """The rows of ``interactions`` that count, without values; a row of weight 0 never does.

    Raises:
        SettingsError: the log has no values to tell by, or no row is left.

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
