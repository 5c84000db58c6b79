"""Why an item is on a list: what each item of the user's history adds to its score, and what else does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from fillrank.data import IdMap, Interactions
from fillrank.errors import DataError
from fillrank.factors.contributions import Explains
from fillrank.recommend.contents import Contents

__all__ = ["explanation", "history_of"]

_ITEM = "item"


def history_of(interactions: Interactions, user: int) -> Interactions:
    """The rows of one user, as a log of that user alone over the same items."""
    first, end = interactions.csr.indptr[user : user + 2]
    rows = interactions.select(np.arange(first, end))
    return replace(
        rows, users=np.zeros(len(rows), dtype=np.int32), user_ids=IdMap(interactions.user_ids.ids[user : user + 1])
    )


def explanation(model: Contents, user: int, item: int) -> pl.DataFrame:
    """See :meth:`fillrank.recommend.Recommender.explain`.

    Raises:
        DataError: the model's scores are no sums over a history.
    """
    if not isinstance(model.scorer, Explains):
        raise DataError(f"{model.name or 'this model'} does not say what its scores are made of")
    history = history_of(model.interactions, user)
    parts = model.scorer.contributions(user, item, history)
    heard = np.flatnonzero(parts.of_items)
    items, terms = history.items[heard].astype(np.int64), list(parts.others)
    columns = [
        pl.Series("part", [_ITEM] * len(items) + terms, dtype=pl.String),
        _followed(model.item_ids.decode(items).alias("item_id"), len(terms)),
    ]
    if model.item_ids.labels is not None:
        columns.append(_followed(model.item_ids.labels.gather(items).alias("label"), len(terms)))
    if history.values is not None:
        columns.append(_followed(pl.Series("value", history.values[heard]), len(terms)))
    contributions = np.concatenate([parts.of_items[heard], np.array(list(parts.others.values()), dtype=np.float64)])
    frame = pl.DataFrame([*columns, pl.Series("contribution", contributions)])
    return frame[np.argsort(-np.abs(contributions), kind="stable")]


def _followed(column: pl.Series, n: int) -> pl.Series:
    """A column, and so many empty cells."""
    return pl.concat([column, pl.Series(column.name, [None] * n, dtype=column.dtype)])
