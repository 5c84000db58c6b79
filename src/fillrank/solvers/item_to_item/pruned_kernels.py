"""The compiled part of :mod:`fillrank.solvers.item_to_item.pruned_ease`: one column of a small inverse for each item.

Each item is a problem of its own that one thread solves, so the result does not depend on their number.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fillrank.runtime.threads import share_out

__all__ = ["last_column", "solve_columns"]

_TASKS = 256


@njit(nogil=True)
def last_column(block: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """``out = block⁻¹[:, -1]`` of a positive definite matrix, whose lower triangle is read and written over.

    By a Cholesky decomposition ``L Lᵀ``, column by column: of ``L y = e_last`` all but the last number of y are 0, so
    only ``Lᵀ out = y`` is left to be solved. Where the matrix is not positive definite, out is NaN.
    """
    s = len(block)
    column = np.empty(s)
    for j in range(s):
        pivot = block[j, j]
        if not pivot > 0:
            out[:] = np.nan
            return
        root = np.sqrt(pivot)
        block[j, j] = root
        for i in range(j + 1, s):
            block[i, j] /= root
            column[i] = block[i, j]
        for i in range(j + 1, s):  # along rows, so that several are subtracted at a time
            own = column[i]
            for at in range(j + 1, i + 1):
                block[i, at] -= own * column[at]
    out[:] = 0.0
    out[s - 1] = 1.0 / block[s - 1, s - 1]
    for j in range(s - 1, -1, -1):
        out[j] /= block[j, j]
        for at in range(j):
            out[at] -= block[j, at] * out[j]


@njit(nogil=True)
def _columns(
    by_item: Any, by_user: Any, support: Any, ridge: NDArray[np.float64], out: Any, stretch: tuple[int, int]
) -> None:
    """Solve for some items; arguments as in :func:`solve_columns`."""
    (users_from, users, of_item), (items_from, items, of_user), (near_from, near) = by_item, by_user, support
    weights, own = out
    place = np.full(len(ridge), -1)
    for item in range(stretch[0], stretch[1]):
        first, last = near_from[item], near_from[item + 1]
        s = last - first + 1
        block, column = np.zeros((s, s)), np.empty(s)
        some = np.empty(s, np.int64)
        for at in range(s - 1):
            some[at] = near[first + at]
        some[s - 1] = item  # last, see last_column
        for at in range(s):
            place[some[at]] = at
        for at in range(s):
            block[at, at] = ridge[some[at]]
            for met in range(users_from[some[at]], users_from[some[at] + 1]):
                user = users[met]
                for other in range(items_from[user], items_from[user + 1]):
                    beside = place[items[other]]
                    if 0 <= beside <= at:
                        block[at, beside] += of_item[met] * of_user[other]
        for at in range(s):
            place[some[at]] = -1
        last_column(block, column)
        own[item] = column[s - 1]
        for at in range(s - 1):
            weights[first + at] = column[at]


def solve_columns(
    by_item: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]],
    by_user: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]],
    support: tuple[NDArray[np.int64], NDArray[np.int32]],
    ridge: NDArray[np.float64],
    n_threads: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each item i the column of ``(XᵀX + Γ)_SS⁻¹`` that belongs to i, with S i itself and its support.

    Args:
        by_item: who has met each item: starts, users and numbers of a CSR matrix.
        by_user: what each user has met, likewise.
        support: of each item, starts and items, without itself.
        ridge: Γ, ``[n]``.
        n_threads: that share the items out.

    Returns:
        The numbers of the support, in its order, and of each item itself, ``[n]``.
    """
    n = len(ridge)
    out = (np.zeros(len(support[1])), np.zeros(n))
    bounds = np.unique(np.linspace(0, n, min(_TASKS, n) + 1).astype(np.int64)).tolist()
    share_out(lambda ends: _columns(by_item, by_user, support, ridge, out, ends), pairwise(bounds), n_threads)
    return out
