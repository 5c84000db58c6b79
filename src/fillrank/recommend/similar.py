"""Who and what is alike: neighbours by the cosine of the vectors that rank, or as a scorer without vectors has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from fillrank.data.ids import shown_id
from fillrank.errors import DataError, ScoreError
from fillrank.factors import Factors, Scorer
from fillrank.recommend.contents import Contents
from fillrank.recommend.lists import item_columns
from fillrank.retrieval import rank

__all__ = ["neighbours", "vectors_of"]

Side = Literal["user", "item"]


def neighbours(model: Contents, side: Side, places: NDArray[np.int64], k: int, *, named: bool) -> pl.DataFrame:
    """The ``k`` others whose vectors point most nearly the same way as those at ``places``; of equal ones the first.

    The lists are held, and a tile of cosines: never all of them.

    Args:
        model: whose vectors they are.
        side: of which users or items are asked for.
        places: their indices.
        k: length of a list.
        named: whether a column says whose list it is.

    Raises:
        DataError: the model has no vectors on that side.
        ScoreError: a vector is so long that its length is no number; names its id.
    """
    vectors, ids = vectors_of(model, side), model.user_ids if side == "user" else model.item_ids
    scorer = getattr(model.scorer, "leader", model.scorer)
    if side == "item" and hasattr(scorer, "similar_to"):
        return _listed(model, side, _SimilarItems(scorer, places), places, k, named=named)
    if vectors is None:
        raise DataError(f"{model.name or 'this model'} has no {side} vectors, so no {side} is like another")
    if not bool(torch.isfinite(lengths := vectors.norm(dim=1)).all()):
        bad = int((~torch.isfinite(lengths)).nonzero()[0])
        raise ScoreError(
            f"the vector of {side} {shown_id(ids.ids[bad])} is so long that no similarity can be measured; "
            "look for a diverged model",
            **{side: ids.ids[bad]},
        )
    unit = normalize(vectors.detach().cpu(), dim=1)
    return _listed(model, side, Factors(unit[torch.from_numpy(places)], unit), places, k, named=named)


@dataclass(frozen=True)
class _SimilarItems:
    """Scores items by how much a scorer without vectors takes them to be like those at ``places``."""

    by: Any
    places: NDArray[np.int64]

    @property
    def n_users(self) -> int:
        return len(self.places)

    @property
    def n_items(self) -> int:
        return int(self.by.n_items)

    def score(self, users: Tensor) -> Tensor:
        rows = [self.by.similar_to(int(self.places[user])) for user in users]
        return torch.stack(rows) if rows else torch.zeros(0, self.n_items)

    def score_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        return self.score(users)[torch.arange(len(users)), items]


def _listed(
    model: Contents, side: Side, asked: Scorer, places: NDArray[np.int64], k: int, *, named: bool
) -> pl.DataFrame:
    """The lists of a scorer whose users are those at ``places``, none of them in their own."""
    ids = model.user_ids if side == "user" else model.item_ids
    itself = (np.ones(len(places)), (np.arange(len(places)), places))
    lists = rank(asked, k=k, seen=sp.csr_array(itself, shape=(len(places), len(ids))))
    first = [ids.decode(places[lists.rows]).alias("similar_to")] if named else []
    others = [ids.decode(lists.items).alias("user_id")] if side == "user" else item_columns(ids, lists.items)
    ranks = pl.Series("rank", lists.positions + 1)
    return pl.DataFrame([*first, ranks, *others, pl.Series("similarity", lists.scores)])


def vectors_of(model: Contents, side: Side) -> Tensor | None:
    """The vectors of users or of items that rank, ``[n, d]``; None where a model has none."""
    vectors: Tensor | None = getattr(model.scorer, f"{side}_vectors", None)
    return None if vectors is None or not vectors.shape[1] else vectors
