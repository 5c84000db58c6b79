"""``biased_sgd``: biased matrix factorisation by stochastic gradient descent, for large logs of ratings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fillrank.arguments import MOST_DIM, affordable, checked, count, threads
from fillrank.data import Interactions
from fillrank.errors import DataError, SettingsError, TrainingError
from fillrank.factors import Factors
from fillrank.factors.fold_in import RatingRidge
from fillrank.runtime.rng import numpy_stream
from fillrank.solvers.sparse.sgd_grid import Bands, BlockGrid
from fillrank.solvers.sparse.sgd_kernel import Rates, RatingRows, SgdSide, compiled_sweep, padded_width
from fillrank.solvers.sparse.weighted import counting, weighted_counts

__all__ = ["AfterEpoch", "SgdEpoch", "SgdSettings", "SgdSnapshot", "biased_sgd"]

_START = 0.03  # approximate length of an initial vector; 0.003 to 1 were tried
_DIVERGED = 10.0  # an RMSE of so many standard deviations means divergence; predicting the mean gives 1


@checked
@dataclass(frozen=True)
class SgdSettings:
    """The settings of :func:`biased_sgd`.

    Rates and penalties are in units of the values' standard deviation, so they fit stars and percentages alike.

    Attributes:
        dim: of the vectors.
        regularization: λ, of the vectors, per rating.
        bias_regularization: λ_b, of the biases: the same for all. It acts like so many additional average ratings.
        bias_per_rating: multiply the penalty of a bias by its number of ratings; then 0.02 is a usual value.
        learning_rate: step size of the first epoch, for the vectors.
        bias_learning_rate: the same for the biases.
        decay: factor of the step sizes from one epoch to the next.
        epochs: passes over all ratings.
        seed: for the initial vectors, and for the order of the ratings.

    Raises:
        SettingsError: a setting is out of its range.
    """

    dim: int = 64
    regularization: float = 0.04
    bias_regularization: float = 1.0
    bias_per_rating: bool = False
    learning_rate: float = 0.03
    bias_learning_rate: float = 0.01
    decay: float = 0.95
    epochs: int = 40
    seed: int = 0

    def __post_init__(self) -> None:
        count("dim", self.dim, most=MOST_DIM)
        count("epochs", self.epochs)
        for name in ("regularization", "bias_regularization"):
            setting = getattr(self, name)
            if not 0 <= setting < math.inf:
                raise SettingsError(f"{name} must be 0 or more, and finite; got {setting}")
        for name in ("learning_rate", "bias_learning_rate"):
            setting = getattr(self, name)
            if not 0 < setting < math.inf:
                raise SettingsError(f"{name} must be above 0, and finite; got {setting}")
        if not 0 < self.decay <= 1:
            raise SettingsError(f"decay must be above 0 and at most 1, got {self.decay}")

    @checked
    def rates(self, epoch: int) -> Rates:
        """Step sizes and penalties of an epoch, counted from 1."""
        count("epoch", epoch)
        fade = self.decay ** (epoch - 1)
        steps = (fade * self.learning_rate, fade * self.bias_learning_rate)
        return Rates(*map(np.float32, (*steps, self.regularization)))


@dataclass(frozen=True, eq=False)
class SgdSnapshot:
    """The state after an epoch. (The order of the ratings follows from the seed and the number of the epoch.)

    Attributes:
        epochs: that are done.
        arrays: vectors and biases of users and items, in the order of the grid's bands.
    """

    epochs: int
    arrays: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class SgdEpoch:
    """An epoch that has just ended.

    Attributes:
        number: from 1.
        rmse: root mean squared error of the predictions in this epoch, each made just before its rating was used.
        factors: a function that returns a copy of the current factors.
        snapshot: a function that returns a copy of all that is needed to go on after this epoch.
    """

    number: int
    rmse: float
    factors: Callable[[], Factors]
    snapshot: Callable[[], SgdSnapshot]


AfterEpoch = Callable[[SgdEpoch], bool]
"""Called after each epoch; True ends the training."""


@checked
def biased_sgd(
    interactions: Interactions,
    settings: SgdSettings | None = None,
    *,
    n_threads: int | None = None,
    after_epoch: AfterEpoch | None = None,
    after: SgdSnapshot | None = None,
) -> Factors:
    """Learn mean, biases and vectors that predict ``r̂ = mean + b_u + b_i + <p_u, q_i>``, rating by rating.

    Minimises ``Σ [(r - r̂)² + σλ(|p_u|² + |q_i|²)] + λ_b(Σ_u b_u² + Σ_i b_i²)``. The first sum is over the ratings, so
    a user's vector is penalised once for each of their ratings (the weighted-λ of Zhou et al. 2008), and a bias only
    once. σ is the standard deviation of the values. Each rating updates its two vectors and biases by a step along the
    negative gradient (Funk 2006; Koren, Bell & Volinsky 2009). Several threads work on blocks without common vectors,
    see :mod:`fillrank.solvers.sparse.sgd_grid`. On one machine the result has the same bits for any number of threads.

    In a log with weights, the terms of a rating in the first sum are taken times w, and its steps are w times as long;
    the mean and σ are weighted too. Rows of weight 0 are left out.

    Args:
        interactions: ratings. They are never made dense: memory is that of the log and the factors.
        settings: see :class:`SgdSettings`; the defaults did best on a validation part of MovieLens 1M.
        n_threads: None: as many as PyTorch uses.
        after_epoch: see :data:`AfterEpoch`.
        after: a snapshot of the same training, which goes on after it to the same bits; None: from the beginning.

    Returns:
        Factors that fold new users in by ridge regression with the same penalty. A user or an item without ratings has
        a bias and a vector of zeros.

    Raises:
        DataError: the log has no values or no rows, or the snapshot is of another training.
        SettingsError: n_threads is below 1, or more than the machine can be asked for.
        TrainingError: the errors grow without bound; the message names the epoch and a learning rate to try.

    Example:
        >>> from fillrank.data import synthetic
        >>> log = synthetic(200, 100, 6000, rank=2, noise=0.1).interactions
        >>> errors = []
        >>> factors = biased_sgd(log, SgdSettings(dim=4), after_epoch=lambda epoch: errors.append(epoch.rmse))
        >>> len(errors), errors[-1] < 0.5 * errors[0]
        (40, True)
    """
    settings = SgdSettings() if settings is None else settings
    n_threads = torch.get_num_threads() if n_threads is None else threads("n_threads", n_threads)
    interactions = counting(interactions)
    if interactions.values is None or not len(interactions):
        raise DataError("this solver learns from values, and this log has none; name their column: value=…")
    affordable(
        8.0 * settings.dim * (interactions.n_users + interactions.n_items),
        f"vectors of dim={settings.dim} for {interactions!r}",
    )
    grid = BlockGrid.deal(interactions, interactions.values, numpy_stream(settings.seed, "sgd grid"))
    learner = _SgdState.fresh(interactions, grid, settings)
    if after is not None:
        learner.take_up(after)
    with ThreadPoolExecutor(n_threads) as pool:
        for epoch in learner.epochs(pool, n_threads, done=0 if after is None else after.epochs):
            if after_epoch is not None and after_epoch(epoch):
                break
    return learner.factors()


@dataclass(frozen=True, eq=False)
class _SgdState:
    """The state of the training: both sides in the order of the grid's bands, their updates, and the sum of weights."""

    grid: BlockGrid
    users: SgdSide
    items: SgdSide
    settings: SgdSettings
    total: float

    @classmethod
    def fresh(cls, interactions: Interactions, grid: BlockGrid, settings: SgdSettings) -> _SgdState:
        rng = numpy_stream(settings.seed, "sgd start")
        per_user, per_item = weighted_counts(interactions)
        users = _start(per_user[grid.users.order], settings, rng)
        items = _start(per_item[grid.items.order], settings, rng)
        total = float(len(interactions)) if interactions.weights is None else float(per_user.sum())
        return cls(grid, users, items, settings, total)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """What an epoch changes, by name."""
        sides = {"users": self.users, "items": self.items}
        return {f"{name}.{part}": getattr(side, part) for name, side in sides.items() for part in ("vectors", "bias")}

    def take_up(self, snapshot: SgdSnapshot) -> None:
        """Set the state to that of a snapshot."""
        for name, array in self.arrays().items():
            found = snapshot.arrays.get(name)
            if found is None or found.shape != array.shape or found.dtype != array.dtype:
                raise DataError(f"the snapshot has no {name} {list(array.shape)}; it is of another training")
            array[:] = found

    def epochs(self, pool: Executor, n_threads: int, *, done: int) -> Iterator[SgdEpoch]:
        """Train, and yield after each epoch that is not done yet."""
        for number in range(done + 1, self.settings.epochs + 1):
            squares = self._pass(pool, n_threads, number)
            error = math.sqrt(squares / self.total)
            self._check(error, number)
            copied = lambda number=number: SgdSnapshot(number, {n: a.copy() for n, a in self.arrays().items()})  # noqa: E731
            yield SgdEpoch(number, error * self.grid.spread, self.factors, copied)

    def _pass(self, pool: Executor, n_threads: int, epoch: int) -> float:
        """Go once through all ratings; returns the sum of the squared errors."""
        rates = self.settings.rates(epoch)
        total = 0.0
        for blocks in self.grid.rounds(numpy_stream(self.settings.seed, "sgd order", epoch)):
            queue, squares = iter(list(enumerate(blocks))), [0.0] * len(blocks)
            for done in [pool.submit(self._work, queue, rates, squares) for _ in range(n_threads)]:
                done.result()
            total += sum(squares)  # in the order of the blocks, for the same bits with any number of threads
        return total

    def _work(self, queue: Iterator[tuple[int, RatingRows]], rates: Rates, squares: list[float]) -> None:
        """Process one block after another, until the queue that the threads share is empty."""
        for number, rows in queue:
            squares[number] = compiled_sweep(rows, self.users, self.items, rates)

    def _check(self, error: float, epoch: int) -> None:
        if not error <= _DIVERGED:  # written so that NaN counts too
            names = [field.name for field in fields(SgdSettings) if field.name.endswith("learning_rate")]
            tries = ", ".join(f"{name}={getattr(self.settings, name) / 4:.2g}" for name in names)
            raise TrainingError(f"the errors grow without bound in epoch {epoch}: the steps are too long; try {tries}")

    def factors(self) -> Factors:
        """The current factors, in the order of the log and the units of its values."""
        users, items = (
            self._in_order(side, bands)
            for side, bands in ((self.users, self.grid.users), (self.items, self.grid.items))
        )
        folding = RatingRidge(
            self.settings.regularization * self.grid.spread,
            self.settings.bias_regularization,
            bias_per_rating=self.settings.bias_per_rating,
        )
        return Factors(
            users[0], items[0], user_bias=users[1], item_bias=items[1], offset=self.grid.mean, folding=folding
        )

    def _in_order(self, side: SgdSide, bands: Bands) -> tuple[Tensor, Tensor]:
        spread, vectors = self.grid.spread, side.vectors[:, : self.settings.dim]
        parts = (math.sqrt(spread) * vectors[bands.place], spread * side.bias[bands.place])
        vector, bias = (torch.from_numpy(part.astype(np.float32, copy=False)) for part in parts)
        return vector, bias


def _start(counts: NDArray[Any], settings: SgdSettings, rng: np.random.Generator) -> SgdSide:
    """Initial values: short random vectors (zeros without ratings) in rows of padded width, and biases of zero."""
    dim = settings.dim
    vectors = torch.zeros(len(counts), padded_width(dim)).numpy()  # PyTorch aligns memory to cache lines
    vectors[:, :dim] = rng.standard_normal((len(counts), dim), dtype=np.float32)
    vectors[:, :dim] *= np.float32(_START / math.sqrt(dim)) * (counts > 0)[:, None]
    share = 1.0 if settings.bias_per_rating else 1.0 / np.where(counts > 0, counts, 1)
    pull = np.broadcast_to(np.float32(1.0) * settings.bias_regularization * share, len(counts)).astype(np.float32)
    return SgdSide(vectors, np.zeros(len(counts), dtype=np.float32), pull)
