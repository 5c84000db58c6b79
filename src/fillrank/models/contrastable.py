"""Find users who have met every item, and so have no negatives."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fillrank.data import Interactions
from fillrank.samplers import Sampler

__all__ = ["can_be_contrasted"]

_NAMED = 5
logger = logging.getLogger("fillrank")


def can_be_contrasted(
    positives: Interactions, sampler: Sampler | None, ignored: Interactions | None = None
) -> NDArray[np.bool_]:
    """Which users have negatives, bool ``[n_users]``; the ids of all others are logged.

    Args:
        positives: the pairs that count as positives.
        ignored: pairs that are neither positives nor negatives, if there are any.
        sampler: draws the negatives. If it is None or does not mask the known positives, every user has negatives.
    """
    if getattr(sampler, "exclude", "none") != "known":
        return np.ones(positives.n_users, dtype=bool)
    taken = positives.user_counts if ignored is None else positives.user_counts + ignored.user_counts
    left = taken < positives.n_items
    full = np.flatnonzero(~left)
    if len(full):
        logger.warning(
            "%s met all %d items: nothing is left to contrast with, so no batch holds their rows%s",
            _named(list(positives.user_ids.decode(full[:_NAMED])), len(full)),
            positives.n_items,
            "" if left.any() else "; that is everybody, and the vectors stay where they began",
        )
    return left


def _named(ids: Sequence[Any], count: int) -> str:
    names = ", ".join(repr(one) for one in ids)
    more = f" and {count - len(ids)} more" if count > len(ids) else ""
    return f"{count} user{'s' if count > 1 else ''} ({names}{more})"
