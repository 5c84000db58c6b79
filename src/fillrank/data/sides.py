"""``Sides``: both orders of the rows of a log that lies on a disk, by user and by item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sides", "is_mapped"]


@dataclass(frozen=True, eq=False)
class Sides:
    """What a log in memory works out, and a log on a disk has in files: where users and items begin, and rows by item.

    Attributes:
        user_starts, item_starts: int64 ``[n_users + 1]`` and ``[n_items + 1]``: where the rows of each begin.
        users_by_item: int32 ``[nnz]``: the user of each row, in the order of (item, user).
        ones: float32 ``[nnz]``: a 1 for each row, for matrices without values.
        values_by_item, weights_by_item: float32 ``[nnz]`` in the order of (item, user); None: the log has none.
    """

    user_starts: NDArray[np.int64]
    item_starts: NDArray[np.int64]
    users_by_item: NDArray[np.int32]
    ones: NDArray[np.float32]
    values_by_item: NDArray[np.float32] | None = None
    weights_by_item: NDArray[np.float32] | None = None


def is_mapped(column: NDArray[Any]) -> bool:
    """Whether an array is a file that is mapped into memory, so that a copy would load it."""
    return isinstance(column.base, np.memmap)
