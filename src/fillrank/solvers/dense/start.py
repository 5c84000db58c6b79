"""Where the iterations over factors begin."""

from __future__ import annotations

import numpy as np

from fillrank.solvers.dense.cells import Array, Cells
from fillrank.solvers.dense.filling import top_triplets
from fillrank.solvers.dense.sides import FactorSide

__all__ = ["spectral_start"]

_CHANCE = 0.01  # share of the start that is random: keeps it off saddles


def spectral_start(cells: Cells, rank: int, rng: np.random.Generator) -> tuple[FactorSide, FactorSide]:
    """The rows' and the columns' side from the singular vectors of the table with zeros in its holes, a little blurred.

    From a random start, few cells and little regularization can send factors of opposite signs to infinity; these
    vectors have their signs right (Jain, Netrapalli & Sanghavi 2013). The rows of each side are of about unit length,
    and zero where nothing is known. The cells count by the root of their weight, so that a row of weight 2 is as good
    as two.
    """
    found = top_triplets(np.sqrt(cells.weights) * cells.values, min(rank, *cells.values.shape))
    known_rows, known_columns = (cells.weights.sum(axis=axis) > 0 for axis in (1, 0))
    columns = _blurred(found.V, rank, known_columns, rng)  # first: what they draw must not hang on m
    return _blurred(found.U, rank, known_rows, rng), columns


def _blurred(vectors: Array, rank: int, known: Array, rng: np.random.Generator) -> FactorSide:
    n, n_found = vectors.shape
    factors = _CHANCE * rng.standard_normal((n, rank)) / np.sqrt(rank)
    factors[:, :n_found] += vectors * np.sqrt(n / rank)
    return FactorSide(factors * known[:, None], np.zeros(n))
