"""``bayesian_factors``: run several chains in parallel, and return the mean prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from fillrank.arguments import MOST_DIM, affordable, checked, count, threads
from fillrank.data import Interactions
from fillrank.errors import SettingsError, TrainingError
from fillrank.factors import Factors
from fillrank.factors.temporal import TimeAwareFactors
from fillrank.runtime.rng import numpy_stream
from fillrank.runtime.threads import share_out
from fillrank.solvers.sparse.gibbs.average import PosteriorSums
from fillrank.solvers.sparse.gibbs.chain import Chain
from fillrank.solvers.sparse.gibbs.design import Design
from fillrank.solvers.sparse.gibbs.state import GibbsState

__all__ = ["AfterSweep", "GibbsSettings", "PosteriorMean", "Sweep", "bayesian_factors"]


@checked
@dataclass(frozen=True)
class GibbsSettings:
    """The settings of :func:`bayesian_factors`.

    Attributes:
        dim: length of the vectors.
        iterations: number of sweeps of each chain.
        burn_in: number of sweeps at the start of each chain that are discarded.
        n_chains: number of independent chains, each in its own thread. The result does not depend on how many threads
            run at once.
        sets: whether the vector of a user also depends on the set of items they met, and the same for items.
        dates: whether predictions depend on the day of the rating.
        kept_dim: number of columns of the mean product, see :mod:`fillrank.solvers.sparse.gibbs.products`.
        seed: for all draws.

    Raises:
        SettingsError: a setting is out of its range.
    """

    dim: int = 20
    iterations: int = 512
    burn_in: int = 50
    n_chains: int = 2
    sets: bool = True
    dates: bool = False
    kept_dim: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        count("dim", self.dim, most=MOST_DIM)
        count("kept_dim", self.kept_dim, most=MOST_DIM)
        count("iterations", self.iterations)
        count("burn_in", self.burn_in, least=0)
        threads("n_chains", self.n_chains)
        if self.burn_in >= self.iterations:
            raise SettingsError(
                f"burn_in={self.burn_in} leaves no sample of {self.iterations} iterations; take a smaller burn_in"
            )


@dataclass(frozen=True)
class Sweep:
    """A sweep that has just ended.

    Attributes:
        chain: number of the chain, from 0.
        number: number of the sweep, from 1.
        rmse: error of this sample on the ratings of training, in the units of the values.
        noise: standard deviation of the noise, in the units of the values.
        snapshot: a function that returns a copy of all that the chain needs to go on after this sweep.
    """

    chain: int
    number: int
    rmse: float
    noise: float
    snapshot: Callable[[], GibbsState]


AfterSweep: TypeAlias = Callable[[Sweep], bool]
"""Called after each sweep of each chain, in the chain's own thread; True ends that chain."""


@dataclass(frozen=True, eq=False)
class PosteriorMean:
    """The mean prediction over all samples.

    Attributes:
        predictor: factors with the mean prediction.
        n_samples: number of samples.
        loss: upper bound of the error from keeping only ``kept_dim`` columns, relative to the norm of the products.
    """

    predictor: Factors | TimeAwareFactors
    n_samples: int
    loss: float


@checked
def bayesian_factors(
    interactions: Interactions,
    settings: GibbsSettings | None = None,
    *,
    after_sweep: AfterSweep | None = None,
    after: Mapping[int, GibbsState] | None = None,
) -> PosteriorMean:
    """Bayesian matrix factorisation with implicit sets and days, by Gibbs sampling.

    A rating of item i by user u on day t is normal around ``μ + α_u + β_i + δ_t + <a_u, b_i> + <a_u + b_i, d_t>`` with

        ``a_u = p_u + Σ_{j∈N(u)} y_j / √|N(u)|``,    ``b_i = q_i + Σ_{v∈N(i)} z_v / √|N(i)|``,

    where N(u) are the items that u has met and N(i) the users who met i. The linear terms α and β have the same form.
    This is the "SVD++ flipped" and "timeSVD++ flipped" of Rendle, Zhang & Koren 2019, without the products within one
    side. p, q, y, z and d are normal in each dimension. Their means and precisions, and the noise, are drawn too, so
    there is no regularisation to choose. The result is the mean of the predictions of all samples, and not the
    prediction of mean vectors.

    A sweep costs O(nnz · dim), including the sets, because in each dimension the ratings are needed only for two sums
    (see :mod:`fillrank.solvers.sparse.gibbs.kernels`).

    Args:
        interactions: ratings, with times for ``dates``.
        settings: see :class:`GibbsSettings`.
        after_sweep: called after each sweep; True ends the chain, which keeps its last sample if it has no other.
        after: snapshots of the same sampling, by chain, which go on to the same bits; None: from the beginning.

    Raises:
        DataError: the log has no rows, no values, or ``dates`` is asked for and it has no times.
        TrainingError: the errors became NaN or infinite.

    Example:
        >>> from fillrank.data import synthetic
        >>> log = synthetic(60, 40, 900, rank=2, seed=0).interactions
        >>> mean = bayesian_factors(log, GibbsSettings(dim=3, iterations=30, burn_in=10))
        >>> mean.n_samples, mean.predictor.n_users, mean.predictor.n_items
        (40, 60, 40)
    """
    settings = settings or GibbsSettings()
    affordable(
        8.0 * settings.n_chains * settings.dim * (interactions.n_users + interactions.n_items),
        f"n_chains={settings.n_chains} with vectors of dim={settings.dim} for {interactions!r}",
    )
    design = Design.of(interactions, dates=settings.dates, sets=settings.sets)

    def run(chain: int) -> PosteriorSums:
        before = None if after is None else after.get(chain)
        return _run(design, settings, chain, after_sweep or (lambda _: False), before)

    with threadpool_limits(1, user_api="blas"):  # with several threads, products have other last bits
        total, *rest = share_out(run, range(settings.n_chains), settings.n_chains)
        for average in rest:
            total.absorb(average)
        predictor, loss = total.predictor()
    return PosteriorMean(predictor, total.count, loss)


def _run(
    design: Design, settings: GibbsSettings, number: int, after_sweep: AfterSweep, before: GibbsState | None
) -> PosteriorSums:
    """Run one chain from its start, or from a snapshot, to its end."""
    chain = Chain(design, settings.dim, numpy_stream(settings.seed, "gibbs", number))
    average = PosteriorSums(design, settings.kept_dim)
    done = 0
    if before is not None:
        chain.take_up(before.part("chain"))
        average.take_up(before.part("average"))
        done = int(before.facts["done"]["sweeps"])
    for sweep in range(done + 1, settings.iterations + 1):
        chain.sweep()
        error = float(np.sqrt(np.mean(np.square(chain.errors))))
        if not np.isfinite(error):
            raise TrainingError(f"the errors of sweep {sweep} are NaN or infinite; look for values of very large size")
        if sweep > settings.burn_in:
            average.add(chain)
        noise, snapshot = design.spread / chain.noise**0.5, partial(_snapshot, chain, average, sweep)
        if after_sweep(Sweep(number, sweep, error * design.spread, noise, snapshot)):
            break
    if not average.count:
        average.add(chain)
    return average


def _snapshot(chain: Chain, average: PosteriorSums, sweep: int) -> GibbsState:
    done = GibbsState({}, {"sweeps": sweep})
    return GibbsState.of({"chain": chain.state(), "average": average.state(), "done": done})
