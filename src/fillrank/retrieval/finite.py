"""Refuse scores that are NaN or infinite, and name the user and the item."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from fillrank.data import IdMap
from fillrank.data.ids import shown_id
from fillrank.errors import ScoreError
from fillrank.factors import Scorer
from fillrank.factors.serialization import is_own

__all__ = ["check_finite", "check_pairs", "may_overflow", "with_ids"]

_ADVICE = "a ranking needs numbers: look for a diverged model, or for values and settings of very large size"


@contextmanager
def with_ids(user_ids: IdMap, item_ids: IdMap) -> Iterator[None]:
    """Replace the indices in a :class:`~fillrank.errors.ScoreError` that is raised in the block by outside ids."""
    try:
        yield
    except ScoreError as error:
        user, item = user_ids.ids[error.user], item_ids.ids[error.item]
        raise ScoreError(
            f"the score of user {shown_id(user)} and item {shown_id(item)} is NaN or infinite; {_ADVICE}", user, item
        ) from error


def may_overflow(scorer: Scorer) -> bool:
    """Whether a score could be something else than a number: never of a scorer of ours that knows a bound of them."""
    largest = getattr(scorer, "largest_score", math.inf) if is_own(scorer) else math.inf
    return not largest < torch.finfo(getattr(scorer, "dtype", torch.float32)).max / 4


def check_finite(scores: Tensor, users: Tensor, *, ours: bool) -> None:
    """Refuse a block of scores ``[B, n_items]`` of ``users [B]`` that contains NaN or infinity.

    Args:
        scores, users: the block.
        ours: whether the scorer is one of fillrank's. Other scorers may return -inf for items that must not be listed.

    Raises:
        ScoreError: with the indices of the first such score.
    """
    bad = ~torch.isfinite(scores) if ours else scores.isnan() | scores.isposinf()
    if bool(bad.any()):
        row, item = (int(place) for place in bad.nonzero()[0])
        raise _error(int(users[row]), item)


def check_pairs(scores: Tensor, users: Tensor, items: Tensor) -> None:
    """Refuse scores ``[B]`` of pairs that contain NaN or infinity."""
    bad = (~torch.isfinite(scores)).nonzero()
    if len(bad):
        raise _error(int(users[int(bad[0])]), int(items[int(bad[0])]))


def _error(user: int, item: int) -> ScoreError:
    return ScoreError(f"the score of user {user} and item {item} (indices) is NaN or infinite; {_ADVICE}", user, item)
