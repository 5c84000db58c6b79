"""Which rows of a log stay: by value, by weight, and by how many there are of a user or an item."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fillrank.errors import DataError

__all__ = ["kept_rows"]


class _Rows(Protocol):
    """The part of :class:`~fillrank.data.interactions.Interactions` that is looked at."""

    @property
    def users(self) -> NDArray[np.int32]: ...
    @property
    def items(self) -> NDArray[np.int32]: ...
    @property
    def values(self) -> NDArray[np.float32] | None: ...
    @property
    def weights(self) -> NDArray[np.float32] | None: ...
    @property
    def n_users(self) -> int: ...
    @property
    def n_items(self) -> int: ...


def kept_rows(
    log: _Rows,
    *,
    least: tuple[int, int] = (0, 0),
    values: tuple[float | None, float | None] = (None, None),
    min_weight: float | None = None,
) -> NDArray[np.bool_]:
    """The rows in the given ranges, less those of users and items with too few of them, again and again (the k-core).

    Args:
        log: the rows.
        least: rows of a user, and of an item, that there have to be.
        values: the smallest and the largest value.
        min_weight: the smallest weight.

    Raises:
        DataError: a range of values or of weights is given, and the log has none.
    """
    keep = np.ones(len(log.users), dtype=np.bool_)
    if values != (None, None):
        if log.values is None:
            raise DataError("min_value and max_value ask for values, and this log has none")
        low, high = values
        keep &= log.values >= (-np.inf if low is None else low)
        keep &= log.values <= (np.inf if high is None else high)
    if min_weight is not None:
        if log.weights is None:
            raise DataError("min_weight asks for weights, and this log has none")
        keep &= log.weights >= min_weight
    while True:
        per_user = np.bincount(log.users[keep], minlength=log.n_users)
        per_item = np.bincount(log.items[keep], minlength=log.n_items)
        stay = keep & (per_user[log.users] >= least[0]) & (per_item[log.items] >= least[1])
        if stay.sum() == keep.sum():
            return keep
        keep = stay
