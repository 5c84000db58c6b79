"""The fast path of :func:`fillrank.retrieval.top_k` on a CPU: one pass over each row of scores, whole or tile by tile.

Nearly all scores of a row are below the k-th best so far. So the row is read in chunks, and each chunk is compared with
this threshold by vector instructions. Only a chunk with a better score is read item by item. The seen items of a row
are sorted, so a pointer that moves along them is enough to skip them. The scores are only read, never copied.

Rows are independent, so the result does not depend on the number of threads. The threads are plain Python threads (the
kernel releases the interpreter's lock), so callers may themselves run in threads or fork.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import DTypeLike, NDArray

from fillrank.runtime.threads import share_out

__all__ = ["Lists", "top_k_rows"]

_CHUNK = 64  # scores per chunk; 32 to 256 were measured


@njit(nogil=True)
def _any_above(chunk: NDArray[Any], threshold: float) -> bool:
    """Whether a score of a full chunk is above the threshold or NaN. Without branches, it compiles to vector code."""
    above = np.int32(0)
    for i in range(_CHUNK):
        above += np.int32(not (chunk[i] <= threshold))
    return bool(above > 0)


@njit(nogil=True)
def _insert(best: NDArray[Any], items: NDArray[np.int64], found: int, score: float, item: int) -> None:
    """Insert an item into a list of ``found`` items, after equal scores; if the list is full, drop its last item."""
    place = min(found, len(best) - 1)
    while place > 0 and best[place - 1] < score:
        best[place], items[place] = best[place - 1], items[place - 1]
        place -= 1
    best[place], items[place] = score, item


@njit(nogil=True)
def _scan(
    scores: NDArray[Any],
    first: int,
    left_out: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.bool_]],
    lists: tuple[NDArray[np.int64], NDArray[Any]],
    state: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
) -> None:
    """Offer the scores of the items from ``first`` on to the lists of some rows; the fields are those of ``Lists``."""
    indptr, seen, allowed = left_out
    items, best = lists
    found, passed, nan_at = state
    n, k = scores.shape[1], best.shape[1]
    for r in range(scores.shape[0]):
        row, at, end = scores[r], indptr[r] + passed[r], indptr[r + 1]
        threshold = best[r, k - 1]  # the k-th best so far; -inf until there are k
        for start in range(0, n, _CHUNK):
            stop = min(start + _CHUNK, n)
            if stop - start == _CHUNK and not _any_above(row[start:stop], threshold):
                continue
            for i in range(start, stop):
                score, item = row[i], first + i
                if np.isnan(score):
                    nan_at[r] = item
                if not score > threshold or (allowed.size and not allowed[item]):
                    continue
                while at < end and seen[at] < item:
                    at += 1
                if at < end and seen[at] == item:
                    continue
                _insert(best[r], items[r], found[r], score, item)
                found[r] = min(found[r] + 1, k)
                threshold = best[r, k - 1]
        passed[r] = at - indptr[r]


class Lists:
    """The k best items of each row so far, and the items that must not be listed.

    Args:
        n_rows: how many lists.
        k: length of a list.
        dtype: of the scores, float32 or float64.
        indptr, seen: the items to skip, as the index arrays of a CSR matrix ``[n_rows, n]``, sorted in each row.
        allowed: bool ``[n]``, or empty: every item may be listed.

    Attributes:
        items: int64 ``[n_rows, k]``, the best first, equal scores by their index; -1 where a list is shorter.
        best: their scores ``[n_rows, k]``; -inf where a list is shorter.
        nan_at: int64 ``[n_rows]``, the index of a NaN score, or -1.
    """

    def __init__(
        self,
        n_rows: int,
        k: int,
        dtype: DTypeLike,
        indptr: NDArray[np.int64],
        seen: NDArray[np.int32],
        allowed: NDArray[np.bool_],
    ) -> None:
        self.items = np.full((n_rows, k), -1, dtype=np.int64)
        self.best = np.full((n_rows, k), -np.inf, dtype=dtype)
        self.nan_at = np.full(n_rows, -1, dtype=np.int64)
        self._found, self._passed = np.zeros(n_rows, dtype=np.int64), np.zeros(n_rows, dtype=np.int64)
        self._indptr, self._seen, self._allowed = indptr, seen, allowed

    def offer(self, rows: slice, first: int, scores: NDArray[Any]) -> None:
        """Update the lists of ``rows`` with their scores for the items ``first``, ``first + 1``, …

        The items of a row must come in ascending order. Several threads may offer scores, each for its own rows.
        """
        a, b = rows.start, rows.stop
        left_out = self._indptr[a : b + 1], self._seen, self._allowed
        state = self._found[a:b], self._passed[a:b], self.nan_at[a:b]
        _scan(scores, first, left_out, (self.items[a:b], self.best[a:b]), state)


def top_k_rows(scores: NDArray[Any], lists: Lists, n_threads: int) -> None:
    """Fill the lists from whole rows of scores, float32 or float64 ``[B, n]``, with ``n_threads`` threads."""
    step = max(1, -(-len(scores) // n_threads))

    def part(a: int) -> None:
        rows = slice(a, min(a + step, len(scores)))
        lists.offer(rows, 0, scores[rows])

    share_out(part, range(0, len(scores), step), n_threads)
