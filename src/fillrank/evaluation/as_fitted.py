"""Check that a model is evaluated on the log that it was fitted on, read and split in the same way."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data import IdMap, Interactions
from fillrank.data.alike import in_one_form
from fillrank.data.held_out_users import all_rows
from fillrank.errors import DataError

__all__ = ["check_ids", "say_what_differs"]

logger = logging.getLogger("fillrank")


def check_ids(model: Any, interactions: Interactions) -> None:
    """Refuse a log with other users or items than the model's, because their indices would mean different ids.

    Args:
        model: a :class:`~fillrank.recommend.Recommender`. A model without ids is not checked.
        interactions: the log to evaluate on.

    Raises:
        DataError: the message says how many of the log's users and items the model knows.
    """
    own = getattr(model, "interactions", None)
    if not isinstance(own, Interactions) or (
        own.user_ids == interactions.user_ids and own.item_ids == interactions.item_ids
    ):
        return
    known = (_known("users", own.user_ids, interactions.user_ids), _known("items", own.item_ids, interactions.item_ids))
    raise DataError(
        f"{_called(model)} was fitted on other users or items: it knows {' and '.join(known)}; give the data that it "
        "was fitted with, read with the same options, filtered and split in the same way"
    )


def say_what_differs(model: Any, test: Interactions, train: Interactions, valid: Interactions | None) -> None:
    """Log a warning if a model has learned from rows of the test, or from rows that are not in the split.

    Args:
        model: a :class:`~fillrank.recommend.Recommender`. Other models are not checked.
        test: the rows to evaluate on.
        train, valid: the other parts of the split; the same ids.
    """
    own = getattr(model, "interactions", None)
    if not isinstance(own, Interactions) or own.user_ids != test.user_ids or own.item_ids != test.item_ids:
        return
    ours = _keys(own)
    # refit=False: the validation part was used for choices only, so its rows may be in ``test``
    learnt = 0 if getattr(model, "refit", None) is False else _common(ours, _keys(test))
    if learnt:
        logger.warning(
            "%s has learnt from %s of the %s rows that it is measured on; refit=False keeps one that has not learnt "
            "from the validation part",
            _called(model),
            f"{learnt:,}",
            f"{len(test):,}",
        )
    others = sum(_common(ours, _keys(all_rows(part))) for part in (train, valid, test) if part is not None)
    said = []
    if others < len(ours):
        said.append(f"{len(ours) - others:,} of the {len(ours):,} rows that it was given are not in this split")
    here, there = _range([train, valid]), getattr(model, "value_range", None)
    if here is not None and there is not None and not (_within(there, here) and _within(_range([train]), there)):
        said.append(f"values ran from {there[0]:g} to {there[1]:g}, and run from {here[0]:g} to {here[1]:g} here")
    if said:
        logger.warning(
            "%s was fitted on other data: %s. Is the log another, or read, filtered or split with other options?",
            _called(model),
            ", and ".join(said),
        )


def _called(model: Any) -> str:
    return getattr(model, "name", "") or "the model"


def _known(noun: str, own: IdMap, asked: IdMap) -> str:
    """How many of the ids asked for are known to a model, in words."""
    places = own.encode(asked.ids, unknown="mark")
    if (places >= 0).all():
        more = len(own) - len(np.unique(places))
        return f"all {len(asked):,} {noun}" + (f" and {more:,} more" if more else "")
    strange = asked.ids.filter(pl.Series(places < 0))
    formed = int(in_one_form(strange).is_in(in_one_form(own.ids).implode()).sum())
    in_form = f" ({formed:,} more in another form, such as upper case or leading zeros)" if formed else ""
    return f"{len(asked) - len(strange):,} of the {len(asked):,} {noun}{in_form}"


def _keys(interactions: Interactions) -> NDArray[np.int64]:
    """One number for each row; ascending, because the rows of a log are sorted."""
    keys: NDArray[np.int64] = interactions.users.astype(np.int64) * interactions.n_items + interactions.items
    return keys


def _common(some: NDArray[np.int64], others: NDArray[np.int64]) -> int:
    """How many numbers two ascending arrays have in common."""
    few, many = sorted((some, others), key=len)
    if not len(few):
        return 0
    places = np.minimum(np.searchsorted(many, few), len(many) - 1)
    return int((many[places] == few).sum())


def _range(logs: list[Interactions | None]) -> tuple[float, float] | None:
    """The smallest and the largest value of several logs."""
    scales = [
        interactions.value_range
        for interactions in logs
        if interactions is not None and interactions.value_range is not None
    ]
    return (min(low for low, _ in scales), max(high for _, high in scales)) if scales else None


def _within(inner: tuple[float, float] | None, outer: tuple[float, float]) -> bool:
    return inner is None or (outer[0] <= inner[0] and inner[1] <= outer[1])
