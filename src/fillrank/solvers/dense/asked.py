"""Check the arguments of the dense solvers before they begin."""

from __future__ import annotations

from fillrank.arguments import MOST_DIM, affordable, count, shown
from fillrank.errors import SettingsError
from fillrank.runtime.strict_json import is_number
from fillrank.solvers.dense.cells import Cells

__all__ = ["check_asked"]


def check_asked(cells: Cells, rank: int, *, regularization: float = 0.0, learning_rate: float | None = None) -> None:
    """Refuse arguments that no solver can work with.

    Args:
        cells: ``[m, n]``.
        rank: number of factors.
        regularization: 0 or more.
        learning_rate: above 0; None: the solver's own.

    Raises:
        SettingsError: an argument is out of its range; the message names it.
    """
    count("rank", rank, most=MOST_DIM)
    affordable(16.0 * rank * sum(cells.values.shape), f"factors of rank={rank:,}")
    if not regularization >= 0:
        raise SettingsError(f"regularization must be 0 or more, got {regularization}").about("regularization")
    if learning_rate is not None and not (is_number(learning_rate) and learning_rate > 0):
        raise SettingsError(f"learning_rate must be a number above 0, got {shown(learning_rate)}").about(
            "learning_rate"
        )
