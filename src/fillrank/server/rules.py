"""What may be on a list, and how much it leans to what few have met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from fillrank.errors import ScoreError
from fillrank.retrieval import RankedLists, rank
from fillrank.retrieval.capped import Caps, rank_capped
from fillrank.server.catalogue import Catalogue
from fillrank.server.profile import Profile
from fillrank.server.served import Served

__all__ = ["Allowed", "RequestRules", "allowed", "best_items"]

_GOOD, _SHARE = 10, 50
"""A list that leans is made of so many times its length of the best items, or of a 50th of all, whichever is more."""
_FULLY = 2.0  # deviations of surprise that count as much as one of the score, where a list leans as far as it goes
Listing = tuple[NDArray[np.int64], NDArray[np.floating[Any]]]


@dataclass(frozen=True)
class RequestRules:
    """The rules of a request; all that is given holds together.

    Attributes:
        items: only these.
        exclude: none of these.
        categories: only items of one of these categories; None: of all.
        where, where_not: column of the item table → a value or a list: only items, or no items, with one of them.
        at_most: column of the item table → how many items of one category.
        novelty: from -1 (what many have met) by 0 (the model's own list) to 1 (what few have met).
    """

    items: Sequence[str] | None = None
    exclude: Sequence[str] = ()
    categories: Sequence[str] | None = None
    where: Mapping[str, Any] | None = None
    where_not: Mapping[str, Any] | None = None
    at_most: Mapping[str, int] | None = None
    novelty: float = 0.0


@dataclass(frozen=True, eq=False)
class Allowed:
    """The same in indices.

    Attributes:
        mask: bool ``[n_items]``: what may be listed.
        caps: how many of each category; None: any number.
        novelty: see :class:`RequestRules`.
        unknown: ids that the model does not know.
    """

    mask: NDArray[np.bool_]
    caps: Caps | None = None
    novelty: float = 0.0
    unknown: Sequence[str] = ()


def allowed(asked: RequestRules, catalogue: Catalogue) -> Allowed:
    """What may be listed by the rules of a request and by what the store says.

    Raises:
        DataError: a column or a value is not in the item table.
    """
    served, table = catalogue.served, catalogue.table
    mask, unknown = ~catalogue.unlisted, list[str]()
    if asked.items is not None:
        only = np.zeros_like(mask)
        only[_known(served, asked.items, unknown)] = True
        mask &= only
    mask[_known(served, asked.exclude, unknown)] = False
    if asked.categories is not None:
        mask &= catalogue.in_categories(asked.categories)
    if asked.where:
        mask &= table.having(asked.where)
    for column, values in (asked.where_not or {}).items():
        mask &= ~table.having({column: values})
    return Allowed(mask, _caps(asked.at_most, catalogue), asked.novelty, unknown)


def best_items(served: Served, profile: Profile, k: int, rules: Allowed) -> Listing:
    """The best items that may be listed, and their scores; counts of users where only popularity is known."""

    def ranked(_: NDArray[np.int64], depth: int) -> RankedLists:
        items, scores = _best(served, profile, depth, rules)
        return RankedLists(np.array([0]), np.array([0, len(items)]), items, scores, depth)

    if rules.caps is None:
        return _best(served, profile, k, rules)
    lists = rank_capped(ranked, 1, k, rules.caps)
    return lists.items, lists.scores


def _best(served: Served, profile: Profile, k: int, rules: Allowed) -> Listing:
    if profile.scorer is None:
        items = served.popular[rules.mask[served.popular]]
        if rules.novelty > 0:  # nothing is known of them: what many have met is all that can be guessed
            items = items[int(rules.novelty * 0.5 * len(items)) :]
        items = items[:k]
        return items, np.asarray(served.model.popularity)[items].astype(np.float64)
    if not rules.mask.any():
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    if not rules.novelty:
        lists = rank(profile.scorer, [profile.user], k, exclude=np.flatnonzero(~rules.mask))
        return lists.items, lists.scores
    scores = profile.scorer.score(torch.tensor([profile.user]))[0].numpy().astype(np.float64)
    if not np.isfinite(scores).all():
        raise ScoreError("a score is NaN or infinite")
    places = np.flatnonzero(rules.mask)
    good = max(_GOOD * k, len(places) // _SHARE)
    places = places[np.argsort(-scores[places], kind="stable")[:good]]
    leaning = _standard(scores[places]) + _FULLY * rules.novelty * _standard(served.surprise[places])
    best = np.argsort(-leaning, kind="stable")[:k]
    return places[best], leaning[best]


def _standard(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same numbers with a mean of 0 and a standard deviation of 1; zeros where they are all alike."""
    spread = float(numbers.std())
    return (numbers - numbers.mean()) / spread if spread > 0 else np.zeros_like(numbers)


def _known(served: Served, items: Sequence[str], unknown: list[str]) -> NDArray[np.int64]:
    places = served.items(list(items))
    unknown += [item for item, place in zip(items, places.tolist(), strict=True) if place < 0]
    return places[places >= 0]


def _caps(at_most: Mapping[str, int] | None, catalogue: Catalogue) -> Caps | None:
    if not at_most:
        return None
    columns = {name: catalogue.table.column(name) for name in at_most}
    most = [np.full(len(columns[name].values), n) for name, n in at_most.items()]
    matrix: Any = sp.hstack([column.of_rows for column in columns.values()], format="csr")
    return Caps(matrix, np.concatenate(most).astype(np.int64))
