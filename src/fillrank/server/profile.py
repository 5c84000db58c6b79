"""A user as a request means them: what they have met, and the vectors that rank and predict for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fillrank.data import IdMap, Interactions
from fillrank.errors import DataError
from fillrank.factors import Scorer
from fillrank.recommend import Recommender
from fillrank.server.served import Served
from fillrank.store import UserEvent
from fillrank.store.meaning import EventMeaning, Taste

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


def folded(served: Served, history: Mapping[int, Taste], user: int = -1) -> Profile:
    """A user of this history.

    The part that looks at ratings learns from items with one. For items that a known user met in training, whose rating
    was not saved, what the model predicts for them stands in. Where the model takes every item for one that was
    liked, ratings below 0 are left out.

    Args:
        served: the model.
        history: what is known of each item that they met, by its index.
        user: the index of a user whom the model knows; -1: it knows nobody. A model that cannot fold in has its own
            vector of a known user, or none.
    """
    model = served.model
    met = np.fromiter(history, dtype=np.int64, count=len(history))
    history = {item: taste for item, taste in history.items() if taste.weight > 0}  # no interest is no sign of any
    rated = _with_stand_ins(served, history, user)
    liked = {item: taste for item, taste in history.items() if taste.value is None or taste.value >= 0}
    try:
        if served.ranks_by_ratings:
            ranked = _log_of(served, rated or liked, rated=bool(rated))
        else:
            ranked = _log_of(served, liked, rated=False)
        if ranked is None:
            return stranger(met)
        scorer = model.scorer.fold_in(ranked)
        predicted = _log_of(served, rated or liked, rated=bool(rated))
        predictor = None if model.predictor is None or predicted is None else model.predictor.fold_in(predicted)
    except DataError:  # a network over pairs: it knows no new users
        return known_user(served, user, met) if user >= 0 else stranger(met)
    return Profile(
        replace(model, scorer=scorer, predictor=predictor, interactions=ranked, history=()), 0, met, "history"
    )


def profile_of(
    served: Served, user: str, events: Sequence[UserEvent], meaning: EventMeaning, *, forgotten: bool = False
) -> tuple[Profile, NDArray[np.int64]]:
    """A user by id, with what their events say; and the items that are not for them.

    Args:
        served: the model. Where it has learnt from the last of the events, its own vector is taken.
        user: their id.
        events: theirs, in the order of their numbers.
        meaning: of the types of events.
        forgotten: what the model knows of them is not to be used.
    """
    nothing = np.zeros(0, dtype=np.int64)
    index = -1 if forgotten else served.user(user)
    newest = events[-1].seq if events else 0
    tastes = meaning.tastes(events, after=served.seq if index >= 0 else 0)
    places = served.items(list(tastes)).tolist()
    said = {place: taste for place, taste in zip(places, tastes.values(), strict=True) if place >= 0}
    wanted = {place: taste for place, taste in said.items() if taste.wanted}
    unwanted = np.array([place for place, taste in said.items() if not taste.wanted], dtype=np.int64)
    before = served.met_by(index) if index >= 0 else nothing
    if index >= 0 and newest <= served.seq:
        met = np.union1d(before, np.fromiter(wanted, dtype=np.int64, count=len(wanted)))
        return known_user(served, index, met), unwanted
    whole = _before(served, index, np.setdiff1d(before, unwanted)) if index >= 0 else {}
    for place, taste in wanted.items():
        old = whole.get(place)
        weight = taste.weight or 1.0 if old is None else old.weight + taste.weight
        whole[place] = replace(taste, weight=weight)
    return (folded(served, whole, index) if whole else stranger()), unwanted


def _before(served: Served, user: int, items: NDArray[np.int64]) -> dict[int, Taste]:
    """What the model's own log says of items that a user has met; a row of weight 0 says that it was not liked."""
    weights = served.weights_of(user)
    if weights is None:
        return dict.fromkeys(items.tolist(), Taste(None))
    own = dict(zip(served.met_by(user).tolist(), weights.tolist(), strict=True))
    return {item: Taste(None, weight=own[item]) for item in items.tolist()}


def _with_stand_ins(served: Served, history: Mapping[int, Taste], user: int) -> dict[int, Taste]:
    """Those items of a history that have a rating, given or stood in for."""
    rated = {item: taste for item, taste in history.items() if taste.value is not None}
    model = served.model
    if model.predictor is None or user < 0 or not rated:
        return rated
    missing = np.intersect1d(served.met_by(user), [item for item, taste in history.items() if taste.value is None])
    if not len(missing):
        return rated
    if model.interactions.values is not None:
        own = model.interactions.csr[[user]].toarray()[0][missing]
    else:
        ids = model.item_ids.decode(missing)
        own = model.predict(model.user_ids.decode([user] * len(missing)), ids)
    stand_ins = zip(missing.tolist(), own.tolist(), strict=True)
    return rated | {item: replace(history[item], value=float(value)) for item, value in stand_ins}


def _log_of(served: Served, history: Mapping[int, Taste], *, rated: bool) -> Interactions | None:
    if not history:
        return None
    items = np.fromiter(history, dtype=np.int32, count=len(history))
    weights = [taste.weight for taste in history.values()]
    return Interactions(
        users=np.zeros(len(items), dtype=np.int32),
        items=items,
        values=np.array([taste.value for taste in history.values()], dtype=np.float32) if rated else None,
        times=None,
        user_ids=_ONE,
        item_ids=served.model.item_ids,
        weights=np.array(weights, dtype=np.float32) if any(weight != 1 for weight in weights) else None,
    )
