"""The summary of a log: its size, density, range of values, and dates."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fillrank.data.alike import Alike, alike
from fillrank.data.ids import IdMap
from fillrank.terminal import printable

__all__ = ["Summary", "summary_of"]


@dataclass(frozen=True)
class Summary:
    """The result of :meth:`Interactions.summary() <fillrank.data.interactions.Interactions.summary>`.

    Attributes:
        name: of the data set.
        n_users, n_items, n_interactions: the size of the matrix, and the number of known cells.
        density: the share of known cells.
        per_user_median, per_item_median: median number of rows per user and per item.
        value_range, value_mean: smallest and largest value, and the mean; None without values.
        relevant_from, n_relevant: the smallest relevant value, and the number of relevant rows.
        first_time, last_time: seconds since 1970 (UTC); None without times.
        weight_range, n_without_weight: of the weights, and how many rows weigh 0; None without weights.
        alike: ids of users, and of items, that differ only in form, such as ``7`` and ``07``.

    ``str()`` gives a few readable lines.
    """

    name: str
    n_users: int
    n_items: int
    n_interactions: int
    density: float
    per_user_median: float
    per_item_median: float
    value_range: tuple[float, float] | None
    value_mean: float | None
    relevant_from: float | None
    n_relevant: int
    first_time: int | None
    last_time: int | None
    alike: tuple[Alike, ...] = ()
    weight_range: tuple[float, float] | None = None
    n_without_weight: int | None = None

    def __str__(self) -> str:
        name = printable(self.name or "interactions")
        lines = [
            f"{name}: {self.n_interactions:,} interactions of {self.n_users:,} users with "
            + f"{self.n_items:,} items ({self.density:.3%} of the matrix)",
            f"median per user {self.per_user_median:g}, per item {self.per_item_median:g}",
        ]
        if self.value_range is not None:
            lines.append(f"values {self.value_range[0]:g} to {self.value_range[1]:g}, mean {self.value_mean:.3f}")
        if self.weight_range is not None:
            nothing = f"; {self.n_without_weight:,} rows weigh 0 and say nothing" if self.n_without_weight else ""
            lines.append(f"weights {self.weight_range[0]:g} to {self.weight_range[1]:g}{nothing}")
        if self.relevant_from is not None:
            lines.append(f"{self.n_relevant:,} count as relevant (value {self.relevant_from:g} or more)")
        if self.first_time is not None and self.last_time is not None:
            first, last = (
                np.datetime64(int(t), "s").astype("datetime64[D]") for t in (self.first_time, self.last_time)
            )
            lines.append(f"from {first} to {last}")
        lines += map(str, self.alike)
        return "\n".join(lines)


class _Summarised(Protocol):
    """The part of :class:`~fillrank.data.interactions.Interactions` that is summarised."""

    @property
    def name(self) -> str: ...
    @property
    def n_users(self) -> int: ...
    @property
    def n_items(self) -> int: ...
    @property
    def user_counts(self) -> NDArray[np.int64]: ...
    @property
    def item_counts(self) -> NDArray[np.int64]: ...
    @property
    def values(self) -> NDArray[Any] | None: ...
    @property
    def weights(self) -> NDArray[Any] | None: ...
    @property
    def times(self) -> NDArray[Any] | None: ...
    @property
    def value_range(self) -> tuple[float, float] | None: ...
    @property
    def relevant_from(self) -> float | None: ...
    @property
    def user_ids(self) -> IdMap: ...
    @property
    def item_ids(self) -> IdMap: ...
    def relevant(self) -> Sized: ...
    def __len__(self) -> int: ...


def summary_of(interactions: _Summarised) -> Summary:
    """Summarise ``interactions``."""
    cells = interactions.n_users * interactions.n_items
    values, times, weights = interactions.values, interactions.times, interactions.weights
    some = len(interactions) > 0
    return Summary(
        name=interactions.name,
        n_users=interactions.n_users,
        n_items=interactions.n_items,
        n_interactions=len(interactions),
        density=len(interactions) / cells if cells else 0.0,
        per_user_median=float(np.median(interactions.user_counts)) if interactions.n_users else 0.0,
        per_item_median=float(np.median(interactions.item_counts)) if interactions.n_items else 0.0,
        value_range=interactions.value_range,
        value_mean=float(values.mean(dtype=np.float64)) if values is not None and some else None,
        relevant_from=interactions.relevant_from,
        n_relevant=len(interactions.relevant()),
        first_time=int(times.min()) if times is not None and some else None,
        last_time=int(times.max()) if times is not None and some else None,
        weight_range=(float(weights.min()), float(weights.max())) if weights is not None and some else None,
        n_without_weight=None if weights is None else int((weights == 0).sum()),
        alike=tuple(
            found
            for kind, ids in (("user", interactions.user_ids), ("item", interactions.item_ids))
            if (found := alike(kind, ids)) is not None
        ),
    )
