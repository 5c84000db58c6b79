"""``positive_from``: which rows of a log count as positives."""

from __future__ import annotations

from typing import Literal, TypeAlias

from fillrank.data import Interactions
from fillrank.errors import SettingsError

__all__ = ["PositiveFrom", "positives", "threshold"]

PositiveFrom: TypeAlias = float | Literal["relevant"] | None
"""Rows with at least this value; ``"relevant"``: the data's own threshold; None: every row."""


def threshold(positive_from: PositiveFrom, log: Interactions) -> float | None:
    """The value from which a row of ``log`` is a positive; None: every row is."""
    return log.relevant_from if positive_from == "relevant" else positive_from


def positives(positive_from: PositiveFrom, log: Interactions) -> Interactions:
    """The rows of ``log`` that count, without values.

    Raises:
        SettingsError: the log has no values to tell by, or no row is left.

    Example:
        >>> log = Interactions.from_arrays([0, 0, 1], [0, 1, 1], values=[5, 2, 4])
        >>> positives(4.0, log).items.tolist()
        [0, 1]
    """
    least = threshold(positive_from, log)
    if least is None:
        return log.without_values()
    if log.values is None:
        raise SettingsError(f"positive_from={least:g} asks for values, and this log has none")
    kept = log.select(log.values >= least).without_values()
    if not len(kept):
        raise SettingsError(f"no value is {least:g} or more, so there is no positive; lower positive_from")
    return kept
