"""The answers to the worksheet of the lab on matrix completion, in numbers.

The questions are those of exercise 1 of the course COMP6258 (see :mod:`fillrank.lab.functions`): factorise a matrix of
3×3 and compare with the truncated SVD; complete it where two cells are hidden; predict how somebody rates a film.

Everything is in float32 and uses the random numbers of the students' code: a run with seed 3 is the same as a run after
``torch.manual_seed(3)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from fillrank.errors import DataError, SettingsError
from fillrank.lab.files import FilmRatings
from fillrank.lab.functions import gd_factorise_masked, reconstruction_loss, sgd_factorise, sgd_factorise_masked
from fillrank.solvers.sparse.svd import truncated_svd

__all__ = ["Completion", "Factorisation", "FilmAnswer", "complete_toy", "factorise_toy", "film_question"]

TOY = ((0.3374, 0.6005, 0.1735), (3.3359, 0.0492, 1.8374), (2.9407, 0.5301, 2.2620))
HIDDEN = ((1, 0), (2, 1))
RANK = 2
Matrix = list[list[float]]


@dataclass(frozen=True)
class Factorisation:
    """The answer to sections 1 and 2: gradient descent compared with the optimum.

    Attributes:
        seeds: one run of gradient descent each.
        losses: ``‖A - U·Vᵀ‖²`` of each run.
        reconstruction: ``U·Vᵀ`` of the first run.
        singular_values: of A, all of them.
        svd_loss: of the truncated SVD: the sum of the squares of the singular values that it drops.
        svd_reconstruction: the matrix of rank 2 nearest to A.
    """

    seeds: list[int]
    losses: list[float]
    reconstruction: Matrix
    singular_values: list[float]
    svd_loss: float
    svd_reconstruction: Matrix


@dataclass(frozen=True)
class Completion:
    """The answer to section 3: the same matrix with two hidden cells.

    Attributes:
        seeds: one run each.
        observed_losses: squared error over the seven observed cells, for each run.
        full_losses: squared error over all nine cells, for each run: what a user of the filled matrix would meet.
        hidden: one mapping per hidden cell: ``row``, ``column``, ``true``, and its ``filled`` values, one for each run.
        reconstruction: the mean of the completed matrices.
        spread: their standard deviation in each cell.
    """

    seeds: list[int]
    observed_losses: list[float]
    full_losses: list[float]
    hidden: list[dict[str, Any]]
    reconstruction: Matrix
    spread: Matrix


@dataclass(frozen=True)
class FilmAnswer:
    """The answer to section 4: a predicted rating.

    Attributes:
        data: the name of the ratings.
        film: the title, or the id where there are no titles.
        user: which user, counted from 1.
        user_id: that user's own id, or None where users have none.
        predicted: the cell of ``U·Vᵀ``; it is not clipped to the range of ratings.
        rated: the user's own rating of the film, or None. If there is one, it was used in training like any other.
        predicted_unseen: if there is such a rating, the prediction when this cell is hidden too.
        film_mean: the mean rating of the film, or None if nobody rated it.
        sse: squared error over the rated cells, summed.
        rmse: root of the mean squared error over the rated cells; these are the ratings of training, not a test.
        mean_rmse: the same for the mean of all ratings as the prediction of every cell.
        n_films, n_users, n_ratings: the size of the matrix, and how many of its cells are rated.
        rank, num_epochs, lr, seed: of the descent.
        seconds: that it took.
    """

    data: str
    film: str
    user: int
    user_id: int | str | None
    predicted: float
    rated: float | None
    predicted_unseen: float | None
    film_mean: float | None
    sse: float
    rmse: float
    mean_rmse: float
    n_films: int
    n_users: int
    n_ratings: int
    rank: int
    num_epochs: int
    lr: float
    seed: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def factorise_toy(seeds: Sequence[int] = range(10)) -> Factorisation:
    """Sections 1 and 2, with the default rate and number of epochs.

    Raises:
        SettingsError: no seeds.

    Example:
        >>> found = factorise_toy(seeds=[0])
        >>> round(found.svd_loss, 5), found.losses[0] >= found.svd_loss
        (0.12191, True)
    """
    A = _toy(seeds)
    runs = [sgd_factorise(A, RANK, generator=_generator(seed)) for seed in seeds]
    U, s, Vt = truncated_svd(A, rank=min(A.shape))
    best = (U[:, :RANK] * s[:RANK]) @ Vt[:RANK]
    return Factorisation(
        seeds=list(seeds),
        losses=[float(reconstruction_loss(A, *factors)) for factors in runs],
        reconstruction=_product(*runs[0]).tolist(),
        singular_values=s.tolist(),
        svd_loss=float((A - best).square().sum()),
        svd_reconstruction=best.tolist(),
    )


def complete_toy(seeds: Sequence[int] = range(10)) -> Completion:
    """Section 3, with the default rate and number of epochs, once for each seed.

    Raises:
        SettingsError: no seeds.

    Example:
        >>> found = complete_toy(seeds=[0, 1])
        >>> max(found.observed_losses) < 0.02 < 1 < min(found.full_losses)
        True
    """
    A = _toy(seeds)
    M = torch.ones_like(A, dtype=torch.bool)
    for cell in HIDDEN:
        M[cell] = False
    runs = [sgd_factorise_masked(A, M, RANK, generator=_generator(seed)) for seed in seeds]
    filled = torch.stack([_product(U, V) for U, V in runs])
    return Completion(
        seeds=list(seeds),
        observed_losses=[float(reconstruction_loss(A, U, V, M)) for U, V in runs],
        full_losses=[float(reconstruction_loss(A, U, V)) for U, V in runs],
        hidden=[{"row": r, "column": c, "true": float(A[r, c]), "filled": filled[:, r, c].tolist()} for r, c in HIDDEN],
        reconstruction=filled.mean(0).tolist(),
        spread=filled.std(0, unbiased=False).tolist(),
    )


def film_question(
    ratings: FilmRatings,
    film: Any = "A Beautiful Mind",
    user: int = 5,
    *,
    rank: int = 5,
    num_epochs: int = 1000,
    lr: float = 1e-5,
    seed: int = 0,
) -> FilmAnswer:
    """Section 4: how the ``user``-th user might rate ``film``, by :func:`fillrank.gd_factorise_masked`.

    Args:
        ratings: films by users.
        film: a title, with or without its year, or the id of a row.
        user: counted from 1.
        rank, num_epochs, lr: of the descent; the defaults are the lab's.
        seed: of the factors it starts from.

    Raises:
        UnknownIdError: there is no such film, or several of that title.
        DataError: there is no such user.
        TrainingError: the rate is too large for these ratings.
    """
    n_films, n_users = ratings.values.shape
    row, column = ratings.films.resolve(film), user - 1
    if not 0 <= column < n_users:
        raise DataError(f"the users are counted from 1 to {n_users}, got {user}")

    def descend(M: Tensor) -> tuple[Tensor, Tensor]:
        return gd_factorise_masked(ratings.values, M, rank, num_epochs, lr, generator=_generator(seed))

    start = perf_counter()
    A, M = ratings.values, ratings.observed
    U, V = descend(M)
    seconds = perf_counter() - start
    sse, known, of_film = float(reconstruction_loss(A, U, V, M)), A[M].double(), A[row, M[row]]
    rated = predicted_unseen = None
    if M[row, column]:
        rated, without = float(A[row, column]), M.clone()
        without[row, column] = False
        unseen = descend(without)
        predicted_unseen = float(unseen[0][row] @ unseen[1][column])
    return FilmAnswer(
        data=ratings.name,
        film=ratings.films.label(row),
        user=user,
        user_id=None if ratings.users is None else ratings.users.ids[column],
        predicted=float(U[row] @ V[column]),
        rated=rated,
        predicted_unseen=predicted_unseen,
        film_mean=float(of_film.mean()) if len(of_film) else None,
        sse=sse,
        rmse=(sse / len(known)) ** 0.5,
        mean_rmse=float(known.std(unbiased=False)),
        n_films=n_films,
        n_users=n_users,
        n_ratings=len(known),
        rank=rank,
        num_epochs=num_epochs,
        lr=lr,
        seed=seed,
        seconds=seconds,
    )


def _toy(seeds: Sequence[int]) -> Tensor:
    if not seeds:
        raise SettingsError("the worksheet needs one seed or more, got none")
    return torch.tensor(TOY, dtype=torch.float32)


def _generator(seed: int) -> torch.Generator:
    """A generator that draws as PyTorch's default one does after ``torch.manual_seed(seed)``."""
    if not 0 <= seed < 2**63:
        raise SettingsError(f"a seed must be from 0 to 2**63 - 1, got {seed}")
    return torch.Generator().manual_seed(seed)


def _product(U: Tensor, V: Tensor) -> Tensor:
    return U @ V.T
