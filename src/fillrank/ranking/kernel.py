"""The fast path of :func:`fillrank.ranking.top_k` on a CPU: one pass over each row of scores.

Nearly all scores of a row are below the worst of the k best so far. So the row is read in chunks, each chunk is
compared with that threshold in one vectorised sweep, and only a chunk that holds something better is looked at item by
item. The seen items of a row are sorted, so they are skipped by walking along them; the scores are only read, never
copied.

Rows are independent, hence the result does not depend on the number of threads. The threads are plain Python threads
(the kernel releases the interpreter's lock), so that callers may themselves run in threads or fork.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["top_k_rows"]

_CHUNK = 64  # scores per sweep: 32 to 256 were measured


@njit(nogil=True)
def _any_above(chunk: NDArray[Any], threshold: float) -> bool:
    """Whether a score of a full chunk is above the threshold, or NaN. It has no branch, so it becomes vector code."""
    above = np.int32(0)
    for i in range(_CHUNK):
        above += np.int32(not (chunk[i] <= threshold))
    return bool(above > 0)


@njit(nogil=True)
def _insert(best: NDArray[Any], items: NDArray[np.int64], found: int, score: float, item: int) -> None:
    """Put an item into a list of ``found``, after the equal scores that came earlier; the last leaves a full list."""
    place = min(found, len(best) - 1)
    while place > 0 and best[place - 1] < score:
        best[place], items[place] = best[place - 1], items[place - 1]
        place -= 1
    best[place], items[place] = score, item


@njit(nogil=True)
def _scan(
    scores: NDArray[Any],
    indptr: NDArray[np.int64],
    seen: NDArray[np.int32],
    allowed: NDArray[np.bool_],
    items: NDArray[np.int64],
    best: NDArray[Any],
    nan_at: NDArray[np.int64],
) -> None:
    n, k = scores.shape[1], best.shape[1]
    for r in range(scores.shape[0]):
        row, found, at, end = scores[r], 0, indptr[r], indptr[r + 1]
        threshold = best[r, k - 1]  # the k-th best so far; -inf until there are k
        for start in range(0, n, _CHUNK):
            stop = min(start + _CHUNK, n)
            if stop - start == _CHUNK and not _any_above(row[start:stop], threshold):
                continue
            for i in range(start, stop):
                score = row[i]
                if np.isnan(score):
                    nan_at[r] = i
                if not score > threshold or (allowed.size and not allowed[i]):
                    continue
                while at < end and seen[at] < i:
                    at += 1
                if at < end and seen[at] == i:
                    continue
                _insert(best[r], items[r], found, score, i)
                found = min(found + 1, k)
                threshold = best[r, k - 1]


def top_k_rows(
    scores: NDArray[Any],
    k: int,
    indptr: NDArray[np.int64],
    seen: NDArray[np.int32],
    allowed: NDArray[np.bool_],
    n_threads: int,
) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[np.int64]]:
    """The k best of each row, equal scores by their place.

    Args:
        scores: float32 or float64 ``[B, n]``.
        k: length of a list.
        indptr, seen: the items to skip, as the index arrays of a CSR matrix ``[B, n]``, sorted in each row.
        allowed: bool ``[n]``, or empty: every item may be listed.
        n_threads: rows are dealt out to so many threads.

    Returns:
        The items ``[B, k]`` (-1 where a list is shorter), their scores ``[B, k]`` (-inf there) and, for each row, the
        place of a NaN or -1.
    """
    n_rows = len(scores)
    items = np.full((n_rows, k), -1, dtype=np.int64)
    best = np.full((n_rows, k), -np.inf, dtype=scores.dtype)
    nan_at = np.full(n_rows, -1, dtype=np.int64)
    step = max(1, -(-n_rows // n_threads))

    def part(a: int) -> None:
        b = a + step
        _scan(scores[a:b], indptr[a : b + 1], seen, allowed, items[a:b], best[a:b], nan_at[a:b])

    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(part, range(0, n_rows, step)))
    return items, best, nan_at
