"""``spectral_start``: initial factors from singular vectors."""

from __future__ import annotations

import numpy as np

from fillrank.solvers.dense.cells import Array, Cells
from fillrank.solvers.dense.filling import top_triplets
from fillrank.solvers.dense.sides import FactorSide

__all__ = ["spectral_start"]

_CHANCE = 0.01  # share of the random part; it avoids saddle points


def spectral_start(cells: Cells, rank: int, rng: np.random.Generator) -> tuple[FactorSide, FactorSide]:
    """Initial sides from the singular vectors of the table with zeros in missing cells, plus a little noise.

    With few cells and little regularization, a random start can send factors of opposite signs to infinity. The
    singular vectors have the right signs (Jain, Netrapalli & Sanghavi 2013). The rows of each side have about unit
    length, or are zero without cells. Cells are multiplied by the root of their weight, so that a row of weight 2
    counts as much as two rows.
    """
    found = top_triplets(np.sqrt(cells.weights) * cells.values, min(rank, *cells.values.shape))
    known_rows, known_columns = (cells.weights.sum(axis=axis) > 0 for axis in (1, 0))
    columns = _blurred(found.V, rank, known_columns, rng)  # columns first, so that their noise does not depend on m
    return _blurred(found.U, rank, known_rows, rng), columns


def _blurred(vectors: Array, rank: int, known: Array, rng: np.random.Generator) -> FactorSide:
    n, n_found = vectors.shape
    factors = _CHANCE * rng.standard_normal((n, rank)) / np.sqrt(rank)
    factors[:, :n_found] += vectors * np.sqrt(n / rank)
    return FactorSide(factors * known[:, None], np.zeros(n))
