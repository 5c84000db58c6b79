"""Make a log from the histories of new users, given as ids, titles and ratings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from fillrank.arguments import shown
from fillrank.data import IdMap, Interactions
from fillrank.data.id_values import is_missing, is_single, values_of
from fillrank.data.ids import shown_id
from fillrank.errors import DataError

__all__ = ["Histories", "as_log"]

History = Iterable[Any] | Mapping[Any, float]
Histories = History | Mapping[Any, History]

_LARGEST = float(np.finfo(np.float32).max)


def as_log(histories: Histories, item_ids: IdMap, like: Interactions) -> Interactions:
    """Make a log with one user for each history, over the items of ``item_ids``.

    Args:
        histories: see :meth:`fillrank.recommend.Recommender.fold_in`.
        item_ids: of the model.
        like: a log whose other settings (such as ``relevant_from``) are used.

    Raises:
        UnknownIdError: an item is not known.
        DataError: a history is empty, names an item twice, or contains a rating that is not a finite number.
    """
    by_user = _by_user(histories)
    if not by_user:
        raise DataError("no history was given; name at least one item that the new user met")
    user_ids = IdMap(list(by_user))
    users, items, values = [], [], []
    rated = [isinstance(history, Mapping) for history in by_user.values()]
    if any(rated) and not all(rated):
        raise DataError("some histories have ratings and some have none; give all of them the same way")
    places = user_ids.encode(list(by_user)).tolist()
    for place, (user, history) in zip(places, by_user.items(), strict=True):
        pairs = history.items() if isinstance(history, Mapping) else ((item, None) for item in history)
        resolved = [(item_ids.resolve(item), _rating(user, item, rating)) for item, rating in pairs]
        if not resolved:
            raise DataError(f"the history of {shown_id(user)} is empty; name at least one item that the new user met")
        if len({item for item, _ in resolved}) < len(resolved):
            raise DataError(f"the history of {shown_id(user)} names an item twice; name each once")
        users += [place] * len(resolved)
        items += [item for item, _ in resolved]
        values += [rating for _, rating in resolved]
    return replace(
        like,
        users=np.array(users, dtype=np.int32),
        items=np.array(items, dtype=np.int32),
        values=np.array(values, dtype=np.float32) if all(rated) else None,
        times=None,
        weights=None,
        user_ids=user_ids,
        item_ids=item_ids,
        relevant_from=None,
    )


def _by_user(histories: Any) -> Mapping[Any, History]:
    histories = _plain(histories)
    if is_single(histories):
        raise DataError(f"a history is a list of items, got the single {shown_id(histories)}; write a list of it")
    if not isinstance(histories, Mapping):
        return {"new": _listed(histories, "a history")}
    if all(_is_number(value) for value in histories.values()):
        return {"new": histories} if histories else {}
    by_user: dict[Any, History] = {}
    for user, history in histories.items():
        history = _plain(history)
        if isinstance(history, str) or not isinstance(history, Iterable):
            raise DataError(
                f"the history of {shown_id(user)} must be a list of items or a mapping item → rating, "
                f"got {shown(history)}"
            )
        of_user = f"the history of {shown_id(user)}"
        by_user[user] = history if isinstance(history, Mapping) else _listed(history, of_user)
    return by_user


def _plain(history: Any) -> Any:
    """Convert a pandas Series of numbers to a mapping from its index; return other values unchanged.

    Raises:
        DataError: the index is 0, 1, 2 …, so the numbers could be ratings or items.
    """
    if not (hasattr(history, "index") and hasattr(history, "items") and hasattr(history, "tolist")):
        return history
    values = history.tolist()
    if not all(_is_number(value) for value in values):
        return values
    if type(history.index).__name__ == "RangeIndex":
        raise DataError(
            "a Series of numbers whose index is 0, 1, 2 …: they may be ratings or items; give series.to_dict() for "
            "ratings of the items in its index, or series.tolist() for a list of items"
        )
    items = history.index.tolist()
    if len(set(items)) < len(items):
        raise DataError("a Series of ratings names an item twice in its index; name each once")
    return dict(zip(items, values, strict=True))


def _listed(history: Any, what: str) -> list[Any]:
    """The items of a history as a list of Python values."""
    if isinstance(history, list | tuple | set | frozenset):
        return list(history)
    try:
        return values_of(history, "items").to_list()
    except DataError as error:
        raise DataError(f"{what}: {error}") from error


def _is_number(value: Any) -> bool:
    return isinstance(value, Real | Decimal)


def _rating(user: Any, item: Any, rating: Any) -> float | None:
    if rating is None:
        return None
    try:
        number = float(rating) if _is_number(rating) and not is_missing(rating) else np.nan
    except OverflowError:
        number = np.inf
    if not abs(number) <= _LARGEST:
        raise DataError(
            f"the rating of {shown_id(item)} by {shown_id(user)} must be a finite number, got {shown(rating)}"
        )
    return number
