"""Hold out rows for choices, and join them with the others afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fillrank.data import Interactions
from fillrank.data.held_out_users import HeldOutUsers
from fillrank.errors import DataError, DuplicateError, SettingsError
from fillrank.recommend import Recommender
from fillrank.runtime.rng import numpy_stream

__all__ = ["held_out", "joined", "met", "some_users"]

_SHARE = 0.1


def joined(train: Interactions, valid: Interactions, *, everything: bool) -> Interactions:
    """The rows of both parts; without ``everything``, columns that only one part has are dropped.

    Of held-out users these are all rows, the known ones too; without ``everything`` none, as the model never meets
    these users.

    Raises:
        DataError: the parts have a common row, or one has values, times or weights and the other does not.
    """
    if isinstance(valid, HeldOutUsers):
        valid.check_unknown_to(train)
        if not everything:
            return train
        valid = valid.whole()
    try:
        if everything:
            return train.union(valid)
        for column in ("values", "times", "weights"):
            if (getattr(train, column) is None) != (getattr(valid, column) is None):
                train, valid = (_without(part, column) for part in (train, valid))
        return train.union(valid)
    except DuplicateError:
        both = np.intersect1d(_keys(train), _keys(valid), assume_unique=True)
        user, item = divmod(int(both[0]), train.n_items)
        raise DataError(
            f"{len(both)} of the {len(valid)} rows of valid are in train too, the first is user "
            f"{train.user_ids.ids[user]!r} with item {train.item_ids.ids[item]!r}; choices would be made on what was "
            "learned; make both with one of fillrank.split's functions"
        ) from None


def held_out(interactions: Interactions, *, seed: int) -> tuple[Interactions, Interactions]:
    """Split off a random tenth of the rows: at least one row, and at least one that is relevant.

    Raises:
        SettingsError: the log has only one row.
    """
    if len(interactions) < 2:
        raise SettingsError(
            f"{len(interactions)} row leaves nothing to choose settings on; give them, or a log with more rows"
        )
    order = numpy_stream(seed, "held out").permutation(len(interactions))
    n = max(round(_SHARE * len(interactions)), 1)
    counts = np.ones(len(interactions), dtype=bool) if interactions.weights is None else interactions.weights > 0
    if interactions.relevant_from is not None and interactions.values is not None:
        counts = counts & (interactions.values >= interactions.relevant_from)
    if not counts.all():
        relevant = counts[order]
        if relevant.any() and not relevant[:n].any():
            first = int(np.argmax(relevant))
            order[[0, first]] = order[[first, 0]]
    return interactions.select(np.sort(order[n:])), interactions.select(np.sort(order[:n]))


def some_users(valid: Interactions, most: int, *, seed: int) -> Interactions:
    """The rows of ``most`` random users of ``valid``; all rows if it has no more users."""
    present = np.unique(valid.users)
    if len(present) <= most:
        return valid
    drawn = numpy_stream(seed, "some users").choice(present, most, replace=False)
    return valid.select(np.flatnonzero(np.isin(valid.users, drawn)))


def met(model: Recommender, whole: Interactions, *, refit: bool) -> Recommender:
    """The model, with every given row marked as seen, from train and from validation."""
    return replace(model, interactions=whole, popularity=None, refit=refit)


def _without(interactions: Interactions, column: str) -> Interactions:
    nothing: dict[str, Any] = {column: None}
    return interactions.without_values() if column == "values" else replace(interactions, **nothing)


def _keys(interactions: Interactions) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return interactions.users.astype(np.int64) * interactions.n_items + interactions.items
