"""What somebody says of a new user, made into a log over a model's items."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from fillrank.data import IdMap, Interactions
from fillrank.errors import DataError

__all__ = ["Histories", "as_log"]

History = Iterable[Any] | Mapping[Any, float]
Histories = History | Mapping[Any, History]


def as_log(histories: Histories, item_ids: IdMap, like: Interactions) -> Interactions:
    """A log with one user for each history, over the items of ``item_ids``.

    Args:
        histories: see :meth:`fillrank.recommend.Recommender.fold_in`.
        item_ids: of the model.
        like: a log whose other settings are taken over.

    Raises:
        UnknownIdError: an item is not known.
        DataError: a history is empty, names an item twice, or holds a rating that is not a finite number.
    """
    by_user = _by_user(histories)
    if not by_user:
        raise DataError("no history was given; name at least one item that the new user met")
    user_ids = IdMap(list(by_user))
    users, items, values = [], [], []
    rated = [isinstance(history, Mapping) for history in by_user.values()]
    if any(rated) and not all(rated):
        raise DataError("some histories have ratings and some have none; give all of them the same way")
    for user, history in by_user.items():
        pairs = history.items() if isinstance(history, Mapping) else ((item, None) for item in history)
        resolved = [(item_ids.resolve(item), _rating(user, item, rating)) for item, rating in pairs]
        if not resolved:
            raise DataError(f"the history of {user!r} is empty; name at least one item that the new user met")
        if len({place for place, _ in resolved}) < len(resolved):
            raise DataError(f"the history of {user!r} names an item twice; name each once")
        users += [int(user_ids.encode([user])[0])] * len(resolved)
        items += [place for place, _ in resolved]
        values += [rating for _, rating in resolved]
    return replace(
        like,
        users=np.array(users, dtype=np.int32),
        items=np.array(items, dtype=np.int32),
        values=np.array(values, dtype=np.float32) if all(rated) else None,
        times=None,
        user_ids=user_ids,
        item_ids=item_ids,
        relevant_from=None,
    )


def _by_user(histories: Histories) -> Mapping[Any, History]:
    if isinstance(histories, str):
        raise DataError(f"a history is a list of items, got the single text {histories!r}; write [{histories!r}]")
    if not isinstance(histories, Mapping):
        return {"new": list(histories)}
    if all(isinstance(value, Real) for value in histories.values()):
        return {"new": histories} if histories else {}
    by_user: dict[Any, History] = {}
    for user, history in histories.items():
        if isinstance(history, str) or not isinstance(history, Iterable):
            raise DataError(
                f"the history of {user!r} must be a list of items or a mapping item → rating, got {history!r}"
            )
        by_user[user] = history if isinstance(history, Mapping) else list(history)
    return by_user


def _rating(user: Any, item: Any, rating: Any) -> float | None:
    if rating is None:
        return None
    if not isinstance(rating, Real) or not math.isfinite(rating):
        raise DataError(f"the rating of {item!r} by {user!r} must be a finite number, got {rating!r}")
    return float(rating)
