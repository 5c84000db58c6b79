"""Bayesian matrix factorization by Gibbs sampling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fillrank.solvers.dense.als import als
from fillrank.solvers.dense.cells import Array, Cells, Progress, Stop
from fillrank.solvers.dense.filling import top_triplets
from fillrank.solvers.dense.sides import Side, normal_equations, product, row_blocks

__all__ = ["Posterior", "gibbs"]

_KEPT = 100  # samples, at most
_BURN_IN = 1 / 3  # of the sweeps
_STRENGTH, _FREEDOM = 2.0, 1.0  # prior: cells' worth of knowledge about a mean; of a variance, above the dimension
_NOISE_SHAPE, _NOISE_RATE = 1.0, 0.1  # of the Gamma prior on the precision of the noise


class _Prior(NamedTuple):
    """What one side's vectors (factors and bias) are drawn from: mean ``[q]`` and precision ``[q, q]``."""

    mean: Array
    precision: Array


class _Sample(NamedTuple):
    """A state of the chain, less the rows, which follow from it."""

    columns: Side
    row_prior: _Prior
    noise: float  # precision


@dataclass(frozen=True, eq=False)
class Posterior:
    """Samples of everything but the rows. Given one, the rows are normal with known mean, which is taken exactly.

    Attributes:
        samples: states of the chain after it has burnt in, evenly spaced.
        columns: a summary, the best low-rank form of the mean prediction; see :meth:`rows`.
        bias: whether rows and columns have biases.
        losses: mean squared error of each sweep's own prediction.
        converged: the chain ran all its sweeps.
    """

    samples: tuple[_Sample, ...]
    columns: Side
    bias: bool
    losses: tuple[float, ...]
    converged: bool = True

    def predict(self, cells: Cells) -> Array:
        """The mean of every cell of these rows, ``[m, n]``, over the posterior."""
        total = np.zeros_like(cells.values)
        for sample in self.samples:
            total += _mean_prediction(sample, cells, bias=self.bias)
        return total / len(self.samples)

    def predictive_std(self, cells: Cells) -> Array:
        """The standard deviation of a new observation of each cell, ``[m, n]``: of what is unknown, and of noise."""
        first, second = np.zeros_like(cells.values), np.zeros_like(cells.values)
        for sample in self.samples:
            mean = _mean_prediction(sample, cells, bias=self.bias)
            first += mean
            second += mean**2 + _row_variance(sample, cells, bias=self.bias) + 1 / sample.noise
        n = len(self.samples)
        return np.sqrt(np.maximum(second / n - (first / n) ** 2, 0.0))

    def rows(self, cells: Cells) -> Side:
        """The rows' side that belongs to ``columns``: the mean prediction projected."""
        return _project(self.predict(cells), self.columns, bias=self.bias)


def gibbs(cells: Cells, rank: int, *, bias: bool = True, sweeps: int = 200, rng: np.random.Generator) -> Posterior:
    """Bayesian probabilistic matrix factorization (Salakhutdinov & Mnih 2008) with biases and an unknown noise.

    ``z_ij ~ N(u_i·v_j + b_i + c_j, 1/(α w_ij))``; the vectors ``[u_i, b_i]`` are normal with one mean and precision for
    all rows, ``[v_j, c_j]`` with another for all columns; those have Normal-Wishart priors and α a Gamma prior. So there
    is no regularization to choose. A sweep draws, each given all else, the columns' prior, the columns, the rows' prior,
    the rows, and α. The first third of the sweeps is thrown away, and of the rest at most 100 are kept.

    Args:
        cells: ``[m, n]``, centred and of unit spread: the priors expect that.
        rank: number of factors.
        bias: whether rows and columns have biases.
        sweeps: length of the chain.
        rng: of the chain.
    """
    start = als(cells, rank, bias=bias, stop=Stop(max_iter=5, tol=0), rng=rng)
    columns, rows, noise = start.columns, start.rows(cells), 1.0
    progress, samples = Progress(Stop(max_iter=sweeps, tol=0)), []
    kept = _kept_sweeps(sweeps)
    for sweep in range(sweeps):
        columns = _draw_side(rows, cells.transposed, _draw_prior(columns, rng, bias=bias), noise, rng, bias=bias)
        row_prior = _draw_prior(rows, rng, bias=bias)
        rows = _draw_side(columns, cells, row_prior, noise, rng, bias=bias)
        error = cells.squared_error(product(rows, columns))
        noise = rng.gamma(_NOISE_SHAPE + cells.total_weight / 2) / (_NOISE_RATE + error / 2)
        progress.done(error / cells.total_weight)
        if sweep in kept:
            samples.append(_Sample(columns, row_prior, noise))
    return _summarised(tuple(samples), cells, rank, bias=bias, losses=tuple(progress.losses))


