"""``gibbs``: Bayesian matrix factorization of a dense table by Gibbs sampling."""

from __future__ import annotations

import numpy as np

from fillrank.arguments import checked, count
from fillrank.solvers.dense.als import als
from fillrank.solvers.dense.asked import check_asked
from fillrank.solvers.dense.cells import Array, Cells, LossCurve, Stop
from fillrank.solvers.dense.posterior import Conditional, Posterior, Prior, summarised
from fillrank.solvers.dense.sides import FactorSide, product

__all__ = ["gibbs"]

_KEPT = 100  # largest number of samples
_BURN_IN = 1 / 3  # share of the sweeps
_STRENGTH, _FREEDOM = 2.0, 1.0  # prior: strength of the mean, in vectors; degrees of freedom above the dimension
_NOISE_SHAPE, _NOISE_RATE = 1.0, 0.1  # of the Gamma prior on the precision of the noise


@checked
def gibbs(cells: Cells, rank: int, *, bias: bool = True, sweeps: int = 200, rng: np.random.Generator) -> Posterior:
    """Bayesian probabilistic matrix factorization (Salakhutdinov & Mnih 2008) with biases and an unknown noise.

    ``z_ij ~ N(u_i·v_j + b_i + c_j, 1/(α w_ij))``. The vectors ``[u_i, b_i]`` are normal with a common mean and
    precision for all rows, ``[v_j, c_j]`` with another for all columns. These have Normal-Wishart priors, and α has a
    Gamma prior, so there is no regularization to choose. A sweep draws the columns' prior, the columns, the rows'
    prior, the rows, and α, each given all others. The first third of the sweeps is discarded, and at most 100 of the
    others are kept.

    Args:
        cells: ``[m, n]`` with mean 0 and standard deviation 1, which the priors assume.
        rank: number of factors.
        bias: whether rows and columns have biases.
        sweeps: length of the chain.
        rng: of the chain.

    Raises:
        SettingsError: rank or sweeps is below 1.
    """
    check_asked(cells, rank)
    count("sweeps", sweeps)
    start = als(cells, rank, bias=bias, stop=Stop(max_iter=5, tol=0), rng=rng)
    columns, rows, noise = start.columns, start.answer(cells).rows, 1.0
    progress, samples = LossCurve(Stop(max_iter=sweeps, tol=0)), []
    kept = _kept_sweeps(sweeps)
    for sweep in range(sweeps):
        column_prior = _draw_prior(columns, rng, bias=bias)
        columns = Conditional(rows, column_prior, noise, bias).draw(cells.transposed, rng)
        row_prior = _draw_prior(rows, rng, bias=bias)
        rows = Conditional(columns, row_prior, noise, bias).draw(cells, rng)
        error = cells.squared_error(product(rows, columns))
        noise = rng.gamma(_NOISE_SHAPE + cells.total_weight / 2) / (_NOISE_RATE + error / 2)
        progress.done(error / cells.total_weight)
        if sweep in kept:
            samples.append(Conditional(columns, row_prior, noise, bias))
    return summarised(tuple(samples), cells, rank, tuple(progress.losses))


def _kept_sweeps(sweeps: int) -> set[int]:
    first = int(sweeps * _BURN_IN)
    return set(np.linspace(first, sweeps - 1, min(_KEPT, sweeps - first)).astype(int).tolist())


def _draw_prior(side: FactorSide, rng: np.random.Generator, *, bias: bool) -> Prior:
    """Draw mean and precision given the vectors of one side, from the Normal-Wishart posterior."""
    vectors = np.column_stack([side.factors, side.bias]) if bias else side.factors
    n, q = vectors.shape
    centre = vectors.mean(axis=0)
    spread = (vectors - centre).T @ (vectors - centre)
    strength = _STRENGTH + n
    pull = _STRENGTH * n / strength * np.outer(centre, centre)
    scale = np.linalg.inv(np.eye(q) + spread + pull)
    precision = _draw_wishart((scale + scale.T) / 2, _FREEDOM + q + n, rng)
    root = np.linalg.cholesky(strength * precision)
    return Prior(n / strength * centre + np.linalg.solve(root.T, rng.standard_normal(q)), precision)


def _draw_wishart(scale: Array, freedom: float, rng: np.random.Generator) -> Array:
    """A draw from the Wishart distribution ``W(scale [q, q], freedom)``, by Bartlett's decomposition."""
    q = len(scale)
    lower = np.tril(rng.standard_normal((q, q)), -1)
    lower[np.diag_indices(q)] = np.sqrt(rng.chisquare(freedom - np.arange(q)))
    root = np.linalg.cholesky(scale) @ lower
    product_of_roots: Array = root @ root.T
    return product_of_roots
