"""``Tally``: counts over ranked lists that are added block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fillrank.arguments import affordable
from fillrank.retrieval.lists import RankedLists

__all__ = ["Tally"]


class Tally:
    """Hits, counts and means of lists that are added block by block, at several cut-offs.

    Attributes:
        hits: bool ``[n_users, max(ks)]``, filled from the top; False after the end of a shorter list.
        counts: by cut-off, int64 ``[n_items]``: the number of lists with each item.
        novelty: by cut-off, float64 ``[n_users]``: the mean self-information of a list, NaN for an empty one.
        popularity: by cut-off, float64 ``[n_users]``: the mean training count of a list, NaN for an empty one.
    """

    def __init__(
        self,
        n_users: int,
        train_counts: NDArray[np.integer[Any]],
        information: NDArray[np.float64],
        ks: tuple[int, ...],
    ) -> None:
        self.train_counts, self.information = train_counts.astype(np.float64), information
        affordable(float(n_users) * max(ks), f"lists of k={max(ks):,} for {n_users:,} users")
        self.hits = np.zeros((n_users, max(ks)), dtype=bool)
        self.counts = {k: np.zeros(len(train_counts), dtype=np.int64) for k in ks}
        self.novelty, self.popularity = ({k: np.full(n_users, np.nan) for k in ks} for _ in range(2))
        self._n_added = 0

    def add(self, lists: RankedLists, hits: NDArray[np.bool_]) -> None:
        """Add the lists of the next users; ``hits`` says which of ``lists.items`` are relevant."""
        block = slice(self._n_added, self._n_added + len(lists))
        self._n_added += len(lists)
        rows, positions = lists.rows, lists.positions
        self.hits[block][rows, positions] = hits
        for k, counts in self.counts.items():
            top = positions < k
            items = lists.items[top]
            counts += np.bincount(items, minlength=len(counts))
            self.novelty[k][block] = _mean_by_row(self.information[items], rows[top], len(lists))
            self.popularity[k][block] = _mean_by_row(self.train_counts[items], rows[top], len(lists))


def _mean_by_row(values: NDArray[np.float64], rows: NDArray[np.int64], n_rows: int) -> NDArray[np.float64]:
    """The mean of the values of each row; NaN for a row without values."""
    sums, sizes = (np.bincount(rows, weights=weights, minlength=n_rows) for weights in (values, None))
    means = np.full(n_rows, np.nan)
    np.divide(sums, sizes, out=means, where=sizes > 0)
    return means