def _kept_sweeps(sweeps: int) -> set[int]:
    first = int(sweeps * _BURN_IN)
    return set(np.linspace(first, sweeps - 1, min(_KEPT, sweeps - first)).astype(int).tolist())


def _vectors(side: Side, *, bias: bool) -> Array:
    return np.column_stack([side.factors, side.bias]) if bias else side.factors


def _side(vectors: Array, *, bias: bool) -> Side:
    return Side(vectors[:, :-1], vectors[:, -1]) if bias else Side(vectors, np.zeros(len(vectors)))


def _draw_prior(side: Side, rng: np.random.Generator, *, bias: bool) -> _Prior:
    """Mean and precision given the vectors of one side: a draw from the Normal-Wishart posterior."""
    x = _vectors(side, bias=bias)
    n, q = x.shape
    centre = x.mean(axis=0)
    spread = (x - centre).T @ (x - centre)
    strength, freedom = _STRENGTH + n, _FREEDOM + q + n
    pull = _STRENGTH * n / strength * np.outer(centre, centre)
    scale = np.linalg.inv(np.eye(q) + spread + pull)
    precision = _draw_wishart((scale + scale.T) / 2, freedom, rng)
    root = np.linalg.cholesky(strength * precision)
    mean = n / strength * centre + np.linalg.solve(root.T, rng.standard_normal(q))
    return _Prior(mean, precision)


def _draw_wishart(scale: Array, freedom: float, rng: np.random.Generator) -> Array:
    """By Bartlett's decomposition."""
    q = len(scale)
    lower = np.tril(rng.standard_normal((q, q)), -1)
    lower[np.diag_indices(q)] = np.sqrt(rng.chisquare(freedom - np.arange(q)))
    root = np.linalg.cholesky(scale) @ lower
    return root @ root.T


def _conditionals(
    other: Side, cells: Cells, prior: _Prior, noise: float, *, bias: bool
) -> Iterator[tuple[slice, Array, Array]]:
    """In blocks of rows: which, the mean ``[·, q]`` and the precision ``[·, q, q]`` of their vectors."""
    design = other.design(with_bias=bias)
    for rows, block in row_blocks(Cells(cells.values - other.bias, cells.weights), design.shape[1]):
        grams, targets = normal_equations(design, block)
        precision = noise * grams + prior.precision
        pull = noise * targets + prior.precision @ prior.mean
        yield rows, np.linalg.solve(precision, pull[:, :, None])[:, :, 0], precision


def _draw_side(other: Side, cells: Cells, prior: _Prior, noise: float, rng: np.random.Generator, *, bias: bool) -> Side:
    drawn = np.empty((len(cells.values), len(prior.mean)))
    for rows, mean, precision in _conditionals(other, cells, prior, noise, bias=bias):
        roots = np.linalg.cholesky(precision)
        chance = rng.standard_normal(mean.shape)
        drawn[rows] = mean + np.linalg.solve(roots.swapaxes(1, 2), chance[:, :, None])[:, :, 0]
    return _side(drawn, bias=bias)


def _mean_prediction(sample: _Sample, cells: Cells, *, bias: bool) -> Array:
    columns, prior, noise = sample
    means = np.empty((len(cells.values), len(prior.mean)))
    for rows, mean, _ in _conditionals(columns, cells, prior, noise, bias=bias):
        means[rows] = mean
    return product(_side(means, bias=bias), columns)


def _row_variance(sample: _Sample, cells: Cells, *, bias: bool) -> Array:
    """``d_jᵀ P_i⁻¹ d_j``: what is not known of row i, seen at column j; ``[m, n]``."""
    columns, prior, noise = sample
    design = columns.design(with_bias=bias)
    n, q = design.shape
    outer = (design[:, :, None] * design[:, None, :]).reshape(n, q * q)
    variance = np.empty_like(cells.values)
    for rows, _, precision in _conditionals(columns, cells, prior, noise, bias=bias):
        variance[rows] = np.linalg.inv(precision).reshape(-1, q * q) @ outer.T
    return variance


def _summarised(
    samples: tuple[_Sample, ...], cells: Cells, rank: int, *, bias: bool, losses: tuple[float, ...]
) -> Posterior:
    column_bias = np.mean([sample.columns.bias for sample in samples], axis=0)
    n = len(column_bias)
    whole = Posterior(samples, Side(np.zeros((n, 0)), column_bias), bias, losses)
    mean = whole.predict(cells)
    rest = mean - product(_project(mean, whole.columns, bias=bias), whole.columns)
    return Posterior(samples, Side(top_triplets(rest, rank).V, column_bias), bias, losses)


def _project(predicted: Array, columns: Side, *, bias: bool) -> Side:
    """The rows' side that comes closest to a prediction, its biases the means of what the columns' biases leave."""
    rest = predicted - columns.bias
    row_bias = rest.mean(axis=1) if bias else np.zeros(len(rest))
    return Side((rest - row_bias[:, None]) @ columns.factors, row_bias)
