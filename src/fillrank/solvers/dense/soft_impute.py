"""``soft_impute``: completion with a nuclear-norm penalty, along a path of decreasing penalties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fillrank.arguments import checked
from fillrank.errors import SettingsError
from fillrank.solvers.dense.asked import check_asked
from fillrank.solvers.dense.cells import Array, Cells, LossCurve, Stop
from fillrank.solvers.dense.filling import Triplets, fill_and_decompose, scaled_to_one, start_state, top_triplets
from fillrank.solvers.dense.sides import FactorSide, PointSolution, RowRidge

__all__ = ["soft_impute", "soft_impute_path"]

_STAGES = 4  # stages before the final penalty, with equal ratios from the largest one
_LEAST = 1e-3  # the smallest fraction of these stages, if the final one is smaller or 0


@dataclass(frozen=True)
class _Nuclear:
    """The penalty ``2λ Σ s`` with a limit on the rank: λ is subtracted from each singular value, down to 0."""

    rank: int
    strength: float

    def best(self, table: Array) -> Triplets:
        U, s, V = top_triplets(table, self.rank)
        return Triplets(U, np.maximum(s - self.strength, 0.0), V)

    def penalty(self, s: Array) -> float:
        return 2 * self.strength * float(s.sum())


@checked
def soft_impute(
    cells: Cells, rank: int, *, regularization: float = 0.1, bias: bool = True, stop: Stop | None = None
) -> PointSolution:
    """Soft-impute (Mazumder, Hastie & Tibshirani 2010), warm-started along a path, with biases.

    Minimises ``Σ ω_ij (z_ij - b_i - c_j - L_ij)² + 2λ |L|_* + λ (|b|² + |c|²)``, with ω the weights divided by the
    largest; without biases that is twice the usual form. No iteration increases it. With ``L = A Bᵀ`` balanced,
    ``2 |L|_*`` is ``|A|² + |B|²``, so new rows are folded in by a ridge regression with penalty λ on B.

    Args:
        cells: ``[m, n]``, preferably with mean 0 and standard deviation 1.
        rank: an upper bound; the nuclear norm decides the rank below it.
        regularization: λ as a fraction of the smallest λ at which L vanishes (without biases). With 0 the data is
            reproduced as far as the rank allows.
        bias: whether rows and columns have biases.
        stop: when each stage ends.

    Returns:
        The solution; its losses are those of the last stage.

    Raises:
        SettingsError: the fraction is not from 0 to 1.
    """
    _check_fraction(regularization)
    first = max(regularization, _LEAST)
    ladder = [first ** (stage / _STAGES) for stage in range(1, _STAGES + (first > regularization))]
    return soft_impute_path(cells, rank, [*ladder, regularization], bias=bias, stop=stop)[-1]


@checked
def soft_impute_path(
    cells: Cells, rank: int, fractions: Sequence[float], *, bias: bool = True, stop: Stop | None = None
) -> tuple[PointSolution, ...]:
    """A solution for each of the ``fractions``; each begins at the one before, so give them in descending order.

    See :func:`soft_impute`.

    Example:
        >>> cells = Cells.observed(np.diag([4.0, 2.0, 1.0]))
        >>> path = soft_impute_path(cells, 3, [0.5, 0.25], bias=False)
        >>> [np.diag(found.answer(cells).table).round(6).tolist() for found in path]  # λ = 2, then 1
        [[2.0, 0.0, 0.0], [3.0, 1.0, 0.0]]
    """
    check_asked(cells, rank)
    for fraction in fractions:
        _check_fraction(fraction)
    scaled = scaled_to_one(cells)
    largest = float(top_triplets(scaled.weights * scaled.values, 1).s[0])
    state, found = start_state(cells), []
    for fraction in fractions:
        shrinkage, progress = _Nuclear(rank, fraction * largest), LossCurve(stop or Stop())
        state = fill_and_decompose(scaled, state, shrinkage, bias=bias, progress=progress)
        columns = FactorSide(state.low_rank.V * np.sqrt(state.low_rank.s), state.column_bias)
        ridge = RowRidge(constant=shrinkage.strength, bias=bias)
        found.append(PointSolution(columns, ridge, tuple(progress.losses), progress.converged))
    return tuple(found)


def _check_fraction(fraction: float) -> None:
    if not 0 <= fraction <= 1:
        raise SettingsError(
            f"the regularization of soft-impute is a fraction of the largest, from 0 to 1; got {fraction}"
        )
