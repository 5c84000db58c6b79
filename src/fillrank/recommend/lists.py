"""Ranked lists as frames: of users that the model knows, and of strangers, who get what is popular."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from fillrank.data import IdMap
from fillrank.data.ids import shown_id
from fillrank.factors import Factors, Scorer
from fillrank.recommend.contents import Contents
from fillrank.recommend.rules import ItemFilter
from fillrank.retrieval import RankedLists, rank
from fillrank.retrieval.among import rank_among
from fillrank.retrieval.capped import joined_lists, rank_capped

__all__ = ["item_columns", "recommendations"]

logger = logging.getLogger("fillrank")


@dataclass(frozen=True, eq=False)
class _Audience:
    """Users who are ranked for by one scorer.

    Attributes:
        scorer: ranks the items.
        rows: int64 ``[m]``, their places among all that were asked for.
        users: int64 ``[m]``, their indices in the scorer.
        seen: ``[n_users, n_items]``, what is not shown again; None: everything is.
    """

    scorer: Scorer
    rows: NDArray[np.int64]
    users: NDArray[np.int64]
    seen: sp.csr_array[Any] | None

    def ranked(self, k: int, rules: ItemFilter) -> RankedLists:
        """Their lists, as the rules have them."""
        if rules.caps is None:
            return self._uncapped(np.arange(len(self.rows)), k, rules)
        return rank_capped(lambda some, depth: self._uncapped(some, depth, rules), len(self.rows), k, rules.caps)

    def _uncapped(self, some: NDArray[np.int64], k: int, rules: ItemFilter) -> RankedLists:
        if rules.own is None or rules.has_own is None:
            return self._ranked(some, k, rules)
        has_own = rules.has_own[self.rows[some]]
        among = rank_among(self.scorer, self.users[some[has_own]], k, self._own(some[has_own], rules))
        others = self._ranked(some[~has_own], k, rules)
        parts = [iter(_parts(among)), iter(_parts(others))]
        return joined_lists(self.users[some], [next(parts[0 if own else 1]) for own in has_own.tolist()], k)

    def _ranked(self, some: NDArray[np.int64], k: int, rules: ItemFilter) -> RankedLists:
        only = None if rules.allowed is None else np.flatnonzero(rules.allowed)
        hidden = None if rules.hidden is None else rules.hidden[self.rows[some]]
        return rank(self.scorer, self.users[some], k, seen=self.seen, candidates=only, exclude=hidden)

    def _own(self, some: NDArray[np.int64], rules: ItemFilter) -> sp.csr_array[Any]:
        """What may be listed for users with candidates of their own, ``[len(some), n_items]``."""
        assert rules.own is not None  # noqa: S101 -- the caller has looked
        own = rules.own[self.rows[some]]
        lists = []
        for n, row in enumerate(self.rows[some].tolist()):
            items = own.indices[own.indptr[n] : own.indptr[n + 1]]
            for left_out, place in ((self.seen, self.users[some[n]]), (rules.hidden, row)):
                if left_out is not None:
                    met = left_out.indices[left_out.indptr[place] : left_out.indptr[place + 1]]
                    items = items[~np.isin(items, met)]
            lists.append(items if rules.allowed is None else items[rules.allowed[items]])
        indptr = np.concatenate([[0], np.cumsum([len(items) for items in lists], dtype=np.int64)])
        places = np.concatenate([np.zeros(0, dtype=np.int32), *lists])
        return sp.csr_array((np.ones(len(places), dtype=np.float32), places, indptr), shape=own.shape)


def recommendations(
    model: Contents,
    asked: pl.Series,
    codes: NDArray[np.int32],
    k: int,
    *,
    popular: bool,
    seen: sp.csr_array[Any] | None,
    rules: ItemFilter,
) -> pl.DataFrame:
    """See :meth:`fillrank.recommend.Recommender.recommend`.

    Args:
        model: what ranks.
        asked: the ids of the users, as they were given.
        codes: the index of each, -1 for a stranger.
        k: length of a list.
        popular: whether strangers get what most users met; else they are left out.
        seen: what each user of the model is not shown again.
        rules: what may be listed.
    """
    known, strange = np.flatnonzero(codes >= 0), np.flatnonzero(codes < 0)
    groups = [_Audience(model.scorer, known, codes[known].astype(np.int64), seen)]
    if popular and len(strange):
        groups.append(_strangers(model, strange))
    lists = [group.ranked(k, rules) for group in groups]
    rows = np.concatenate([group.rows[one.rows] for group, one in zip(groups, lists, strict=True)])
    items, ranks = (np.concatenate([getattr(one, part) for one in lists]) for part in ("items", "positions"))
    scores = np.concatenate([one.scores.astype(np.float32) for one in lists])
    if len(groups) > 1:
        order = np.lexsort((ranks, rows))
        rows, items, ranks, scores = rows[order], items[order], ranks[order], scores[order]
        spelled = model.user_ids.spelled(asked)
    else:
        spelled, rows = model.user_ids.decode(codes[known]), np.searchsorted(known, rows)
    if rules.any:
        _say_what_is_short(spelled, rows, k)
    users = [spelled.gather(rows).alias("user_id"), pl.Series("rank", ranks + 1)]
    return pl.DataFrame([*users, *item_columns(model.item_ids, items), pl.Series("score", scores, dtype=pl.Float32)])


def item_columns(item_ids: IdMap, places: NDArray[np.int64]) -> list[pl.Series]:
    """The ids of items and, where they have any, their names."""
    ids = item_ids.decode(places).alias("item_id")
    labels = item_ids.labels
    return [ids] if labels is None else [ids, labels.gather(places).alias("label")]


def _strangers(model: Contents, rows: NDArray[np.int64]) -> _Audience:
    """Users of whom nothing is known: to each, an item's score is how many users met it."""
    counts = torch.tensor(model.popularity, dtype=torch.float64)
    nobody = Factors(counts.new_zeros(len(rows), 0), counts.new_zeros(len(counts), 0), item_bias=counts)
    return _Audience(nobody, rows, np.arange(len(rows)), None)


def _parts(lists: RankedLists) -> list[tuple[NDArray[np.int64], NDArray[Any]]]:
    spans = [slice(a, b) for a, b in zip(lists.indptr[:-1], lists.indptr[1:], strict=True)]
    return [(lists.items[span], lists.scores[span]) for span in spans]


def _say_what_is_short(users: pl.Series, rows: NDArray[np.int64], k: int) -> None:
    """Warn of lists that have fewer than ``k`` items where rules were given."""
    lengths = np.bincount(rows, minlength=len(users))
    short = np.flatnonzero(lengths < k)
    if len(short):
        least = int(short[lengths[short].argmin()])
        logger.warning(
            "%d of %d lists have fewer than k=%d items, as the rules leave no more; the shortest, of user %s, has %d",
            len(short),
            len(lengths),
            k,
            shown_id(users[least]),
            int(lengths[least]),
        )
