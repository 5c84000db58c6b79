"""Warn of values in the histories of new users that a model does not use, or that are missing."""

from __future__ import annotations

import numpy as np

from fillrank.data import Interactions
from fillrank.errors import DataError
from fillrank.factors.fold_in import looks_at_values, needs_values
from fillrank.runtime.notices import say_once

__all__ = ["check_values_used", "refuse_dislikes"]


def check_values_used(
    interactions: Interactions, parts: tuple[object, ...], name: str, value_range: tuple[float, float] | None = None
) -> None:
    """Warn once if values are not used, missing, or out of range; refuse negative values that would count as liked.

    Args:
        interactions: the histories.
        parts: the scorer and the predictor of a model, which fold new users in.
        name: of the model.
        value_range: the smallest and the largest value that the model has learned from.

    Raises:
        DataError: a value is below 0, and every item counts as liked.
    """
    ways = [way for part in parts for way in getattr(part, "foldings", ())]
    if not ways:
        return
    if interactions.values is None:
        if all(needs_values(way) for way in ways):
            say_once(f"{name} learns from ratings, and a new user without any stays at the average; give item → rating")
        return
    if any(looks_at_values(way) for way in ways):
        if (
            value_range is not None
            and ((interactions.values < value_range[0]) | (interactions.values > value_range[1])).any()
        ):
            say_once(
                f"some ratings of new users are outside of {value_range[0]:g} to {value_range[1]:g}, the range that "
                f"{name} has learnt from; they are taken as they are, and predictions stay in the range"
            )
        return
    refuse_dislikes(interactions, name)
    if (interactions.values != interactions.values[0]).any():
        say_once(f"the ratings of new users are not used: to {name} each item of a history is one that was liked")


def refuse_dislikes(interactions: Interactions, name: str) -> None:
    """Refuse values below 0 for a model that counts every item of a history as liked.

    Raises:
        DataError: a value is below 0; the message names its user and its item.
    """
    if interactions.values is None or not (interactions.values < 0).any():
        return
    row = int(np.argmax(interactions.values < 0))
    item, user = (
        interactions.item_ids.ids[int(interactions.items[row])],
        interactions.user_ids.ids[int(interactions.users[row])],
    )
    raise DataError(
        f"the rating of {item!r} by {user!r} is {interactions.values[row]:g}, and to {name} each item of a history "
        "is one that was liked; leave out what was disliked, or take a model that learns from ratings"
    )
