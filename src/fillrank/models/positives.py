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


def threshold(positive_from: PositiveFrom, log: Interactions) -> float | None:
    """The value from which a row of ``log`` is a positive; None: every row is."""
    return log.relevant_from if positive_from == "relevant" else positive_from


def positives(positive_from: PositiveFrom, log: Interactions) -> Interactions:
    """The rows of ``log`` that count, without values; a row of weight 0 never does.

    Raises:
        SettingsError: the log has no values to tell by, or no row is left.

    Example:
        >>> log = Interactions.from_arrays([0, 0, 1], [0, 1, 1], values=[5, 2, 4])
        >>> positives(4.0, log).items.tolist()
        [0, 1]
    """
    least = threshold(positive_from, log)
    log = log.counted()
    if least is None:
        return log.without_values()
    if log.values is None:
        raise SettingsError(f"positive_from={least:g} asks for values, and this log has none")
    kept = log.select(log.values >= least).without_values()
    if not len(kept):
        raise SettingsError(f"no value is {least:g} or more, so there is no positive; lower positive_from")
    return kept


def ignored(disliked: Disliked, positive_from: PositiveFrom, log: Interactions) -> Interactions | None:
    """The rows of ``log`` that are neither positives nor negatives; None: there are none.

    Example:
        >>> log = Interactions.from_arrays([0, 0, 1], [0, 1, 1], values=[5, 2, 4], weights=[1, 1, 0])
        >>> ignored("ignored", 4.0, log).items.tolist(), ignored("ignored", None, log).items.tolist()
        ([1, 1], [1])
    """
    least = threshold(positive_from, log)
    out = np.zeros(len(log), dtype=bool) if log.weights is None else log.weights == 0
    if least is not None and log.values is not None:
        out = out | (log.values < least)
    return None if disliked == "negative" or not out.any() else log.select(out)
