"""``Posterior``: the result of Gibbs sampling, with predictions and their uncertainty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fillrank.solvers.dense.cells import Array, Cells
from fillrank.solvers.dense.filling import top_triplets
from fillrank.solvers.dense.sides import Answer, FactorSide, normal_equations, outer_products, product, row_blocks

__all__ = ["Conditional", "Posterior", "Prior", "side_of", "summarised"]


class Prior(NamedTuple):
    """The normal prior of one side's vectors (factors and bias): mean ``[q]`` and precision ``[q, q]``."""

    mean: Array
    precision: Array


def side_of(vectors: Array, *, bias: bool) -> FactorSide:
    """Make a side from vectors ``[m, q]``; their last entry is the bias, if there is one."""
    return FactorSide(vectors[:, :-1], vectors[:, -1]) if bias else FactorSide(vectors, np.zeros(len(vectors)))


@dataclass(frozen=True, eq=False)
class Conditional:
    """The distribution of the rows' side given all else: independent normal vectors.

    Attributes:
        columns: the other side.
        prior: of the rows' vectors.
        noise: precision of an observation.
        bias: whether there are biases.
    """

    columns: FactorSide
    prior: Prior
    noise: float
    bias: bool

    def normals(self, cells: Cells) -> Iterator[tuple[slice, Array, Array]]:
        """For each block of rows: its slice, and the means ``[·, q]`` and precisions ``[·, q, q]`` of its vectors."""
        design = self.columns.design(with_bias=self.bias)
        for rows, block in row_blocks(Cells(cells.values - self.columns.bias, cells.weights), design.shape[1]):
            grams, targets = normal_equations(design, block)
            precisions = self.noise * grams + self.prior.precision
            pulls = self.noise * targets + self.prior.precision @ self.prior.mean
            yield rows, np.linalg.solve(precisions, pulls[:, :, None])[:, :, 0], precisions

    def draw(self, cells: Cells, rng: np.random.Generator) -> FactorSide:
        """Draw the rows' side."""
        drawn = np.empty((len(cells.values), len(self.prior.mean)))
        for rows, means, precisions in self.normals(cells):
            roots = np.linalg.cholesky(precisions).swapaxes(1, 2)
            drawn[rows] = means + np.linalg.solve(roots, rng.standard_normal((*means.shape, 1)))[:, :, 0]
        return side_of(drawn, bias=self.bias)

    def predict(self, cells: Cells) -> Array:
        """The mean of each cell, ``[m, n]``."""
        vectors = np.empty((len(cells.values), len(self.prior.mean)))
        for rows, means, _ in self.normals(cells):
            vectors[rows] = means
        return product(side_of(vectors, bias=self.bias), self.columns)

    def variance(self, cells: Cells) -> Array:
        """The variance of a new observation of each cell: ``d_jᵀ P_i⁻¹ d_j`` plus the noise."""
        outer = outer_products(self.columns.design(with_bias=self.bias))
        variance = np.empty_like(cells.values)
        for rows, _, precisions in self.normals(cells):
            variance[rows] = np.linalg.inv(precisions).reshape(len(precisions), -1) @ outer.T
        return variance + 1 / self.noise


@dataclass(frozen=True, eq=False)
class Posterior:
    """Samples of all but the rows. Given a sample, the means and variances of the rows have a closed form.

    Attributes:
        samples: evenly spaced states of the chain after burn-in.
        columns: a summary: the columns of the best low-rank approximation of the mean prediction.
        losses: mean squared error of the prediction of each sweep.
        converged: whether the chain ran all its sweeps.
    """

    samples: tuple[Conditional, ...]
    columns: FactorSide
    losses: tuple[float, ...]
    converged: bool = True

    def answer(self, cells: Cells) -> Answer:
        """Complete the rows of ``cells [m, n]``: the posterior mean, and its projection on the columns' summary."""
        mean = _mean(self.samples, cells)
        return Answer(_project(mean, self.columns, bias=self.samples[0].bias), mean)

    def draws(self, cells: Cells, n: int, rng: np.random.Generator) -> Iterator[Array]:
        """Draw a new observation of every cell, ``[m, n]``, from each of ``n`` evenly spaced samples."""
        for place in np.linspace(0, len(self.samples) - 1, n).round().astype(int).tolist():
            sample = self.samples[place]
            mean = product(sample.draw(cells, rng), sample.columns)
            yield mean + rng.standard_normal(mean.shape) / np.sqrt(sample.noise)

    def predictive_std(self, cells: Cells) -> Array:
        """The standard deviation of a new observation of each cell, ``[m, n]``: of the parameters and of the noise."""
        n, first, second = len(self.samples), np.zeros_like(cells.values), np.zeros_like(cells.values)
        for sample in self.samples:
            mean = sample.predict(cells)
            first += mean / n
            second += (np.square(mean) + sample.variance(cells)) / n
        std: Array = np.sqrt(np.maximum(second - np.square(first), 0.0))
        return std


def summarised(samples: tuple[Conditional, ...], cells: Cells, rank: int, losses: tuple[float, ...]) -> Posterior:
    """Make the posterior; the columns' summary is computed from its prediction of ``cells``."""
    column_bias = np.mean([sample.columns.bias for sample in samples], axis=0)
    without_factors = FactorSide(np.zeros((len(column_bias), 0)), column_bias)
    mean = _mean(samples, cells)
    rest = mean - product(_project(mean, without_factors, bias=samples[0].bias), without_factors)
    return Posterior(samples, FactorSide(top_triplets(rest, rank).V, column_bias), losses)


def _mean(samples: tuple[Conditional, ...], cells: Cells) -> Array:
    total = np.zeros_like(cells.values)
    for sample in samples:
        total += sample.predict(cells)
    return total / len(samples)


def _project(predicted: Array, columns: FactorSide, *, bias: bool) -> FactorSide:
    """The rows' side that is closest to a prediction; its biases are row means after the columns' biases."""
    rest = predicted - columns.bias
    row_bias = rest.mean(axis=1) if bias else np.zeros(len(rest))
    return FactorSide((rest - row_bias[:, None]) @ columns.factors, row_bias)
