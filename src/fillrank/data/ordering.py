"""Sort rows by (user, item), as one number per row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fillrank.data.checks import repeated_pairs
from fillrank.data.ids import IdMap

__all__ = ["is_ascending", "merge_pairs", "order_of_pairs", "sorted_pairs"]

_Columns = tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None, NDArray[Any] | None, NDArray[Any] | None]

_BLOCK = 1 << 20  # rows compared at once, so that no temporary array is as long as the log


def is_ascending(users: NDArray[np.integer[Any]], items: NDArray[np.integer[Any]]) -> bool:
    """Whether the pairs are sorted by (user, item), and each is there once.

    Example:
        >>> is_ascending(np.array([0, 0, 1]), np.array([1, 2, 0])), is_ascending(np.array([0, 0]), np.array([1, 1]))
        (True, False)
    """
    for first in range(0, len(users) - 1, _BLOCK):
        u, i = users[first : first + _BLOCK + 1], items[first : first + _BLOCK + 1]
        if not ((u[1:] > u[:-1]) | ((u[1:] == u[:-1]) & (i[1:] > i[:-1]))).all():
            return False
    return True


def order_of_pairs(
    users: NDArray[np.integer[Any]], items: NDArray[np.integer[Any]], user_ids: IdMap, item_ids: IdMap
) -> NDArray[Any] | None:
    """The rows in the order of (user, item); None where they are in it.

    Raises:
        DuplicateError: a pair is there twice; names the first by its outside ids.
    """
    if is_ascending(users, items):
        return None
    key, order = sorted_pairs(users, items, max(len(item_ids), 1))
    twice = np.flatnonzero(key[1:] == key[:-1])
    if len(twice):
        row = order[twice[0]]
        user, item = user_ids.ids[int(users[row])], item_ids.ids[int(items[row])]
        raise repeated_pairs(len(twice), user, item)
    return order


def sorted_pairs(
    users: NDArray[np.integer[Any]], items: NDArray[np.integer[Any]], n_items: int
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The sorted keys ``user * n_items + item`` of the pairs, and the row that each comes from.

    Rows of one pair keep their order. If they fit, key and row are packed into one number of 64 bits and sorted
    together, which is faster than an argsort.

    Example:
        >>> keys, rows = sorted_pairs(np.array([1, 0, 1]), np.array([0, 1, 0]), 2)
        >>> keys.tolist(), rows.tolist()
        ([1, 2, 2], [1, 0, 2])
    """
    keys = users.astype(np.int64)
    keys *= n_items
    keys += items
    n = len(keys)
    if not n:
        return keys, np.empty(0, dtype=np.int64)
    bits = n.bit_length()
    if int(keys.max()).bit_length() + bits > 63:
        order = np.argsort(keys, kind="stable")
        return keys[order], order
    keys <<= bits
    for first in range(0, n, _BLOCK):
        block = keys[first : first + _BLOCK]
        block |= np.arange(first, first + len(block), dtype=np.int64)
    keys.sort()
    rows: NDArray[Any] = np.empty(n, dtype=np.int32 if n < 2**31 else np.int64)
    for first in range(0, n, _BLOCK):
        part = slice(first, first + _BLOCK)
        rows[part] = keys[part] & ((1 << bits) - 1)
    keys >>= bits
    return keys, rows


def merge_pairs(columns: _Columns, n_items: int, duplicates: str) -> _Columns:
    """Sort the rows by (user, item), and keep each pair once unless ``duplicates`` is ``"error"``.

    Args:
        columns: users and items; values, times and weights, or None.
        n_items: number of items; indices of items are 0 … ``n_items - 1``.
        duplicates: see :func:`~fillrank.data.duplicates.merge_duplicates`.

    Example:
        >>> columns = np.array([1, 0, 1]), np.array([0, 0, 0]), np.array([2.0, 5.0, 4.0]), None, None
        >>> [column.tolist() for column in merge_pairs(columns, 1, "mean") if column is not None]
        [[0, 1], [0, 0], [5.0, 3.0]]
    """
    users, items, values, times, weights = columns
    counts_rows = duplicates == "sum" and values is None and weights is None
    if is_ascending(users, items):
        return users, items, np.ones(len(users)) if counts_rows else values, times, weights
    keys, order = sorted_pairs(users, items, n_items)
    repeated = keys[1:] == keys[:-1]
    starts = counts = None
    if duplicates != "error" and repeated.any():
        starts = np.flatnonzero(np.concatenate([[True], ~repeated]))
        counts = np.diff(starts, append=len(keys))
        if times is not None:
            _by_time(order, keys, times, np.repeat(counts > 1, counts))
        keys = keys[starts]
    del repeated
    users, items = _apart(keys, n_items)
    del keys
    if starts is None or counts is None:
        ones = np.ones(len(users)) if counts_rows else None
        values, times, weights = (None if c is None else c[order] for c in (values, times, weights))
        return users, items, ones if values is None else values, times, weights
    one = order[starts if duplicates == "first" else starts + counts - 1]
    if counts_rows:
        values = counts.astype(np.float64)
    elif values is not None and duplicates in {"mean", "sum"}:
        values = np.add.reduceat(values[order], starts) / (counts if duplicates == "mean" else 1)
    elif values is not None:
        values = values[one]
    if weights is not None:
        last = weights[one]
        if duplicates in {"mean", "sum"}:  # what was said last holds: a 0 takes back what stood before it
            last = np.where(last == 0, 0.0, np.add.reduceat(weights[order], starts))
        weights = last
    return users, items, values, None if times is None else times[one], weights


def _by_time(order: NDArray[Any], keys: NDArray[np.int64], times: NDArray[Any], among: NDArray[np.bool_]) -> None:
    """Sort the rows of each pair by time, in place; ``among`` marks the rows whose pair is there more than once."""
    indices = np.flatnonzero(among)
    rows = order[indices]
    order[indices] = rows[np.lexsort((times[rows], keys[indices]))]


def _apart(keys: NDArray[np.int64], n_items: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    users, items = np.empty(len(keys), dtype=np.int32), np.empty(len(keys), dtype=np.int32)
    for first in range(0, len(keys), _BLOCK):
        part = slice(first, first + _BLOCK)
        users[part], items[part] = np.divmod(keys[part], n_items)
    return users, items
