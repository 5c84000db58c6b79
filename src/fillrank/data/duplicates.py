"""Merge the rows of a (user, item) pair that is there more than once."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fillrank.data.ordering import merge_pairs
from fillrank.errors import SettingsError

__all__ = ["DUPLICATES", "Duplicates", "LogRows", "merge_duplicates"]

Duplicates = Literal["error", "last", "first", "mean", "sum"]
DUPLICATES: tuple[Duplicates, ...] = ("error", "last", "first", "mean", "sum")


class LogRows(NamedTuple):
    """The columns of a log as arrays of one length: indices of users and items, values and times."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float64] | None
    times: NDArray[np.int64] | None
    weights: NDArray[np.float64] | None = None


def merge_duplicates(rows: LogRows, n_items: int, duplicates: Duplicates) -> LogRows:
    """The same rows with each (user, item) pair once, in the order of (user, item).

    Args:
        rows: the rows in any order.
        n_items: number of items; indices of items are 0 … ``n_items - 1``.
        duplicates: ``"last"`` and ``"first"`` keep one row of each pair: by time if there are times, else by the order
            of the rows. ``"mean"`` and ``"sum"`` combine the values, add up the weights and keep the latest time; if
            the last row of a pair has the weight 0 ("not interested"), so has the pair. In a log without values and
            weights, ``"sum"`` counts: the value of a pair becomes its number of rows. ``"error"`` allows no duplicates.

    Raises:
        DuplicateError: a pair is there twice, and ``duplicates`` is ``"error"``. (:class:`Interactions` raises it,
            because it can name the ids.)
        SettingsError: ``duplicates`` is not one of these words.
    """
    if duplicates not in DUPLICATES:
        raise SettingsError(f"duplicates must be one of {', '.join(map(repr, DUPLICATES))}, got {duplicates!r}")
    columns = rows.users, rows.items, rows.values, rows.times, rows.weights
    return LogRows(*merge_pairs(columns, max(n_items, 1), duplicates))
