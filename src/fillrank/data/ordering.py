"""The order of (user, item): one sort of one number for each row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_ascending", "sorted_pairs"]

_BLOCK = 1 << 20  # rows looked at once, so that nothing of the log's length is made


def is_ascending(users: NDArray[np.integer[Any]], items: NDArray[np.integer[Any]]) -> bool:
    """Whether the pairs stand in the order of (user, item), each once.

    Example:
        >>> is_ascending(np.array([0, 0, 1]), np.array([1, 2, 0])), is_ascending(np.array([0, 0]), np.array([1, 1]))
        (True, False)
    """
    for first in range(0, len(users) - 1, _BLOCK):
        u, i = users[first : first + _BLOCK + 1], items[first : first + _BLOCK + 1]
        if not ((u[1:] > u[:-1]) | ((u[1:] == u[:-1]) & (i[1:] > i[:-1]))).all():
            return False
    return True


def sorted_pairs(
    users: NDArray[np.integer[Any]], items: NDArray[np.integer[Any]], n_items: int
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The pairs as keys ``user * n_items + item`` in ascending order, and from which row each comes.

    Rows of one pair keep their order. Where they fit, key and row are sorted as one number of 64 bits.

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
