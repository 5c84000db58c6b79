"""From plain values of a request to plain values of an answer: the one place where routes meet a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from fillrank.errors import DataError
from fillrank.recommend.explain import explanation
from fillrank.server.arms import Arms, Takeup
from fillrank.server.catalogue import Catalogue, Catalogues
from fillrank.server.insight.atlas import Atlas
from fillrank.server.insight.kept import KeptInsights
from fillrank.server.insight.leaning import leanings
from fillrank.server.oddities import odd_ratings
from fillrank.server.problems import ProblemError
from fillrank.server.profile import Profile, folded, profile_of, stranger
from fillrank.server.rules import RequestRules, allowed, best_items
from fillrank.server.served import Served
from fillrank.store import Store
from fillrank.store.checks import digest_of
from fillrank.store.meaning import EventMeaning, Taste

__all__ = ["Ranker", "Wanted"]

_REASONS = 3  # of an item


@dataclass(frozen=True)
class Wanted:
    """What a list is to be.

    Attributes:
        user: whose it is; None where there is a history.
        history: what is known of items that they have met.
        k: its length; fewer where fewer are left.
        offset: so many of the best are left out, for the next page.
        rules: what may be on it.
        filter_seen: leave out what the user has met.
        explain: say for each item which of the user's own speak for it the most.
        counted: whether the user sees it, so that what they take up from it counts.
    """

    user: str | None = None
    history: Mapping[str, Taste] | None = None
    k: int = 10
    offset: int = 0
    rules: RequestRules = field(default_factory=RequestRules)
    filter_seen: bool = True
    explain: bool = False
    counted: bool = True


class Ranker:
    """Answers with the model of the moment, the events of the store, and what it says of items."""

    def __init__(
        self, arms: Arms, store: Store, meaning: EventMeaning, takeup: Takeup, insights: KeptInsights | None = None
    ) -> None:
        self._arms, self._store, self._meaning, self._takeup = arms, store, meaning, takeup
        self._holder, self._insights = arms.main.holder, insights or KeptInsights()
        self.catalogues = Catalogues(store)

    def recommend(self, asked: Wanted) -> dict[str, Any]:
        """A list, as the route gives it."""
        arm = self._arms.of(asked.user)
        served = arm.holder.served
        catalogue = self.catalogues.of(served)
        profile, unwanted = self._profile(asked.user, asked.history, served, catalogue)
        rules = allowed(asked.rules, catalogue)
        for places in (unwanted, profile.met if asked.filter_seen else unwanted):
            rules.mask[places] = False
        items, scores = best_items(served, profile, asked.k + asked.offset, rules)
        items, scores = items[asked.offset :], scores[asked.offset :]
        popularity = np.asarray(served.model.popularity)
        listed = [
            {
                "item": served.ids[place],
                "score": float(score),
                "title": catalogue.title(place),
                "met_by": int(popularity[place]),
                "reasons": _reasons(profile, place, catalogue) if asked.explain else [],
            }
            for place, score in zip(items.tolist(), scores, strict=True)
        ]
        history = asked.history or {}
        places_of = served.items(list(history)).tolist()
        unknown = [name for name, place in zip(history, places_of, strict=True) if place < 0]
        if asked.user is not None and asked.counted:
            self._takeup.listed(asked.user, arm.name, [one["item"] for one in listed])
        return {
            "items": listed,
            "model": served.version,
            "arm": arm.name if len(self._arms.all) > 1 else None,
            "basis": profile.basis,
            "unknown": [*unknown, *rules.unknown],
            "warnings": odd_ratings({f"history.{item}": taste.value for item, taste in history.items()}, served),
        }

    def predict(self, user: str | None, history: Mapping[str, Taste] | None, items: Sequence[str]) -> dict[str, Any]:
        """The expected rating of each item; None for an item that the model does not know."""
        served = self._arms.of(user).holder.served
        if served.model.predictor is None:
            raise ProblemError(409, "model_ranks_only", "this model ranks items and predicts no ratings")
        profile, _ = self._profile(user, history, served, self.catalogues.of(served))
        if profile.model is None or profile.model.predictor is None:
            raise ProblemError(404, "unknown_user", "nothing is known of this user; give a history")
        places = served.items(list(items))
        known = torch.from_numpy(places[places >= 0])
        values = profile.model.predictor.score_pairs(torch.full_like(known, profile.user), known)
        if served.model.value_range is not None:
            values = values.clamp(*served.model.value_range)
        if not bool(torch.isfinite(values).all()):
            raise ProblemError(500, "fault", "the model predicts what is no number")
        found = iter(values.tolist())
        predictions = [
            {"item": item, "value": next(found) if place >= 0 else None}
            for item, place in zip(items, places.tolist(), strict=True)
        ]
        return {"predictions": predictions, "model": served.version, "basis": profile.basis}

    def similar(self, item: str, k: int, offset: int = 0) -> dict[str, Any]:
        """The items nearest to one."""
        served = self._holder.served
        catalogue = self.catalogues.of(served)
        place = int(served.items([item])[0])
        if place < 0:
            raise ProblemError(404, "unknown_item", "the model does not know this item")
        try:
            hidden = int(catalogue.unlisted.sum())
            frame = served.model.similar_items(
                served.model.item_ids.ids[place], min(k + offset + hidden, len(served.ids))
            )
        except DataError as error:
            raise ProblemError(409, "model_has_no_vectors", "to this model no item is like another") from error
        places = served.model.item_ids.encode(frame["item_id"]).tolist()
        near = [
            {"item": served.ids[one], "score": float(score), "title": catalogue.title(one)}
            for one, score in zip(places, frame["similarity"], strict=True)
            if not catalogue.unlisted[one]
        ]
        return {"items": near[offset : offset + k], "model": served.version}

    def search(self, query: str, limit: int) -> dict[str, Any]:
        """Items whose titles are nearest to what was typed; the most popular ones where nothing was."""
        served = self._holder.served
        catalogue = self.catalogues.of(served)
        if query.strip():
            found = catalogue.search(query.strip(), limit)
        else:
            popular = served.popular[~catalogue.unlisted[served.popular]][:limit]
            found = [served.ids[place] for place in popular.tolist()]
        return {"items": [catalogue.describe(item) for item in found]}

    def map(self, n: int) -> dict[str, Any]:
        """The ``n`` most popular items in two dimensions."""
        served = self._holder.served
        catalogue, atlas = self.catalogues.of(served), self._atlas(served)
        popularity = np.asarray(served.model.popularity)
        shown = served.popular[~catalogue.unlisted[served.popular]][:n]
        items = [
            {
                "item": served.ids[place],
                "title": catalogue.title(place),
                "x": float(atlas.places[place, 0]),
                "y": float(atlas.places[place, 1]),
                "met_by": int(popularity[place]),
            }
            for place in shown.tolist()
        ]
        return {"items": items, "explained": atlas.explained, "basis": atlas.basis, "model": served.version}

    def place(self, user: str | None, history: Mapping[str, Taste] | None) -> dict[str, Any]:
        """Where somebody is on the map of the main model."""
        served = self._holder.served
        profile, _ = self._profile(user, history, served, self.catalogues.of(served))
        place = self._atlas(served).place_of(profile)
        return {"place": None if place is None else {"x": place[0], "y": place[1]}, "model": served.version}

    def leanings(self) -> dict[str, Any]:
        """What each step of ``novelty`` does to all lists."""
        served = self._holder.served
        return self._insights.get(served, "leanings", lambda: leanings(served))

    def _atlas(self, served: Served) -> Atlas:
        return self._insights.get(served, "atlas", lambda: Atlas.of(served))

    def item(self, item: str) -> dict[str, Any]:
        """What is known of an item."""
        found = self.catalogues.of(self._holder.served).describe(item)
        if found is None:
            raise ProblemError(404, "unknown_item", "nobody has described this item, and the model does not know it")
        return found

    def _profile(
        self, user: str | None, history: Mapping[str, Taste] | None, served: Served, catalogue: Catalogue
    ) -> tuple[Profile, NDArray[np.int64]]:
        """Who is meant, and the items that are not for them."""
        nothing = np.zeros(0, dtype=np.int64)
        if history is not None:
            places = served.items(list(history))
            known = {int(place): taste for place, taste in zip(places, history.values(), strict=True) if place >= 0}
            return (folded(served, known) if known else stranger()), nothing
        assert user is not None  # noqa: S101 -- the schema sees to it
        events = self._store.history(user)
        gone = bool(catalogue.deleted_users) and digest_of("user", user) in catalogue.deleted_users
        return profile_of(served, user, events, self._meaning, forgotten=gone)


def _reasons(profile: Profile, item: int, catalogue: Catalogue) -> list[dict[str, Any]]:
    """The items of the user's history that add the most to the score of an item; none where scores are no such sums."""
    if profile.model is None:
        return []
    try:
        parts = explanation(profile.model, profile.user, item)
    except DataError:  # a model that does not say what its scores are made of
        return []
    adding = parts.filter((pl.col("part") == "item") & (pl.col("contribution") > 0)).head(_REASONS)
    places = profile.model.item_ids.encode(adding["item_id"]).tolist()
    return [
        {"item": catalogue.served.ids[one], "title": catalogue.title(one), "contribution": float(part)}
        for one, part in zip(places, adding["contribution"], strict=True)
    ]
