"""Ranked lists as frames: of users that the model knows, and of strangers, who get what is popular."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from fillrank.data import IdMap
from fillrank.factors import Factors
from fillrank.recommend.contents import Contents
from fillrank.retrieval import rank

__all__ = ["item_columns", "recommendations"]


def recommendations(
    model: Contents,
    asked: pl.Series,
    codes: NDArray[np.int32],
    k: int,
    *,
    popular: bool,
    seen: sp.csr_array[Any] | None,
    only: NDArray[np.int32] | None,
    without: NDArray[np.int32] | None,
) -> pl.DataFrame:
    """See :meth:`fillrank.recommend.Recommender.recommend`.

    Args:
        model: what ranks.
        asked: the ids of the users, as they were given.
        codes: the index of each, -1 for a stranger.
        k: length of a list.
        popular: whether strangers get what most users met; else they are left out.
        seen: what each user of the model is not shown again.
        only, without: indices of items that alone may be listed, and of those that may not.
    """
    known = np.flatnonzero(codes >= 0)
    lists = rank(model.scorer, codes[known], k, seen=seen, candidates=only, exclude=without)
    rows, places, ranks, scores = known[lists.rows], lists.items, lists.positions, lists.scores
    strangers = np.flatnonzero(codes < 0) if popular else np.zeros(0, dtype=np.int64)
    if len(strangers):
        met, counts = _most_popular(model, k, only, without)
        rows = np.concatenate([rows, np.repeat(strangers, len(met))])
        places = np.concatenate([places, np.tile(met, len(strangers))])
        ranks = np.concatenate([ranks, np.tile(np.arange(len(met)), len(strangers))])
        scores = np.concatenate([scores, np.tile(counts, len(strangers))])
        order = np.lexsort((ranks, rows))
        rows, places, ranks, scores = rows[order], places[order], ranks[order], scores[order]
    spelled = model.user_ids.spelled(asked) if len(strangers) else model.user_ids.decode(codes[known])
    rows = rows if len(strangers) else np.searchsorted(known, rows)
    users = [spelled.gather(rows).alias("user_id"), pl.Series("rank", ranks + 1)]
    return pl.DataFrame([*users, *item_columns(model.item_ids, places), pl.Series("score", scores, dtype=pl.Float32)])


def item_columns(item_ids: IdMap, places: NDArray[np.int64]) -> list[pl.Series]:
    """The ids of items and, where they have any, their names."""
    ids = item_ids.decode(places).alias("item_id")
    labels = item_ids.labels
    return [ids] if labels is None else [ids, labels.gather(places).alias("label")]


def _most_popular(
    model: Contents, k: int, only: NDArray[np.int32] | None, without: NDArray[np.int32] | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    counts = torch.tensor(model.popularity, dtype=torch.float64)
    nobody = Factors(counts.new_zeros(1, 0), counts.new_zeros(len(counts), 0), item_bias=counts)
    lists = rank(nobody, k=k, candidates=only, exclude=without)
    return lists.items, lists.scores.astype(np.float32)
