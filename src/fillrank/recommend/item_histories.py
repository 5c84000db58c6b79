"""Make a log from histories of item indices, for :func:`fillrank.fold_in`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

from fillrank.arguments import shown
from fillrank.data import IdMap, Interactions
from fillrank.errors import DataError

__all__ = ["ItemHistories", "log_of"]

ItemHistories: TypeAlias = Interactions | Sequence[Sequence[int]] | Sequence[Mapping[int, float]]
"""One history for each new user: items as indices 0 … n_items-1, or a mapping from such indices to ratings."""


def log_of(histories: ItemHistories, n_items: int) -> Interactions:
    """Make a log whose ids are indices, with one user for each history and ``n_items`` items.

    Raises:
        DataError: a history is empty, names an item twice or an item that does not exist, or has a rating that is not a
            finite number; or lists and mappings are mixed.

    Example:
        >>> log_of([{2: 4.5, 0: 1.0}, {1: 3.0}], n_items=4).csr.toarray()
        array([[1. , 0. , 4.5, 0. ],
               [0. , 3. , 0. , 0. ]], dtype=float32)
    """
    if isinstance(histories, Interactions):
        return _checked_log(histories, n_items)
    if isinstance(histories, str | bytes | Mapping) or not isinstance(histories, Iterable) or _is_single(histories):
        raise DataError(f"histories must be a list, with a list or a mapping for each new user, got {shown(histories)}")
    listed: list[Any] = list(histories)
    rated = [isinstance(history, Mapping) for history in listed]
    if not listed or (any(rated) and not all(rated)):
        raise DataError(
            "histories must be one list of items, or one mapping item → rating, for each new user: at least one, and "
            "all of one kind"
        )
    rows = [row for user, history in enumerate(listed) for row in _rows(user, history, n_items)]
    return Interactions(
        users=np.array([user for user, _, _ in rows], dtype=np.int32),
        items=np.array([item for _, item, _ in rows], dtype=np.int32),
        values=np.array([rating for _, _, rating in rows], dtype=np.float32) if all(rated) else None,
        times=None,
        user_ids=IdMap(range(len(listed))),
        item_ids=IdMap(range(n_items)),
    )


def _checked_log(interactions: Interactions, n_items: int) -> Interactions:
    if interactions.n_items != n_items:
        raise DataError(f"the histories are over {interactions.n_items} items, the item factors over {n_items}")
    if not interactions.n_users or (interactions.user_counts == 0).any():
        empty = int((interactions.user_counts == 0).sum())
        raise DataError(f"{empty} of {interactions.n_users} histories are empty; a new user needs at least one item")
    return interactions


def _rows(user: int, history: Any, n_items: int) -> list[tuple[int, int, float]]:
    """The rows of one history: ``(user, item, rating)``, with rating 1 if there is none."""
    if isinstance(history, str) or not isinstance(history, Sequence | Mapping | np.ndarray):
        raise DataError(f"history {user} must be a list of items or a mapping item → rating, got {shown(history)}")
    pairs = list(history.items()) if isinstance(history, Mapping) else [(item, 1.0) for item in history]
    if not pairs:
        raise DataError(f"history {user} is empty; a new user needs at least one item")
    for item, rating in pairs:
        if isinstance(item, bool) or not isinstance(item, int | np.integer) or not 0 <= item < n_items:
            raise DataError(f"history {user} names item {shown(item)}; items are indices from 0 to {n_items - 1}")
        if not isinstance(rating, Real) or not math.isfinite(rating):
            raise DataError(f"the rating of item {item} in history {user} must be a finite number, got {shown(rating)}")
    if len({int(item) for item, _ in pairs}) < len(pairs):
        raise DataError(f"history {user} names an item twice; name each once")
    return [(user, int(item), float(rating)) for item, rating in pairs]


def _is_single(value: Any) -> bool:
    """Whether a value has no members although it seems iterable, such as an array without dimensions."""
    return getattr(value, "ndim", 1) == 0
