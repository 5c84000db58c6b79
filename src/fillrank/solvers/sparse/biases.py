"""``fit_biases``: the mean rating and biases of users and items, without factors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fillrank.arguments import checked, count
from fillrank.data import Interactions
from fillrank.errors import DataError, SettingsError
from fillrank.solvers.sparse.weighted import counting, weighted_counts, weighted_mean

__all__ = ["Biases", "fit_biases"]


@dataclass(frozen=True, eq=False)
class Biases:
    """``mean + user_bias[u] + item_bias[i]``: float64 ``[n_users]`` and ``[n_items]``.

    They were fitted with ``user_shrinkage``, which is also used for the bias of a new user.
    """

    mean: float
    user_bias: NDArray[np.float64]
    item_bias: NDArray[np.float64]
    user_shrinkage: float = 5.0

    def residuals(self, interactions: Interactions) -> NDArray[np.float64]:
        """The values minus the prediction of the biases, float64 ``[nnz]``.

        Raises:
            DataError: the log has no values, or other users or items.
        """
        sizes, own = (interactions.n_users, interactions.n_items), (len(self.user_bias), len(self.item_bias))
        if sizes != own:
            raise DataError(
                f"the biases are of {own[0]} users and {own[1]} items, the log of {sizes[0]} and {sizes[1]}; take "
                "those that were fitted to this log"
            ).about("biases")
        return (
            _values(interactions) - self.mean - self.user_bias[interactions.users] - self.item_bias[interactions.items]
        )


@checked
def fit_biases(
    interactions: Interactions, *, user_shrinkage: float = 5.0, item_shrinkage: float = 3.0, iterations: int = 10
) -> Biases:
    """Fit biases by alternating averages, shrunk to zero as if by some additional ratings of average height.

    Each step is the exact minimiser of ``Σ (r - mean - b_u - b_i)² + user_shrinkage·Σ b_u² + item_shrinkage·Σ b_i²``
    in one side with the other held fixed, so the objective never increases. In a log with weights each squared error is
    taken times w, and the mean is weighted.

    Args:
        interactions: interactions with values.
        user_shrinkage, item_shrinkage: number of additional ratings of average height for each user and item.
        iterations: each updates the items, then the users.

    Raises:
        DataError: the log has no values or no rows.
        SettingsError: a shrinkage is negative or iterations is below 1.
    """
    for name, setting in (("user_shrinkage", user_shrinkage), ("item_shrinkage", item_shrinkage)):
        if not setting >= 0:
            raise SettingsError(f"{name} must be 0 or more, got {setting}")
    count("iterations", iterations)
    interactions = counting(interactions)
    values, weights = _values(interactions), interactions.weights
    mean = weighted_mean(values, interactions)
    centred = values - mean
    user_bias, item_bias = np.zeros(interactions.n_users), np.zeros(interactions.n_items)
    per_user, per_item = weighted_counts(interactions)

    def summed(left: NDArray[np.float64], of: NDArray[np.int32], n: int) -> NDArray[np.float64]:
        return np.bincount(of, left if weights is None else left * weights, n).astype(np.float64, copy=False)

    for _ in range(iterations):
        left = summed(centred - user_bias[interactions.users], interactions.items, interactions.n_items)
        item_bias = left / np.maximum(item_shrinkage + per_item, 1e-12)
        left = summed(centred - item_bias[interactions.items], interactions.users, interactions.n_users)
        user_bias = left / np.maximum(user_shrinkage + per_user, 1e-12)
    return Biases(mean, user_bias, item_bias, user_shrinkage)


def _values(interactions: Interactions) -> NDArray[np.float64]:
    if interactions.values is None or not len(interactions):
        raise DataError("biases are of values, and this log has none; name their column: value=…")
    return interactions.values.astype(np.float64)
