"""``Cells``: a table with missing cells, and ``Stop``: when an iteration ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fillrank.errors import SettingsError, TrainingError

__all__ = ["Array", "Cells", "LossCurve", "Stop"]

Array: TypeAlias = NDArray[Any]

_NOTHING = 1e-20  # an objective (of values with unit spread) below this is only rounding error


class Cells(NamedTuple):
    """A table with missing cells. A cell with weight 0 is missing, whatever its value; a value of 0 is a value.

    Attributes:
        values: float64 ``[m, n]``, finite everywhere.
        weights: float64 ``[m, n]``, 0 or more.

    Example:
        >>> cells = Cells.observed(np.array([[1.0, np.nan], [0.0, 4.0]]))
        >>> cells.values.tolist(), cells.weights.tolist()
        ([[1.0, 0.0], [0.0, 4.0]], [[1.0, 0.0], [1.0, 1.0]])
    """

    values: Array
    weights: Array

    @classmethod
    def observed(cls, table: Array) -> Cells:
        """The cells of ``table`` that are not NaN, each with weight 1."""
        there = ~np.isnan(table)
        return cls(np.where(there, table, 0.0).astype(np.float64), there.astype(np.float64))

    @property
    def transposed(self) -> Cells:
        return Cells(self.values.T, self.weights.T)

    @property
    def total_weight(self) -> float:
        return float(self.weights.sum())

    def squared_error(self, predicted: Array) -> float:
        """``Σ w (value - predicted)²``; ``predicted`` is ``[m, n]``."""
        return float(np.vdot(self.weights, np.square(self.values - predicted)))


@dataclass(frozen=True)
class Stop:
    """When a solver ends: after ``max_iter`` iterations, or when the objective changes relatively by ``tol`` or less.

    With a ``tol`` above 0 it also ends when the objective is only rounding error.

    Raises:
        SettingsError: ``max_iter`` is below 1, or ``tol`` is negative or not a number.
    """

    max_iter: int = 200
    tol: float = 1e-5

    def __post_init__(self) -> None:
        if self.max_iter < 1:
            raise SettingsError(f"max_iter must be 1 or more, got {self.max_iter}")
        if not self.tol >= 0:
            raise SettingsError(f"tol must be 0 or more, got {self.tol}")


@dataclass
class LossCurve:
    """The objective after each iteration so far.

    Attributes:
        stop: when to end.
        advice: what to do if the objective is no longer finite, for the error.
        losses: one number per iteration.
        converged: whether the solver ended because of ``tol``.
    """

    stop: Stop
    advice: str = "scale the values or raise the regularization"
    losses: list[float] = field(default_factory=list)
    converged: bool = False

    def done(self, loss: float) -> bool:
        """Record the objective of an iteration, and return whether it was the last one.

        Raises:
            TrainingError: the objective is not finite.
        """
        if not np.isfinite(loss):
            raise TrainingError(f"the objective is {loss} after round {len(self.losses) + 1}; {self.advice}")
        self.losses.append(loss)
        if len(self.losses) > 1:
            before = self.losses[-2]
            self.converged = abs(before - loss) <= self.stop.tol * before or (self.stop.tol > 0 and loss < _NOTHING)
        return self.converged or len(self.losses) >= self.stop.max_iter
