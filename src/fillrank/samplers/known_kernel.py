"""The fast path of :meth:`fillrank.samplers.KnownPositives.mask` on a CPU.

A temporary table over the columns answers "is this a positive of the row?" by one look-up, without search or sorting.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["mask_of_pairs", "mask_of_shared"]

Ints = NDArray[np.int64]


def mask_of_shared(starts: Ints, known: Ints, n_columns: int, rows: Ints, columns: Ints) -> NDArray[np.bool_]:
    """Whether each column is a positive of the row, bool ``[B, N]``, for columns ``[N]``, each once.

    The positives of row r are ``known[starts[r] : starts[r + 1]]``. Indices out of range are not checked here.
    """
    mask = np.zeros((len(rows), len(columns)), dtype=np.bool_)
    _shared(starts, known, rows, columns, np.full(n_columns, -1, dtype=np.int32), mask)
    return mask


def mask_of_pairs(starts: Ints, known: Ints, n_columns: int, rows: Ints, columns: Ints) -> NDArray[np.bool_]:
    """The same for columns ``[B, N]``: each row has its own, and they can repeat."""
    mask = np.empty(columns.shape, dtype=np.bool_)
    _pairs(starts, known, rows, columns, np.full(n_columns, -1, dtype=np.int32), mask)
    return mask


@njit(nogil=True)
def _shared(starts: Ints, known: Ints, rows: Ints, columns: Ints, place: NDArray[Any], mask: NDArray[Any]) -> None:
    for j in range(len(columns)):
        place[columns[j]] = j
    for b in range(len(rows)):
        for k in range(starts[rows[b]], starts[rows[b] + 1]):
            j = place[known[k]]
            if j >= 0:
                mask[b, j] = True


@njit(nogil=True)
def _pairs(starts: Ints, known: Ints, rows: Ints, columns: Ints, last: NDArray[Any], mask: NDArray[Any]) -> None:
    for b in range(len(rows)):
        for k in range(starts[rows[b]], starts[rows[b] + 1]):
            last[known[k]] = b  # mark the column with the row, so that the table need not be cleared
        for j in range(columns.shape[1]):
            mask[b, j] = last[columns[b, j]] == b
