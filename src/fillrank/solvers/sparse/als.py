"""``als``: alternating least squares for ratings, with mean, biases and a product of vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
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
from fillrank.factors.fold_in import RatingRidge
from fillrank.factors.ridge import RowSolver, solve_ridges
from fillrank.runtime.rng import numpy_stream
from fillrank.solvers.sparse.weighted import counting, weighted_counts, weighted_mean

__all__ = ["RatingLoss", "als", "als_iterations"]

Array: TypeAlias = NDArray[Any]

_NOTHING = 1e-18  # smaller numbers are set to 0, because their squares would be subnormal, which is slow
_REPEATS = 20  # expected number of iterations, to decide whether compiling is worth its time


@checked
@dataclass(frozen=True)
class RatingLoss:
    """The objective of :func:`als`: squared error with a penalty on vectors and biases.

    ``Σ_obs (r - mean - b_u - b_i - <p_u, q_i>)² + Σ_u (regularization · n_u · |p_u|² + bias_regularization · b_u²)``,
    and the same for the items, with ``n`` the number of ratings of a user or item. In a log with weights each squared
    error is taken times ``w``, n is the sum of the weights, and the mean of the values is weighted: a rating of weight
    2 counts as two. Rows of weight 0 are left out.

    Attributes:
        regularization: of the vectors, *per rating*: the weighted-λ of Zhou, Wilkinson, Schreiber & Pan (2008).
        bias_regularization: of the biases, *the same for all*: it acts like this many additional ratings of average
            height for each user and item, so that one with a single rating stays near the average.
        item_bias_regularization: the same for the items, if it differs from the users'; None: it is the same.
        bias_per_rating: multiply the penalty of a bias by its number of ratings too (``n_u · b_u²``). Then a bias is
            hardly shrunk, however few ratings it has; 0.02 is a usual value.

    Raises:
        SettingsError: a penalty is negative or not finite.
    """

    regularization: float = 0.06
    bias_regularization: float = 3.0
    item_bias_regularization: float | None = None
    bias_per_rating: bool = False

    def __post_init__(self) -> None:
        for name in ("regularization", "bias_regularization", "item_bias_regularization"):
            weight = getattr(self, name)
            if weight is not None and not (np.isfinite(weight) and weight >= 0):
                raise SettingsError(f"{name} must be a finite number of 0 or more, got {weight}")

    def folding(self) -> RatingRidge:
        """The users' part of the loss, to fold new users in."""
        return RatingRidge(self.regularization, self.bias_regularization, bias_per_rating=self.bias_per_rating)

    def of_items(self) -> RatingRidge:
        """The items' part of the loss."""
        if self.item_bias_regularization is None:
            return self.folding()
        return replace(self.folding(), bias_regularization=self.item_bias_regularization)

    @checked
    def value(self, factors: Factors, interactions: Interactions) -> float:
        """The loss, in double precision; ``factors`` have both biases.

        Example:
            >>> log = Interactions.from_arrays(["ann"], ["Heat"], values=[5.0])
            >>> guess = Factors(
            ...     *torch.ones(2, 1, 1), user_bias=torch.zeros(1), item_bias=torch.zeros(1), offset=2.0
            ... )
            >>> RatingLoss(0.5, 0.0).value(guess, log)  # (5 - 3)² + 0.5 + 0.5
            5.0
        """
        check_sizes(factors, interactions)
        interactions = counting(interactions)
        counts = weighted_counts(interactions)
        predicted = factors.score_pairs(_places(interactions.users), _places(interactions.items)).double().numpy()
        squares = np.square(_values(interactions) - predicted)
        error = float((squares if interactions.weights is None else squares * interactions.weights).sum())
        return error + sum(
            self.regularization * float(counts @ _squares(vectors))
            + ridge.bias_regularization * float(_squares(bias) @ (counts if self.bias_per_rating else 1 + 0 * counts))
            for ridge, counts, vectors, bias in (
                (self.folding(), counts[0], factors.users, factors.user_bias),
                (self.of_items(), counts[1], factors.items, factors.item_bias),
            )
            if bias is not None
        )


