"""Fit a table with given settings: the function behind the estimators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fillrank.arguments import shown
from fillrank.completion.settings import Settings, Solution
from fillrank.completion.table import Scale, Table
from fillrank.errors import DataError, SettingsError
from fillrank.runtime.rng import numpy_stream
from fillrank.solvers.dense import Posterior
from fillrank.solvers.dense.cells import Array
from fillrank.solvers.dense.sides import FactorSide

__all__ = ["Fitted", "check_learnable", "fit_table", "seed_from"]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A solution and the scale of the values that it was fitted to."""

    scale: Scale
    solution: Solution

    def predict(self, table: Table) -> Array:
        """Predict every cell of the rows of ``table``, ``[m, n]``, from its known cells."""
        return self.scale.restore(self.solution.answer(self.scale.cells(table)).table)

    def rows(self, table: Table) -> FactorSide:
        """The rows' side: in the units of the data if the table has one scale, else without units."""
        side = self.solution.answer(self.scale.cells(table)).rows
        unit = self.scale.spread if np.ndim(self.scale.spread) == 0 else 1.0
        return FactorSide(unit * side.factors, unit * side.bias)

    def predictive_std(self, table: Table) -> Array | None:
        """The standard deviation of a new observation of each cell, ``[m, n]``; None if the solver gives none."""
        if not isinstance(self.solution, Posterior):
            return None
        return self.scale.spread * self.solution.predictive_std(self.scale.cells(table))

    def draws(self, table: Table, n: int, rng: np.random.Generator) -> Iterator[Array]:
        """New observations of every cell, ``[m, n]`` each, from ``n`` samples of a posterior."""
        if isinstance(self.solution, Posterior):
            for drawn in self.solution.draws(self.scale.cells(table), n, rng):
                yield self.scale.restore(drawn)


def fit_table(table: Table, weights: Array, settings: Settings, seed: int) -> Fitted:
    """Learn from the known cells of ``table``; ``weights [m]`` are those of the rows.

    A rank above the smaller side of the table is lowered to it, because no table needs more. The whole table has one
    scale unless the settings say ``"columns"``.

    Raises:
        DataError: no cell is known in a row of positive weight.
    """
    check_learnable(table, weights)
    settings = replace(settings, rank=min(settings.rank, *table.values.shape))
    scale = Scale.of(table, weights, centre=settings.with_bias, by_column=settings.scale == "columns")
    solution = settings.route.solve(scale.cells(table, weights), settings, numpy_stream(seed, "completion"))
    return Fitted(scale, solution)


def check_learnable(table: Table, weights: Array) -> None:
    """Refuse a table without a known cell in a row of positive weight (``DataError``)."""
    if not table.observed[weights > 0].any():
        raise DataError(
            f"no cell of the {table.values.shape[0]}×{table.values.shape[1]} table is known "
            "(in a row of positive weight); there is nothing to learn from"
        )


def seed_from(random_state: Any) -> int:
    """A seed from what scikit-learn calls ``random_state``: a whole number, a generator, or None for a fresh one.

    Raises:
        SettingsError: it is none of these.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool) and 0 <= random_state < 2**63:
        return int(random_state)
    raise SettingsError(
        f"random_state must be a whole number of 0 or more, a generator or None, got {shown(random_state)}"
    ).about("random_state")
