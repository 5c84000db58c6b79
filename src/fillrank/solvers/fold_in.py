"""Compute users' vectors for given item vectors: in closed form, or by gradient descent.

With the items Q held fixed, the squared error of ``<u, q>`` is a separate convex problem for each user: a ridge
regression with d unknowns. :func:`solve_users` solves it exactly. :func:`descend_users` approaches the same solution by
gradient steps, as it is often done, and also returns the losses of each epoch, so that the two can be compared.

Both minimise :func:`ridge_objective`, the mean over all ratings of ``(r - <u, q>)² + regularization · |u|²``. The
penalty is added once for each rating (Zhou, Wilkinson, Schreiber & Pan 2008). So it grows with the number of a user's
ratings, and one value fits short and long histories.

Ratings are a log or a table. In a table, NaN means missing, or a mask says what is missing; a zero is a value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from fillrank.arguments import Own, checked, count
from fillrank.errors import DataError, SettingsError, TrainingError
from fillrank.runtime.rng import torch_stream
from fillrank.solvers.fold_in_ratings import FoldInProblem, Ratings, problem_of

__all__ = ["Descended", "Descent", "Method", "Ratings", "descend_users", "ridge_objective", "solve_users"]

Method = Literal["sgd", "adam", "adamw"]

_OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


@checked
@dataclass(frozen=True)
class Descent:
    """The settings of :func:`descend_users`.

    Attributes:
        method: ``"sgd"``; ``"adam"`` (Kingma & Ba 2015); ``"adamw"``, Adam with decoupled decay (Loshchilov & Hutter
            2019).
        learning_rate: of a step along the gradient of the *mean* over a batch.
        epochs: passes over the ratings.
        batch_size: rows of a batch: ratings of a log, or users of a table. None uses all rows in every step; then there
            is no randomness.
        regularization: for ``sgd`` and ``adam``: the penalty of :func:`ridge_objective`, so that they converge to the
            closed form.
        weight_decay: for ``adamw``: each step first multiplies the users by ``1 - learning_rate · weight_decay``. This
            does not correspond to a penalty of the objective, and does not grow with a user's ratings.
        seed: for the order of the rows.

    Raises:
        SettingsError: a setting is out of range, or does not go with the method.
    """

    method: Method = "adam"
    learning_rate: float = 0.05
    epochs: int = 100
    batch_size: int | None = None
    regularization: float = 0.0
    weight_decay: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in _OPTIMISERS:
            raise SettingsError(f"method must be one of {', '.join(_OPTIMISERS)}, got {self.method!r}")
        if not 0 < self.learning_rate < math.inf:
            raise SettingsError(f"learning_rate must be a finite number above 0, got {self.learning_rate}")
        count("epochs", self.epochs)
        if self.batch_size is not None and self.batch_size < 1:
            raise SettingsError(f"batch_size must be 1 or more, got {self.batch_size}")
        for name in ("regularization", "weight_decay"):
            _check_not_negative(name, getattr(self, name))
        if self.method == "adamw" and self.regularization:
            raise SettingsError("adamw takes weight_decay, which is decoupled, and no regularization; that is for adam")
        if self.method != "adamw" and self.weight_decay:
            raise SettingsError(f"weight_decay is for adamw; {self.method} takes regularization, paid for each rating")


class Descended(NamedTuple):
    """The result of a descent, and its losses.

    Attributes:
        users: ``[n_users, d]``.
        losses: one number for each epoch: the mean of the objective over its batches, each before its step.
        errors: the same for the squared error without the penalty.
    """

    users: Tensor
    losses: tuple[float, ...]
    errors: tuple[float, ...]


@checked
def solve_users(
    item_factors: Own[Tensor], ratings: Own[Ratings], *, mask: Tensor | None = None, regularization: float = 0.1
) -> Tensor:
    """All users at once in closed form: ``u = (Σ_h q_h q_hᵀ + n·λ·I)⁻¹ Σ_h r_h q_h`` over a user's n ratings.

    Args:
        item_factors: floating point ``[n_items, d]``. A column of ones beside them gives each user a bias.
        ratings: a log, or a table ``[n_users, n_items]``; users may have any number of ratings.
        mask: for a table, ``[n_users, n_items]``: True for a known rating. Hidden cells are never read.
        regularization: λ, for each rating. With 0, a user without a unique solution gets the shortest one.

    Returns:
        ``[n_users, d]`` in the dtype of the item factors; zeros for a user without ratings.

    Raises:
        DataError: the factors or the ratings are wrong, or do not fit together.
        SettingsError: the regularization is negative or not a number.

    Example:
        >>> Q = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> table = torch.tensor([[2.0, 3.0, torch.nan], [torch.nan, 1.0, 5.0]])
        >>> users = solve_users(Q, table, regularization=0)
        >>> (users @ Q.T).round(decimals=4)
        tensor([[2., 3., 5.],
                [4., 1., 5.]])
    """
    _check_not_negative("regularization", regularization)
    return problem_of(item_factors, ratings, mask).solved(regularization)


@checked
def descend_users(
    item_factors: Own[Tensor],
    ratings: Own[Ratings],
    settings: Descent | None = None,
    *,
    mask: Tensor | None = None,
    start: Tensor | None = None,
) -> Descended:
    """All users by gradient steps, which approach the solution of :func:`solve_users`.

    Args:
        item_factors, ratings, mask: see :func:`solve_users`.
        settings: the method and its steps; None: the defaults of :class:`Descent`.
        start: ``[n_users, d]``, the initial users; None: zeros.

    Raises:
        DataError: see :func:`solve_users`; or ``start`` has another shape or dtype.
        TrainingError: the users or their loss are no longer finite; the message names the epoch.

    Example:
        >>> Q = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> found = descend_users(Q, torch.tensor([[3.0, 4.0]]), Descent("sgd", learning_rate=0.2, epochs=200))
        >>> found.users.round(decimals=3), round(found.losses[0], 2), round(found.losses[-1], 2)
        (tensor([[3., 2.]]), 12.5, 0.0)
    """
    how = settings or Descent()
    problem = problem_of(item_factors, ratings, mask)
    users = _copied(start, problem, item_factors, "start").requires_grad_()
    optimiser = _OPTIMISERS[how.method]([users], lr=how.learning_rate, weight_decay=how.weight_decay)
    past: list[tuple[float, float]] = []
    for epoch in range(1, how.epochs + 1):
        past.append(_epoch(problem, users, how, epoch, optimiser))
        if not (math.isfinite(past[-1][0]) and bool(users.isfinite().all())):
            raise TrainingError(
                f"the users are no longer finite in epoch {epoch} of {how.epochs}: learning_rate={how.learning_rate:g} "
                f"is too large; try {how.learning_rate / 10:g}, or solve_users, which needs none"
            )
    losses, errors = zip(*past, strict=True)
    return Descended(users.detach(), losses, errors)


@checked
def ridge_objective(
    item_factors: Own[Tensor],
    users: Tensor,
    ratings: Own[Ratings],
    *,
    mask: Tensor | None = None,
    regularization: float = 0.0,
) -> float:
    """The mean over the ratings of ``(r - <u, q>)² + regularization · |u|²``; without the penalty, their squared error.

    Args:
        item_factors, ratings, mask, regularization: see :func:`solve_users`.
        users: ``[n_users, d]``.

    Raises:
        DataError: see :func:`descend_users`.
    """
    problem = problem_of(item_factors, ratings, mask)
    with torch.no_grad():
        error, length = problem.means(_copied(users, problem, item_factors, "users"), slice(None))
    return float(error + regularization * length)


def _epoch(
    problem: FoldInProblem, users: Tensor, how: Descent, epoch: int, optimiser: torch.optim.Optimizer
) -> tuple[float, float]:
    """One pass over the ratings; returns the means over the batches of the loss and of the squared error."""
    seen: list[tuple[float, float]] = []
    for rows in _batches(problem.n_rows, how, epoch):
        error, length = problem.means(users, rows)
        loss = error + how.regularization * length
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        seen.append((loss.item(), error.item()))
    loss_mean, error_mean = (sum(column) / len(seen) for column in zip(*seen, strict=True))
    return loss_mean, error_mean


def _batches(n_rows: int, how: Descent, epoch: int) -> Iterator[Tensor | slice]:
    if how.batch_size is None:
        yield slice(None)
    else:
        order = torch.randperm(n_rows, generator=torch_stream(how.seed, "given_items", epoch))
        yield from torch.split(order, how.batch_size)


def _copied(users: Tensor | None, problem: FoldInProblem, item_factors: Tensor, name: str) -> Tensor:
    """A copy of the given users, or zeros if none were given."""
    shape = [problem.n_users, item_factors.shape[1]]
    if users is None:
        return item_factors.new_zeros(shape)
    if list(users.shape) != shape or users.dtype != item_factors.dtype:
        raise DataError(
            f"{name} must be {item_factors.dtype} of shape {shape}, got {users.dtype} of {list(users.shape)}"
        )
    return users.detach().clone()


def _check_not_negative(name: str, number: float) -> None:
    if not 0 <= number < math.inf:
        raise SettingsError(f"{name} must be a finite number of 0 or more, got {number}")
