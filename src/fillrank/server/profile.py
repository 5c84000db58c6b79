"""A user as a request means them: what they have met, and the vectors that rank and predict for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fillrank.data import IdMap, Interactions
from fillrank.errors import DataError
from fillrank.factors import Scorer
from fillrank.recommend import Recommender
from fillrank.server.served import Served
from fillrank.store.meaning import Taste

__all__ = ["Profile", "folded", "known_user", "profile_of", "stranger"]

_ONE = IdMap(["new"])


@dataclass(frozen=True, eq=False)
class Profile:
    """What answers one user.

    Attributes:
        model: whose user it is; None: nothing is known of them.
        user: their index in it.
        met: the items that they have met.
        basis: ``"model"`` (as they were in training), ``"history"`` (folded in) or ``"popularity"``.
    """

    model: Recommender | None
    user: int
    met: NDArray[np.int64]
    basis: str

    @property
    def scorer(self) -> Scorer | None:
        return None if self.model is None else self.model.scorer


def stranger(met: NDArray[np.int64] | None = None) -> Profile:
    """Somebody of whom nothing is known that a model can use."""
    return Profile(None, 0, np.zeros(0, dtype=np.int64) if met is None else met, "popularity")


def known_user(served: Served, user: int, met: NDArray[np.int64]) -> Profile:
    """A user as they were in training."""
    return Profile(served.model, user, met, "model")


def folded(served: Served, history: Mapping[int, float | None], user: int = -1) -> Profile:
    """A user of this history.

    The part that looks at ratings learns from items with one. For items that a known user met in training, whose rating
    was not saved, what the model predicts for them stands in. Where the model takes every item for one that was
    liked, ratings below 0 are left out. A model that cannot fold in has its own vector of a known user, or none.

    Args:
        served: the model.
        history: ratings by the index of the item; None where there is none.
        user: the index of a user whom the model knows; -1: it knows nobody.
    """
    model = served.model
    met = np.fromiter(history, dtype=np.int64, count=len(history))
    ratings = _with_stand_ins(served, history, user)
    liked = {item: None for item, rating in history.items() if rating is None or rating >= 0}
    try:
        if served.ranks_by_ratings:
            ranked = _log_of(served, ratings or liked, rated=bool(ratings))
        else:
            ranked = _log_of(served, liked, rated=False)
        if ranked is None:
            return stranger(met)
        scorer = model.scorer.fold_in(ranked)
        rated = _log_of(served, ratings or liked, rated=bool(ratings))
        predictor = None if model.predictor is None or rated is None else model.predictor.fold_in(rated)
    except DataError:  # a network over pairs: it knows no new users
        return known_user(served, user, met) if user >= 0 else stranger(met)
    return Profile(
        replace(model, scorer=scorer, predictor=predictor, interactions=ranked, history=()), 0, met, "history"
    )


def profile_of(
    served: Served, user: str, tastes: Mapping[str, Taste], newest: int, *, forgotten: bool = False
) -> tuple[Profile, NDArray[np.int64]]:
    """A user by id, with what their events say; and the items that are not for them.

    Args:
        served: the model.
        user: their id.
        tastes: what their events say.
        newest: the number of the last of these events; where the model has learnt from it, its own vector is taken.
        forgotten: what the model knows of them is not to be used.
    """
    nothing = np.zeros(0, dtype=np.int64)
    index = -1 if forgotten else served.user(user)
    places = served.items(list(tastes)).tolist()
    said = {place: taste for place, taste in zip(places, tastes.values(), strict=True) if place >= 0}
    wanted = {place: taste.value for place, taste in said.items() if taste.wanted}
    unwanted = np.array([place for place, taste in said.items() if not taste.wanted], dtype=np.int64)
    before = served.met_by(index) if index >= 0 else nothing
    if index >= 0 and newest <= served.seq:
        met = np.union1d(before, np.fromiter(wanted, dtype=np.int64, count=len(wanted)))
        return known_user(served, index, met), unwanted
    whole = dict.fromkeys(np.setdiff1d(before, unwanted).tolist()) | wanted
    return (folded(served, whole, index) if whole else stranger()), unwanted


def _with_stand_ins(served: Served, history: Mapping[int, float | None], user: int) -> dict[int, float | None]:
    """Those items of a history that have a rating, given or stood in for."""
    rated: dict[int, float | None] = {item: rating for item, rating in history.items() if rating is not None}
    model = served.model
    if model.predictor is None or user < 0 or not rated:
        return rated
    missing = np.intersect1d(served.met_by(user), [item for item, rating in history.items() if rating is None])
    if not len(missing):
        return rated
    if model.interactions.values is not None:
        own = model.interactions.csr[[user]].toarray()[0][missing]
    else:
        ids = model.item_ids.decode(missing)
        own = model.predict(model.user_ids.decode([user] * len(missing)), ids)
    return rated | {int(item): float(value) for item, value in zip(missing, own, strict=True)}


def _log_of(served: Served, history: Mapping[int, float | None], *, rated: bool) -> Interactions | None:
    if not history:
        return None
    items = np.fromiter(history, dtype=np.int32, count=len(history))
    return Interactions(
        users=np.zeros(len(items), dtype=np.int32),
        items=items,
        values=np.array([history[int(item)] for item in items], dtype=np.float32) if rated else None,
        times=None,
        user_ids=_ONE,
        item_ids=served.model.item_ids,
    )
