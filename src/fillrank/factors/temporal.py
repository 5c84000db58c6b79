"""``TimeAwareFactors``: predictions that depend on the day of the rating."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fillrank.data.interactions import Interactions
from fillrank.errors import DataError
from fillrank.factors.checks import check_floats, table_of
from fillrank.factors.contributions import Contributions
from fillrank.factors.factors import Factors
from fillrank.factors.growth import Growth

__all__ = ["DAY", "TimeAwareFactors", "day_of"]

DAY = 86_400
"""Seconds of a day."""


def day_of(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Days since 1970 (UTC) of seconds since 1970.

    >>> day_of(np.array([0, 86_399, 86_400, -1])).tolist()
    [0, 0, 1, -1]
    """
    return times // DAY


@dataclass(frozen=True, eq=False)
class TimeAwareFactors:
    """Factors with a further term for each day.

    The prediction for user u, item i and day t is ``undated(u, i) + day_bias[t] + <users[u], user_days[t]> +
    <items[i], item_days[t]>``. Over the ratings of training the terms of the days have mean 0. So without a time, and
    for a day that training did not have, the prediction is that of the average day, ``undated``.

    Attributes:
        undated: the factors of the average day.
        days: int64 ``[n_days]``, days since 1970 (UTC), ascending.
        day_bias: float ``[n_days]``.
        users, user_days: float ``[n_users, c]`` and ``[n_days, c]``.
        items, item_days: float ``[n_items, e]`` and ``[n_days, e]``.

    Raises:
        DataError: the shapes do not fit together, or the days are not ascending.
        TrainingError: a number is NaN or infinite.

    Example:
        >>> flat = Factors(torch.zeros(1, 1), torch.zeros(2, 1), offset=3.0)
        >>> day = torch.tensor([[1.0], [-1.0]])
        >>> one, two = torch.ones(1, 1), torch.ones(2, 1)
        >>> predictor = TimeAwareFactors(flat, torch.tensor([10, 11]), torch.zeros(2), one, day, two, 0 * day)
        >>> times = torch.tensor([10 * DAY, 11 * DAY + 5, 12 * DAY])  # the last day is a new one
        >>> predictor.score_pairs_at(torch.tensor([0, 0, 0]), torch.tensor([0, 1, 1]), times)
        tensor([4., 2., 3.])
    """

    undated: Factors
    days: Tensor
    day_bias: Tensor
    users: Tensor
    user_days: Tensor
    items: Tensor
    item_days: Tensor

    def __post_init__(self) -> None:
        if self.days.dtype != torch.int64 or self.days.dim() != 1:
            raise DataError(f"days must be int64 [n_days], got {self.days.dtype} {list(self.days.shape)}")
        n_days = len(self.days)
        for side, of_days, n in (("users", "user_days", self.n_users), ("items", "item_days", self.n_items)):
            shape = list(getattr(self, side).shape)
            if len(shape) != 2 or shape[0] != n or list(getattr(self, of_days).shape) != [n_days, shape[1]]:
                raise DataError(
                    f"{side} must be [{n}, c] and {of_days} [{n_days}, c], "
                    f"got {shape} and {list(getattr(self, of_days).shape)}"
                )
        if self.day_bias.shape != (n_days,):
            raise DataError(f"day_bias must have shape [{n_days}], got {list(self.day_bias.shape)}")
        if not n_days or not bool((self.days.diff() > 0).all()):
            raise DataError(f"days must be at least one, and each later than the one before; got {n_days}")
        own = {name: tensor for name, tensor in self._own().items() if name != "days"}
        check_floats(own, "the time-aware factors", "look for values of very different sizes")

    @property
    def n_users(self) -> int:
        return self.undated.n_users

    @property
    def n_items(self) -> int:
        return self.undated.n_items

    def score(self, users: Tensor) -> Tensor:
        """Predictions for all items on the average day: int64 ``[B]`` → ``[B, n_items]``."""
        return self.undated.score(users)

    def score_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Predictions for single pairs on the average day: int64 ``[B]``, int64 ``[B]`` → ``[B]``."""
        return self.undated.score_pairs(users, items)

    def score_pairs_at(self, users: Tensor, items: Tensor, times: Tensor) -> Tensor:
        """Predictions for single pairs at given times.

        Args:
            users, items: int64 ``[B]``.
            times: int64 ``[B]``, seconds since 1970 (UTC). A day unknown to the model counts as the average day.
        """
        day = torch.div(times, DAY, rounding_mode="floor")
        place = torch.searchsorted(self.days, day).clamp(max=len(self.days) - 1)
        added = (
            self.day_bias[place]
            + (self.users[users] * self.user_days[place]).sum(-1)
            + (self.items[items] * self.item_days[place]).sum(-1)
        )
        return self.score_pairs(users, items) + torch.where(self.days[place] == day, added, 0.0)

    def contributions(self, user: int, item: int, history: Interactions) -> Contributions:
        """What the prediction for the average day is made of; see :class:`~fillrank.factors.contributions.Explains`."""
        return self.undated.contributions(user, item, history)

    def fold_in(self, interactions: Interactions) -> Self:
        """The same items and days with new users. Their own terms are the same on all days; the items' terms differ.

        Raises:
            DataError: see :meth:`fillrank.factors.Factors.fold_in`.
        """
        undated = self.undated.fold_in(interactions)
        return replace(self, undated=undated, users=self.users.new_zeros(undated.n_users, self.users.shape[1]))

    def grown(self, growth: Growth) -> Self:
        """The same days; what the new users and items are on each of them is that of the average day."""
        more = {"users": growth.n_new_users, "items": growth.n_new_items}
        sides = {name: getattr(self, name) for name in more}
        wider = {name: torch.cat([side, side.new_zeros(more[name], side.shape[1])]) for name, side in sides.items()}
        return replace(self, undated=self.undated.grown(growth), **wider)

    def to(self, device: str | torch.device) -> Self:
        """The same on another device."""
        moved: dict[str, Any] = {name: tensor.to(device) for name, tensor in self._own().items()}
        return replace(self, undated=self.undated.to(device), **moved)

    def _own(self) -> dict[str, Tensor]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "undated"}

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor, by name: those of ``undated`` as ``"undated.users"``, …"""
        return self._own() | {f"undated.{name}": tensor for name, tensor in self.undated.tensors().items()}

    def settings(self) -> dict[str, Any]:
        """The parts that are not tensors, as plain data."""
        return {"kind": "time-aware-factors", "undated": self.undated.settings()}

    @classmethod
    def from_parts(cls, tensors: dict[str, Tensor], settings: dict[str, Any]) -> Self:
        """The inverse of :meth:`tensors` and :meth:`settings`."""
        below = {name.removeprefix("undated."): t for name, t in tensors.items() if name.startswith("undated.")}
        own = {name: t for name, t in tensors.items() if not name.startswith("undated.")}
        return cls(Factors.from_parts(below, dict(table_of(settings["undated"], "undated"))), **own)
