"""``MatrixCompletionCV``: rank and regularization chosen on cells that are kept back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Literal, Self

import numpy as np

from fillrank.completion.completer import Completer
from fillrank.completion.fitting import fit_table, seed_from
from fillrank.completion.objects import Missing
from fillrank.completion.settings import Settings, Solver, check_bounds
from fillrank.completion.table import Table, row_weights
from fillrank.errors import DataError, SettingsError
from fillrank.rng import numpy_stream
from fillrank.solvers.dense.cells import Array

__all__ = ["MatrixCompletionCV"]

_AS_GOOD = 1e-4  # relative difference of errors that is none


class MatrixCompletionCV(Completer):
    """:class:`MatrixCompletion` with rank and regularization chosen by cross-validation over the known cells.

    The known cells are dealt into ``n_folds`` parts at random; each part in turn is kept back, a model is fitted to the
    others for every pair of settings, and its error on the kept cells is noted. The pair with the smallest mean error
    wins (of those within .01 % of it, the lowest rank, then the strongest regularization) and is fitted to all cells.

    Args:
        ranks: to try; those above the smaller side of the table count as that.
        regularizations: to try; ``"auto"`` is a grid of four that suits the solver. ``gibbs`` needs none.
        solver, bias, bounds, max_iter, tol, missing_values, random_state: as for :class:`MatrixCompletion`.
        n_folds: number of parts.

    Attributes:
        best_rank_, best_regularization_: the choice; the latter is ``"auto"`` for ``gibbs``.
        best_rmse_: its mean error on the parts kept back. Being the best of several, it flatters a little.
        cv_results_: ``rank``, ``regularization``, ``rmse`` (mean over the parts) and ``rmse_std``, one entry for each
            pair.

    The other attributes are those of :class:`MatrixCompletion`.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> table = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 20)) + 0.1 * rng.normal(size=(30, 20))
        >>> table[rng.random(table.shape) < 0.3] = np.nan
        >>> model = MatrixCompletionCV(ranks=(1, 2, 4), regularizations=(0.01,), solver="als").fit(table)
        >>> model.best_rank_, model.cv_results_["rank"].tolist()
        (2, [1, 2, 4])
    """

    def __init__(  # noqa: PLR0913  (scikit-learn wants every setting to be an argument)
        self,
        ranks: Sequence[int] = (1, 2, 4, 8, 16),
        *,
        regularizations: Sequence[float] | Literal["auto"] = "auto",
        solver: Solver = "als",
        n_folds: int = 5,
        bias: bool | Literal["auto"] = "auto",
        bounds: tuple[float, float] | None = None,
        max_iter: int = 200,
        tol: float = 1e-5,
        missing_values: Missing = None,
        random_state: Any = 0,
    ) -> None:
        self.ranks = ranks
        self.regularizations = regularizations
        self.solver: Solver = solver
        self.n_folds = n_folds
        self.bias = bias
        self.bounds = bounds
        self.max_iter = max_iter
        self.tol = tol
        self.missing_values = missing_values
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any = None,  # noqa: ARG002  (scikit-learn passes one)
        *,
        mask: Any = None,
        sample_weight: Any = None,
    ) -> Self:
        """Choose settings and learn from the known cells of ``X``; see :meth:`MatrixCompletion.fit`.

        Raises:
            DataError: also when fewer cells are known than there are parts.
        """
        table = self._table(X, mask, reset=True)
        weights = row_weights(sample_weight, len(table.values))
        candidates = self._candidates(min(table.values.shape))
        errors = self._errors(table, weights, candidates, seed_from(self.random_state))
        means = errors.mean(axis=1)
        best = int(np.flatnonzero(means <= means.min() * (1 + _AS_GOOD))[0])
        self.cv_results_ = {
            "rank": np.array([candidate.rank for candidate in candidates]),
            "regularization": np.array([candidate.regularization for candidate in candidates]),
            "rmse": means,
            "rmse_std": errors.std(axis=1),
        }
        self.best_rank_, self.best_regularization_ = candidates[best].rank, candidates[best].regularization
        self.best_rmse_ = float(means[best])
        return self._learn(table, weights, candidates[best])

    def _candidates(self, most: int) -> list[Settings]:
        """The settings to try, the simplest first."""
        first = Settings(1, self.solver, "auto", self.bias, "auto", self.max_iter, self.tol)
        if isinstance(self.regularizations, str) and self.regularizations == "auto":
            grid: Sequence[float | Literal["auto"]] = first.route.grid or ("auto",)
        else:
            grid = self.regularizations
        for name, given in (("ranks", self.ranks), ("regularizations", grid)):
            if isinstance(given, str) or not np.iterable(given) or not len(given):
                raise SettingsError(f"{name} must be a list of one or more numbers, got {given!r}")
        asked = [replace(first, rank=rank, regularization=strength) for rank, strength in product(self.ranks, grid)]
        lowered = {(min(one.rank, most), one.regularization): one for one in asked}
        simplest_first = sorted(
            lowered, key=lambda pair: (pair[0], -pair[1] if isinstance(pair[1], float | int) else 0)
        )
        return [replace(first, rank=rank, regularization=strength) for rank, strength in simplest_first]

    def _errors(self, table: Table, weights: Array, candidates: list[Settings], seed: int) -> Array:
        """The error of each candidate on each part when that is kept back, ``[candidates, n_folds]``."""
        parts = _deal(table.observed & (weights > 0)[:, None], self.n_folds, seed)
        low, high = check_bounds(self.bounds)
        errors = np.empty((len(candidates), self.n_folds))
        for part in range(self.n_folds):
            kept_back = parts == part
            rest = Table(table.values, table.observed & ~kept_back)
            for place, candidate in enumerate(candidates):
                predicted = fit_table(rest, weights, candidate, seed).predict(rest)
                error = np.clip(predicted, low, high)[kept_back] - table.values[kept_back]
                errors[place, part] = np.sqrt(np.mean(np.square(error)))
        return errors


def _deal(cells: Array, n_parts: int, seed: int) -> Array:
    """The part of each cell, ``[m, n]``; -1 for a cell that is in none.

    Raises:
        SettingsError: the number of parts is below 2.
        DataError: there are fewer cells than parts.
    """
    if not isinstance(n_parts, int | np.integer) or n_parts < 2:
        raise SettingsError(f"n_folds must be a whole number of 2 or more, got {n_parts!r}")
    n_cells = int(cells.sum())
    if n_cells < n_parts:
        raise DataError(f"{n_cells} known cells cannot be dealt into {n_parts} parts; lower n_folds or give more cells")
    parts = np.full(cells.shape, -1)
    parts[cells] = numpy_stream(seed, "cross-validation").permutation(n_cells) % n_parts
    return parts
