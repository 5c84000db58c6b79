"""Lists out of a few candidates of each user's own: their scores are taken pair by pair, and no others."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from fillrank.factors import Scorer
from fillrank.retrieval.finite import check_pairs
from fillrank.retrieval.lists import RankedLists

__all__ = ["rank_among"]

_PAIRS = 2**20  # scored at a time


def rank_among(scorer: Scorer, users: NDArray[np.int64], k: int, candidates: sp.csr_array[Any]) -> RankedLists:
    """The ``k`` best of each user's own candidates; of equal scores, the lower item first.

    Args:
        scorer: gives the score of a pair.
        users: int64 ``[B]``, indices.
        k: length of a list.
        candidates: ``[B, n_items]``; what is stored in row b are the candidates of ``users[b]``, whatever its value.

    Raises:
        ScoreError: a score is NaN or infinite.
    """
    rows = np.repeat(np.arange(len(users)), np.diff(candidates.indptr))
    items = candidates.indices.astype(np.int64)
    parts = [np.zeros(0, dtype=np.float32)]
    for start in range(0, len(rows), _PAIRS):
        span = slice(start, start + _PAIRS)
        of_users, of_items = torch.from_numpy(users[rows[span]]), torch.from_numpy(items[span])
        with torch.no_grad():
            scores = scorer.score_pairs(of_users, of_items)
        check_pairs(scores, of_users, of_items)
        parts.append(scores.cpu().numpy())
    scored = np.concatenate(parts)
    order = np.lexsort((items, -scored, rows))
    ranks = np.arange(len(rows)) - np.repeat(candidates.indptr[:-1], np.diff(candidates.indptr))
    kept = order[ranks < k]
    indptr = np.concatenate([[0], np.cumsum(np.minimum(np.diff(candidates.indptr), k))])
    return RankedLists(users=users, indptr=indptr, items=items[kept], scores=scored[kept], k=k)
