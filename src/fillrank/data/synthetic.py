"""Synthetic data with known truth: low-rank logs of any size, and a checkerboard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.arguments import affordable, checked, shown
from fillrank.data.ids import IdMap
from fillrank.data.interactions import Interactions
from fillrank.errors import DataError, SettingsError
from fillrank.runtime.rng import numpy_stream

__all__ = ["Synthetic", "checkerboard", "synthetic"]

_BLOCK = 1 << 20  # rows handled at a time: keeps memory flat


@dataclass(frozen=True, eq=False)
class Synthetic:
    """A synthetic log and the truth behind it.

    Attributes:
        interactions: the log; ids are the whole numbers from 0, so an id is its own index.
        users: float32 ``[n_users, rank]``, the true user vectors.
        items: float32 ``[n_items, rank]``, the true item vectors.
        item_probability: float64 ``[n_items]``, the probability of each item in a draw; sums to 1.
        noise: standard deviation of the noise that was added to the true values.
    """

    interactions: Interactions
    users: NDArray[np.float32]
    items: NDArray[np.float32]
    item_probability: NDArray[np.float64]
    noise: float

    @checked
    def truth(self, users: NDArray[np.integer], items: NDArray[np.integer]) -> NDArray[np.float32]:
        """The values of pairs before noise: indices ``[B]``, ``[B]`` → float32 ``[B]``.

        Raises:
            DataError: the two differ in length, or an index is not among the users or items.
        """
        if users.shape != items.shape:
            raise DataError(f"one item for each user is wanted, got {shown(users)} and {shown(items)}")
        for kind, indices, n in (("users", users, len(self.users)), ("items", items, len(self.items))):
            if indices.ndim != 1 or (len(indices) and not 0 <= indices.min() <= indices.max() < n):
                raise DataError(f"{kind} must be a list of indices from 0 to {n - 1}, got {shown(indices)}")
        return _pair_values(self.users, self.items, users, items)


@checked
def synthetic(
    n_users: int,
    n_items: int,
    n_interactions: int,
    *,
    rank: int = 8,
    popularity: float = 1.0,
    noise: float = 0.1,
    seed: int = 0,
) -> Synthetic:
    """A log drawn from known factors.

    Value of user u and item i: ``<p_u, q_i> + noise · ε``, with ε standard normal and the entries of p and q normal
    with variance ``1/√rank``, so that the true values have variance 1. The observed pairs do not depend on the values:
    users are drawn uniformly, items with probability proportional to ``position^-popularity`` (Zipf's law), where the
    positions 1 … n_items are shuffled over the items. Each pair is there once.

    Args:
        n_users, n_items: the size of the matrix.
        n_interactions: number of rows, at most half of all cells (with more, drawing different pairs becomes slow).
        rank: of the true matrix.
        popularity: Zipf exponent; 0 makes all items equally popular.
        noise: standard deviation of the noise, in units of the standard deviation of the true values.
        seed: the same seed gives the same data.

    Raises:
        SettingsError: a size is below 1, there are not enough cells, or the popularity is too skewed for that many
            different pairs.

    Example:
        >>> made = synthetic(100, 40, 1000, noise=0.0)
        >>> made.interactions
        Interactions(synthetic: 1,000 rows, 100 users, 40 items)
        >>> log = made.interactions
        >>> bool(np.allclose(log.values, made.truth(log.users, log.items)))
        True
    """
    _check_sizes(n_users, n_items, n_interactions, rank, popularity, noise)
    factors = numpy_stream(seed, "synthetic factors")
    scale = rank**-0.25
    p = scale * factors.standard_normal((n_users, rank), dtype=np.float32)
    q = scale * factors.standard_normal((n_items, rank), dtype=np.float32)
    weights = (factors.permutation(n_items) + 1.0) ** -popularity
    probability = weights / weights.sum()
    users, items = np.divmod(_draw_pairs(n_users, probability, n_interactions, seed), n_items)
    values = _pair_values(p, q, users, items)
    values += noise * numpy_stream(seed, "synthetic noise").standard_normal(n_interactions, dtype=np.float32)
    interactions = _plain_log(users, items, values, n_users, n_items, name="synthetic")
    return Synthetic(interactions, p, q, probability, noise)


@checked
def checkerboard(n: int) -> Interactions:
    """A log in which even users like even items and odd users like odd items; the diagonal is held out.

    A model that has learned the pattern ranks item u first for user u among the items that u has not seen, because it
    is the only one of the right colour.

    Args:
        n: number of users and of items; at least 4, so that every user and item has a row.

    Example:
        >>> checkerboard(4).csr.toarray()
        array([[0., 0., 1., 0.],
               [0., 0., 0., 1.],
               [1., 0., 0., 0.],
               [0., 1., 0., 0.]], dtype=float32)
    """
    if n < 4:
        raise SettingsError(f"a checkerboard needs n of 4 or more, got {n}")
    affordable(32.0 * n * n, f"the checkerboard of n={n:,}")
    users, items = np.divmod(np.arange(n * n), n)
    like = ((users - items) % 2 == 0) & (users != items)
    return _plain_log(users[like], items[like], None, n, n, name="checkerboard")


def _plain_log(
    users: NDArray[np.int64], items: NDArray[np.int64], values: NDArray[np.float32] | None, *shape: int, name: str
) -> Interactions:
    """A log whose ids are the indices themselves."""
    user_ids, item_ids = (IdMap(pl.int_range(n, eager=True)) for n in shape)
    return Interactions(
        users=users.astype(np.int32),
        items=items.astype(np.int32),
        values=values,
        times=None,
        user_ids=user_ids,
        item_ids=item_ids,
        name=name,
    )


def _check_sizes(n_users: int, n_items: int, n_interactions: int, rank: int, popularity: float, noise: float) -> None:
    for name, size in (("n_users", n_users), ("n_items", n_items), ("n_interactions", n_interactions), ("rank", rank)):
        if size < 1:
            raise SettingsError(f"{name} must be 1 or more, got {size}")
    for name, number in (("popularity", popularity), ("noise", noise)):
        if not 0 <= number < np.inf:
            raise SettingsError(f"{name} must be a number of 0 or more, got {number}")
    asked = f"n_users={n_users:,}, n_items={n_items:,}, n_interactions={n_interactions:,} and rank={rank:,}"
    affordable(8.0 * (n_users + n_items) * rank + 64.0 * n_interactions + 16.0 * n_items, f"the matrix of {asked}")
    if 2 * n_interactions > n_users * n_items:
        raise SettingsError(
            f"n_interactions={n_interactions} are more than half of the cells of "
            f"n_users={n_users} × n_items={n_items}; ask for fewer"
        )


def _draw_pairs(n_users: int, probability: NDArray[np.float64], n: int, seed: int) -> NDArray[np.int64]:
    """Draw ``n`` different cells ``user · n_items + item``, sorted: draw, drop duplicates, draw what is missing."""
    draws = numpy_stream(seed, "synthetic pairs")
    n_items = len(probability)
    cumulative = np.cumsum(probability)
    cumulative[-1] = 1.0
    cells = np.empty(0, dtype=np.int64)
    for _ in range(64):
        missing = n - len(cells)
        if missing <= 0:
            break
        n_draws = missing + missing // 4 + 16
        items = np.searchsorted(cumulative, draws.random(n_draws), side="right")
        fresh = draws.integers(n_users, size=n_draws) * n_items + items
        cells = np.union1d(cells, fresh)
    if len(cells) < n:
        raise SettingsError(
            f"64 rounds of draws gave {len(cells)} different pairs of the {n} asked for: most fall on the same few "
            "items; lower popularity or n_interactions"
        )
    return cells if len(cells) == n else np.sort(draws.choice(cells, size=n, replace=False, shuffle=False))


def _pair_values(
    p: NDArray[np.float32], q: NDArray[np.float32], users: NDArray[np.integer], items: NDArray[np.integer]
) -> NDArray[np.float32]:
    values = np.empty(len(users), dtype=np.float32)
    for start in range(0, len(users), _BLOCK):
        block = slice(start, start + _BLOCK)
        np.einsum("bd,bd->b", p[users[block]], q[items[block]], out=values[block])
    return values
