"""``ials``: alternating least squares for implicit feedback, with a small weight on zeros for all pairs.

The loss is that of Rendle, Krichene, Zhang & Koren (RecSys 2022), a revisit of Hu, Koren & Volinsky (2008)::

    Σ_obs c_ui · (<w_u, h_i> - 1)²  +  unobserved_weight · Σ_all <w_u, h_i>²
        +  regularization · Σ_u (n_u + unobserved_weight · n_items)^frequency_exponent · |w_u|²
        +  regularization · Σ_i (n_i + unobserved_weight · n_users)^frequency_exponent · |h_i|²

with ``c_ui`` the weight of an interaction (1 where the log has none; one of weight 0 is not in the sum), and ``n_u``
and ``n_i`` the sum of the weights of a user and of an item: a weight of 2 is the same as two such terms. The sum over
all pairs goes through the Gram matrices of the two sides, so nothing of the size of the whole table is ever formed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from fillrank.arguments import MOST_DIM, affordable, checked, count
from fillrank.data import Interactions
from fillrank.errors import DataError, SettingsError
from fillrank.factors import Factors
from fillrank.factors.checks import check_sizes
from fillrank.factors.fold_in import ImplicitRidge
from fillrank.factors.ridge import RowSolver, solve_ridges
from fillrank.runtime.rng import numpy_stream

__all__ = ["ImplicitLoss", "ials", "ials_iterations"]

Array: TypeAlias = NDArray[Any]

_PAIRS = 1 << 16  # number of pairs whose vectors are gathered at a time
_REPEATS = 20  # expected number of iterations, to decide whether compiling is worth its time


@checked
@dataclass(frozen=True)
class ImplicitLoss:
    """The loss of iALS: its three weights, and its value.

    Attributes:
        unobserved_weight: weight of the target 0 for all pairs.
        regularization: of the vectors.
        frequency_exponent: how a vector's penalty grows with its number of interactions: 0: not at all; 1: in
            proportion.

    Raises:
        SettingsError: a weight is negative or not finite.
    """

    unobserved_weight: float = 0.1
    regularization: float = 0.003
    frequency_exponent: float = 1.0

    def __post_init__(self) -> None:
        for name, weight in vars(self).items():
            if not (np.isfinite(weight) and weight >= 0):
                raise SettingsError(f"{name} must be a finite number of 0 or more, got {weight}")

    def folding(self) -> ImplicitRidge:
        """The users' part of the loss, to fold new users in."""
        return ImplicitRidge(self.unobserved_weight, self.regularization, frequency_exponent=self.frequency_exponent)

    @checked
    def value(self, factors: Factors, interactions: Interactions) -> float:
        """The loss, in double precision: ``O(nnz · d + (n_users + n_items) · d²)``.

        Example:
            >>> log = Interactions.from_arrays(["ann", "bob"], ["Heat", "Alien"])
            >>> both = Factors(torch.eye(2), torch.eye(2))
            >>> ImplicitLoss(0.5, 0.0).value(both, log)  # two pairs have 0 in place of 1, and two have 1 in place of 0
            3.0
        """
        check_sizes(factors, interactions)
        interactions = interactions.counted()
        users, items = (side.double().numpy() for side in (factors.users, factors.items))
        matrix = interactions.weighted_csr
        weights = matrix.data
        observed = 0.0
        for start in range(0, len(interactions), _PAIRS):
            rows = slice(start, start + _PAIRS)
            scores = np.einsum("rd,rd->r", users[interactions.users[rows]], items[interactions.items[rows]])
            observed += float(weights[rows].astype(np.float64) @ np.square(scores - 1))
        everywhere = float(((users.T @ users) * (items.T @ items)).sum())
        ridge = self.folding()
        pulls = (
            float(ridge.strength(counts, n_others) @ np.square(side).sum(1))
            for side, counts, n_others in (
                (users, matrix.sum(axis=1, dtype=np.float64), interactions.n_items),
                (items, matrix.sum(axis=0, dtype=np.float64), interactions.n_users),
            )
        )
        return observed + self.unobserved_weight * everywhere + sum(pulls)


@checked
def ials(
    interactions: Interactions,
    dim: int,
    loss: ImplicitLoss | None = None,
    *,
    iterations: int = 16,
    solver: RowSolver | None = None,
    init_scale: float = 0.1,
    seed: int = 0,
) -> Factors:
    """Minimise :class:`ImplicitLoss` by least squares in one side after the other.

    Args:
        interactions: the interactions; their weights are confidences, values are ignored.
        dim: length of the vectors.
        loss: the weights of the loss.
        iterations: each solves for the items, then for the users. With exact solutions, the users are at the minimum
            for the final items, so folding in a user's own history gives the same vector.
        solver: of the least-squares problems; None: exact.
        init_scale: the initial vectors are normal with this standard deviation divided by ``√dim``.
        seed: for the initial vectors.

    Raises:
        DataError: the log has no rows.
        SettingsError: ``dim`` or ``iterations`` is below 1, or ``init_scale`` is not above 0.
        TrainingError: a problem has no unique solution, as happens without regularisation.

    Example:
        >>> log = Interactions.from_arrays(["ann", "ann", "bob"], ["Heat", "Alien", "Heat"])
        >>> ials(log, dim=2, iterations=5).score(torch.tensor([1])).argmax().item()  # Heat has index 1
        1
    """
    count("iterations", iterations)
    iterates = ials_iterations(interactions, dim, loss, solver=solver, init_scale=init_scale, seed=seed)
    return next(islice(iterates, iterations - 1, None))


def ials_iterations(
    interactions: Interactions,
    dim: int,
    loss: ImplicitLoss | None = None,
    *,
    solver: RowSolver | None = None,
    init_scale: float = 0.1,
    seed: int = 0,
    after: Factors | None = None,
) -> Iterator[Factors]:
    """The factors after each round of :func:`ials`, without end; see there.

    Args:
        interactions, dim, loss, solver, init_scale, seed: see :func:`ials`.
        after: factors of an earlier round, from which they go on; None: from the beginning.
    """
    matrix = interactions.weighted_csr
    if not matrix.nnz:
        raise DataError("there is nothing to learn from: the log has no rows")
    count("dim", dim, most=MOST_DIM)
    affordable(8.0 * dim * (interactions.n_users + interactions.n_items), f"vectors of dim={dim} for {interactions!r}")
    if not init_scale > 0:
        raise SettingsError(f"init_scale must be above 0, got {init_scale}")
    ridge, solver, rng = (loss or ImplicitLoss()).folding(), solver or RowSolver(), numpy_stream(seed, "ials")
    by_items = interactions.weighted_csc
    users, items = (
        rng.standard_normal((n, dim), dtype=np.float32) * np.float32(init_scale / dim**0.5)
        for n in (interactions.n_users, interactions.n_items)
    )
    if after is not None:
        check_sizes(after, interactions)
        users, items = after.users.numpy(), after.items.numpy()
    while True:
        items = solve_ridges(ridge.ridges(by_items, users), solver, start=items, repeats=_REPEATS)
        users = solve_ridges(ridge.ridges(matrix, items), solver, start=users, repeats=_REPEATS)
        yield Factors(torch.from_numpy(users), torch.from_numpy(items), folding=ridge)