@checked
def als(
    interactions: Interactions,
    dim: int,
    loss: RatingLoss | None = None,
    *,
    iterations: int = 15,
    solver: RowSolver | None = None,
    init_scale: float = 0.1,
    seed: int = 0,
) -> Factors:
    """Minimise :class:`RatingLoss` by least squares in one side after the other.

    A user's bias is one more unknown of their regression, and the same for items. So with exact solutions the loss
    never increases.

    Args:
        interactions: ratings; their weights count, if they have some.
        dim: length of the vectors.
        loss: the two penalties.
        iterations: each solves for the items, then for the users. With exact solutions, the users are at the minimum
            for the final items, so folding in a user's own ratings gives the same vector and bias.
        solver: of the least-squares problems; None: exact.
        init_scale: the users' initial vectors are normal with this standard deviation divided by ``√dim``.
        seed: for the initial vectors.

    Returns:
        Factors with both biases and a :class:`~fillrank.factors.fold_in.RatingRidge`, in single precision.

    Raises:
        DataError: the log has no rows or no values.
        SettingsError: ``dim`` or ``iterations`` is below 1, or ``init_scale`` is not above 0.
        TrainingError: a problem has no unique solution, as happens without regularisation.

    Example:
        >>> log = Interactions.from_arrays(["ann", "ann", "bob"], ["Heat", "Alien", "Heat"], values=[5, 1, 4])
        >>> factors = als(log, dim=2, iterations=5)
        >>> factors.score(torch.tensor([1])).argmax().item()  # Heat has index 1
        1
    """
    count("iterations", iterations)
    iterates = als_iterations(interactions, dim, loss, solver=solver, init_scale=init_scale, seed=seed)
    return next(islice(iterates, iterations - 1, None))


def als_iterations(
    interactions: Interactions,
    dim: int,
    loss: RatingLoss | None = None,
    *,
    solver: RowSolver | None = None,
    init_scale: float = 0.1,
    seed: int = 0,
    after: Factors | None = None,
) -> Iterator[Factors]:
    """The factors after each round of :func:`als`, without end; see there.

    Args:
        interactions, dim, loss, solver, init_scale, seed: see :func:`als`.
        after: factors of an earlier round, from which they go on; None: from the beginning.
    """
    interactions = counting(interactions)
    mean = weighted_mean(_values(interactions), interactions)
    count("dim", dim, most=MOST_DIM)
    affordable(8.0 * dim * (interactions.n_users + interactions.n_items), f"vectors of dim={dim} for {interactions!r}")
    if not init_scale > 0:
        raise SettingsError(f"init_scale must be above 0, got {init_scale}")
    loss = loss or RatingLoss()
    rng = numpy_stream(seed, "als")
    users, items = (np.zeros((n, dim + 1), dtype=np.float32) for n in (interactions.n_users, interactions.n_items))
    users[:, :dim] = rng.standard_normal((interactions.n_users, dim), dtype=np.float32) * (init_scale / dim**0.5)
    if after is not None:
        check_sizes(after, interactions)
        users, items = _side(after.users, after.user_bias), _side(after.items, after.item_bias)

    weights = None if interactions.weights is None else interactions.weighted_csr
    sides = (
        (interactions.csr, None if weights is None else weights.data),
        (interactions.csc, None if weights is None else weights.tocsc().data),
    )

    def step(ridge: RatingRidge, matrix: Any, weights: Array | None, others: Array, start: Array) -> Array:
        """Solve for one side (vectors, with the biases in the last column) with the other held fixed."""
        targets = matrix.data - np.float32(mean) - others[matrix.indices, dim]
        ridges = ridge.ridges(matrix.indptr, matrix.indices, targets, others[:, :dim], weights)
        solved = solve_ridges(ridges, solver, start=start, repeats=_REPEATS)
        solved[np.abs(solved) < _NOTHING] = 0  # vanishing vectors would become subnormal numbers, which are slow
        return solved

    while True:
        items = step(loss.of_items(), *sides[1], users, items)
        users = step(loss.folding(), *sides[0], items, users)
        yield _factors(users, items, mean, loss.folding())


def _side(vectors: torch.Tensor, bias: torch.Tensor | None) -> Array:
    """Vectors with the bias in the last column, as the rounds have them."""
    if bias is None:
        raise DataError("the factors to go on from have no biases; give those of an earlier round")
    return torch.cat([vectors, bias[:, None]], dim=1).numpy()


def _factors(users: Array, items: Array, mean: float, folding: RatingRidge) -> Factors:
    (p, user_bias), (q, item_bias) = (
        (torch.tensor(side[:, :-1]), torch.tensor(side[:, -1])) for side in (users, items)
    )
    return Factors(p, q, user_bias=user_bias, item_bias=item_bias, offset=mean, folding=folding)


def _values(interactions: Interactions) -> NDArray[np.float64]:
    if interactions.values is None or not len(interactions):
        raise DataError("ALS learns from values, and this log has none; name their column: value=…")
    return interactions.values.astype(np.float64)


def _places(column: NDArray[np.int32]) -> torch.Tensor:
    return torch.from_numpy(column.astype(np.int64))


def _squares(tensor: torch.Tensor) -> NDArray[np.float64]:
    """The squared length of each row, float64 ``[n]``."""
    squares: NDArray[np.float64] = np.square(tensor.double().numpy().reshape(len(tensor), -1)).sum(1)
    return squares
