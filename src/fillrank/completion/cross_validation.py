"""``MatrixCompletionCV``: choose rank and regularization by cross-validation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any, Literal, Self

import numpy as np

from fillrank.arguments import naming
from fillrank.completion.choosing import KeptBack, with_scale
from fillrank.completion.completer import Completer
from fillrank.completion.fitting import fit_table, seed_from
from fillrank.completion.grid import ParameterGrid
from fillrank.completion.objects import Missing
from fillrank.completion.settings import ScaledBy, Settings, Solver, check_bounds
from fillrank.completion.table import Table, in_units, row_weights
from fillrank.completion.telling import NowAndThen
from fillrank.errors import DataError, SettingsError
from fillrank.runtime.rng import numpy_stream
from fillrank.solvers.dense.cells import Array

__all__ = ["MatrixCompletionCV"]

logger = logging.getLogger("fillrank")

_AS_GOOD = 1e-4  # errors with a smaller relative difference count as equal
_RANKS = (1, 2, 4, 8, 16)
_NOTHING_LEFT = 1e-3  # error, as a share of the spread of the values, at which no grid goes on


class MatrixCompletionCV(Completer):
    """:class:`MatrixCompletion` with rank and regularization chosen by cross-validation over the known cells.

    The known cells are divided into ``n_folds`` parts at random. Each part in turn is held out; for every pair of
    settings, a model is fitted to the other parts, and its error on the held-out part is measured. The pair with the
    smallest mean error is chosen (of pairs within .01 % of it, the one with the lowest rank, then the strongest
    regularization) and fitted to all cells.

    Args:
        ranks: the ranks to try; larger ones than the smaller side of the table are lowered to it. ``"auto"`` begins
            with 1, 2, 4, 8 and 16, and goes on doubling while the largest is the best.
        regularizations: the regularizations to try; ``"auto"`` begins with a grid of four for the solver, and goes on
            beyond an end while the end is the best. ``gibbs`` needs none.
        solver, bias, bounds, max_iter, tol, missing_values, random_state, scale: as for :class:`MatrixCompletion`.
        n_folds: number of parts.

    Attributes:
        best_rank_, best_regularization_: the choice; the latter is ``"auto"`` for ``gibbs``.
        best_rmse_: its mean error on the held-out parts. It is a little too optimistic, because it is the best of
            several. If each column has its own scale, it is in standard deviations of the columns.
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
        ranks: Sequence[int] | Literal["auto"] = "auto",
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
        scale: ScaledBy = "auto",
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
        self.scale: ScaledBy = scale

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
            DataError: see there; also if there are fewer known cells than parts.
        """
        table = self._table(X, mask, reset=True)
        weights = row_weights(sample_weight, len(table.values))
        first = Settings(1, self.solver, "auto", self.bias, "auto", self.max_iter, self.tol, self.scale)
        seed = seed_from(self.random_state)
        kept_back = KeptBack(table, weights, seed, check_bounds(self.bounds))
        first = with_scale(first, kept_back)
        grid = self._grid(first, min(table.values.shape))
        trials = self._trials(table, weights, kept_back.units(first), seed)
        enough = _NOTHING_LEFT
        if first.scale == "table":
            enough *= float(np.std(table.values[table.observed & (weights > 0)[:, None]]))
        progress = NowAndThen()
        while True:
            candidates = grid.candidates
            errors = np.array([trials(candidate) for candidate in _announced(candidates, trials, progress)])
            means = errors.mean(axis=1)
            best = int(np.flatnonzero(means <= means.min() * (1 + _AS_GOOD))[0])
            wider = grid.beyond(candidates[best])
            if wider is None or means[best] <= enough:
                break
            grid = wider
        self.cv_results_ = {
            "rank": np.array([candidate.rank for candidate in candidates]),
            "regularization": np.array([candidate.regularization for candidate in candidates]),
            "rmse": means,
            "rmse_std": errors.std(axis=1),
        }
        self.best_rank_, self.best_regularization_ = candidates[best].rank, candidates[best].regularization
        self.best_rmse_ = float(means[best])
        return self._learn(table, weights, candidates[best])

    def _grid(self, first: Settings, most: int) -> ParameterGrid:
        """The first candidates."""
        open_ranks, open_strengths = (
            isinstance(given, str) and given == "auto" for given in (self.ranks, self.regularizations)
        )
        ranks: Any = _RANKS if open_ranks else self.ranks
        strengths: Any = (first.route.grid or ("auto",)) if open_strengths else self.regularizations
        for name, given in (("ranks", ranks), ("regularizations", strengths)):
            if isinstance(given, str) or not np.iterable(given) or not list(given):
                raise SettingsError(f"{name} must be a list of one or more numbers, or 'auto', got {given!r}")
        with naming("ranks"):
            by_rank = [replace(first, rank=rank) for rank in ranks]
        with naming("regularizations"):
            asked = [replace(one, regularization=strength) for one, strength in product(by_rank, strengths)]
        lowered = sorted({min(one.rank, most) for one in asked})
        if not open_ranks and (above := sorted({one.rank for one in asked if one.rank > most})):
            logger.info("ranks %s count as %d: no table of this size needs more", ", ".join(map(str, above)), most)
        return ParameterGrid(first, tuple(lowered), tuple(strengths), most, open_ranks, open_strengths)

    def _trials(self, table: Table, weights: Array, units: float | Array, seed: int) -> Callable[[Settings], Array]:
        """A function that returns the error of settings on each held-out fold, ``[n_folds]``."""
        parts = _deal(table.observed & (weights > 0)[:, None], self.n_folds, seed)
        low, high = check_bounds(self.bounds)

        @cache
        def errors(candidate: Settings) -> Array:
            missed = []
            for part in range(self.n_folds):
                kept_back = parts == part
                rest = Table(table.values, table.observed & ~kept_back)
                predicted = fit_table(rest, weights, candidate, seed).predict(rest)
                error = in_units(np.clip(predicted, low, high) - table.values, units)[kept_back]
                missed.append(np.sqrt(np.mean(np.square(error))))
            return np.array(missed)

        return errors


def _announced(
    candidates: Sequence[Settings], trials: Callable[[Settings], Array], progress: NowAndThen
) -> Iterator[Settings]:
    """Iterate over the candidates; log from time to time how many were tried, and the best so far."""
    best: tuple[float, Settings] | None = None
    for number, candidate in enumerate(candidates, start=1):
        yield candidate
        error = float(trials(candidate).mean())  # is known by now
        if best is None or error < best[0]:
            best = error, candidate
        progress.say(
            "%d of %d pairs tried; the best so far: rank %d, regularization %s, error %.4g",
            number,
            len(candidates),
            best[1].rank,
            best[1].regularization,
            best[0],
        )


def _deal(cells: Array, n_parts: int, seed: int) -> Array:
    """The fold of each cell, ``[m, n]``; -1 for a cell in no fold.

    Raises:
        SettingsError: the number of parts is below 2.
        DataError: there are fewer cells than parts.
    """
    if isinstance(n_parts, bool) or not isinstance(n_parts, int | np.integer) or n_parts < 2:
        raise SettingsError(f"n_folds must be a whole number of 2 or more, got {n_parts!r}")
    n_cells = int(cells.sum())
    if n_cells < n_parts:
        raise DataError(
            f"{n_cells} known cells cannot be divided into {n_parts} parts; lower n_folds or give more cells"
        )
    parts = np.full(cells.shape, -1)
    parts[cells] = numpy_stream(seed, "cross-validation").permutation(n_cells) % n_parts
    return parts
