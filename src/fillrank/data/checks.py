"""Check the columns of a log."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fillrank.arguments import shown
from fillrank.data.ids import IdMap
from fillrank.errors import DataError, DuplicateError

__all__ = ["check_log", "checked_rows", "repeated_pairs"]


class _Checked(Protocol):
    """The part of :class:`~fillrank.data.interactions.Interactions` that is checked."""

    @property
    def users(self) -> NDArray[Any]: ...
    @property
    def items(self) -> NDArray[Any]: ...
    @property
    def values(self) -> NDArray[Any] | None: ...
    @property
    def weights(self) -> NDArray[Any] | None: ...
    @property
    def user_ids(self) -> IdMap: ...
    @property
    def item_ids(self) -> IdMap: ...
    @property
    def relevant_from(self) -> float | None: ...


def check_log(interactions: _Checked) -> None:
    """Check that columns have one length, that each index has an id, that values are finite, and weights 0 or more.

    Raises:
        DataError: one of these is not true.
    """
    n = len(interactions.users)
    for label in ("users", "items", "values", "times", "weights"):
        column = getattr(interactions, label)
        if column is not None and column.shape != (n,):
            raise DataError(
                f"{label} has the shape {column.shape} where users has {n} rows; give columns of one length"
                if column.ndim != 1
                else f"{label} has {len(column)} rows where users has {n}; give columns of one length"
            )
    for kind, indices, ids in (
        ("user", interactions.users, interactions.user_ids),
        ("item", interactions.items, interactions.item_ids),
    ):
        if n and (int(np.min(indices)) < 0 or int(np.max(indices)) >= len(ids)):
            raise DataError(
                f"{kind} indices run from {np.min(indices)} to {np.max(indices)}, but there are {len(ids)} {kind} ids"
            )
    if interactions.values is None and interactions.relevant_from is not None:
        raise DataError(
            f"relevant_from={interactions.relevant_from:g} asks for values, and this log has none; leave it out, or "
            "name their column: value=…"
        )
    if interactions.values is not None:
        bad = np.flatnonzero(~np.isfinite(_single(interactions.values)))
        if len(bad):
            raise DataError(
                f"{len(bad)} values are NaN, infinite or too large for 32 bits, the first that of "
                f"{_of_row(interactions, bad[0])}: {interactions.values[bad[0]]}; leave missing rows out"
            )
    if interactions.weights is not None:
        weights = _single(interactions.weights)
        bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
        if len(bad):
            raise DataError(
                f"{len(bad)} weights are below 0, NaN, infinite or too large for 32 bits, the first that of "
                f"{_of_row(interactions, bad[0])}: {interactions.weights[bad[0]]}; a weight is a number of 0 or more"
            )


def _single(column: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.asarray(column, dtype=np.float32)


def _of_row(interactions: _Checked, row: int) -> str:
    user, item = (
        interactions.user_ids.ids[int(interactions.users[row])],
        interactions.item_ids.ids[int(interactions.items[row])],
    )
    return f"user {user!r} and item {item!r}"


def repeated_pairs(n: int, user: object, item: object) -> DuplicateError:
    """The error that says that pairs are there more than once.

    Args:
        n: rows too many.
        user, item: the outside ids of the first of them.
    """
    return DuplicateError(
        f"{n} (user, item) pairs stand more than once, the first is ({user!r}, {item!r}); "
        "say duplicates='last', 'first', 'mean' or 'sum' when reading"
    )


def checked_rows(rows: NDArray[Any], n: int) -> NDArray[Any]:
    """Return ``rows`` if it is a mask of ``n`` rows, or indices of rows.

    Raises:
        DataError: the mask has another length, or an index is not among the rows.
    """
    if rows.ndim == 1 and not len(rows) and rows.dtype != bool:
        return np.zeros(0, dtype=np.int64)
    if rows.dtype == bool:
        fits = rows.shape == (n,)
    else:
        fits = rows.ndim == 1 and rows.dtype.kind in "iu" and -n <= int(rows.min()) <= int(rows.max()) < n
    if not fits:
        raise DataError(f"rows must be a mask of {n} truth values, or indices from 0 to {n - 1}, got {shown(rows)}")
    return rows
