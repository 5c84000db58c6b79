"""Lists with at most so many items of each category: from the top, what would be one too many is passed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fillrank.retrieval.lists import RankedLists

__all__ = ["Caps", "joined_lists", "rank_capped"]

_FIRST, _LEAST, _DEEPER = 4, 32, 4
"""A list is first looked for in so many times k places, at least in so many, and then so many times deeper."""

Ranked = Callable[[NDArray[np.int64], int], RankedLists]
"""Rows and a depth → the lists of these rows, so long or as long as there are items."""


@dataclass(frozen=True, eq=False)
class Caps:
    """How many items of each category a list may have.

    Attributes:
        of_items: ``[n_items, n_categories]``; what is stored in row i are the categories of item i.
        most: int64 ``[n_categories]``, 1 or more.
    """

    of_items: sp.csr_array[Any]
    most: NDArray[np.int64]

    def kept(self, items: NDArray[np.int64], k: int) -> list[int]:
        """Places in a list that stay, ``k`` at most: each item for which all of its categories still have room."""
        room, kept = self.most.tolist(), list[int]()
        indptr, categories = self.of_items.indptr, self.of_items.indices
        for place, item in enumerate(items.tolist()):
            own = categories[indptr[item] : indptr[item + 1]].tolist()
            if all(room[category] for category in own):
                kept.append(place)
                if len(kept) == k:
                    break
                for category in own:
                    room[category] -= 1
        return kept


def rank_capped(ranked: Ranked, n_rows: int, k: int, caps: Caps) -> RankedLists:
    """The lists that a walk down each whole ranking would give, found in as short a part of it as will do.

    Args:
        ranked: gives the lists without caps.
        n_rows: how many lists.
        k: length of a list.
        caps: how many of each category.
    """
    n_items = caps.of_items.shape[0]
    due, depth = np.arange(n_rows), min(max(_FIRST * k, _LEAST), n_items)
    users = np.zeros(n_rows, dtype=np.int64)
    found: dict[int, tuple[NDArray[np.int64], NDArray[Any]]] = {}
    while len(due):
        lists = ranked(due, depth)
        left = []
        for place, row in enumerate(due.tolist()):
            of_row = slice(lists.indptr[place], lists.indptr[place + 1])
            items, scores = lists.items[of_row], lists.scores[of_row]
            kept = caps.kept(items, k)
            users[row] = lists.users[place]
            found[row] = items[kept], scores[kept]
            if len(kept) < k and len(items) == depth < n_items:
                left.append(row)
        due, depth = np.array(left, dtype=np.int64), min(_DEEPER * depth, n_items)
    return joined_lists(users, [found[row] for row in range(n_rows)], k)


def joined_lists(users: NDArray[np.int64], parts: list[tuple[NDArray[np.int64], NDArray[Any]]], k: int) -> RankedLists:
    """Lists one after the other: the items and the scores of each."""
    indptr = np.concatenate([[0], np.cumsum([len(items) for items, _ in parts], dtype=np.int64)])
    items = np.concatenate([np.zeros(0, dtype=np.int64), *(items for items, _ in parts)])
    scores = np.concatenate([np.zeros(0, dtype=np.float32), *(scores for _, scores in parts)])
    return RankedLists(users=users, indptr=indptr.astype(np.int64), items=items, scores=scores, k=k)
