"""The base class of the two estimators: everything after the settings are chosen."""

from __future__ import annotations

import logging
import warnings
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from fillrank.arguments import count
from fillrank.completion.choosing import KeptBack, with_regularization, with_scale
from fillrank.completion.containers import as_numbers, in_the_form_of
from fillrank.completion.fitting import Fitted, check_learnable, fit_table, seed_from
from fillrank.completion.frames import column_names
from fillrank.completion.objects import Missing
from fillrank.completion.settings import Settings, Solver, check_bounds
from fillrank.completion.table import Table, hidden_parts, in_units, observed_cells
from fillrank.errors import ArgumentError, DataError, FillrankError, SettingsError
from fillrank.runtime.rng import numpy_stream
from fillrank.solvers.dense import Posterior
from fillrank.solvers.dense.cells import Array

__all__ = ["Completer"]


logger = logging.getLogger("fillrank")


class Completer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The base class of :class:`MatrixCompletion` and :class:`MatrixCompletionCV`; do not use it directly."""

    solver: Solver
    bias: bool | Literal["auto"]
    max_iter: int
    tol: float
    bounds: tuple[float, float] | None
    missing_values: Missing
    random_state: Any
    _fitted: Fitted
    _std: Array | None
    _units: float | Array

    def fit_transform(self, X: Any, y: Any = None, *, mask: Any = None, sample_weight: Any = None) -> Any:
        """Learn from ``X`` and fill its holes: :meth:`fit`, then :meth:`transform`."""
        return self.fit(X, y, mask=mask, sample_weight=sample_weight).transform(X, mask=mask)

    def transform(self, X: Any, *, mask: Any = None) -> Any:
        """A copy of ``X`` with its missing cells filled; the known cells are unchanged, bit for bit.

        Each row, old or new, is folded in from its own known cells, so its result does not depend on the other rows. A
        row without known cells gets the usual value of each column.

        Args:
            X: ``[m, n_features]``, as for :meth:`fit`.
            mask: as for :meth:`fit`.

        Returns:
            ``[m, n_features]``. A tensor for a tensor, with its dtype if that is floating-point, else float64.
                Otherwise an array (or the frame that ``set_output`` asks for): float32 for float32, else float64.

        Raises:
            DataError: a cell is infinite, or the mask does not fit.
        """
        check_is_fitted(self)
        table = self._table(X, mask, reset=False)
        filled = table.values.copy()
        open_rows = np.flatnonzero(~table.observed.all(axis=1))
        if len(open_rows):
            part = table.rows(open_rows)
            predicted = self._clipped(self._fitted.predict(part))
            filled[open_rows] = np.where(part.observed, part.values, predicted)
        return in_the_form_of(X, filled)

    def reconstruct(self) -> Array:
        """The model's prediction for every cell of the training table, known or not: float64 ``[m, n_features]``."""
        check_is_fitted(self)
        return self._clipped(self._reconstruction)

    def predictive_std(self) -> Array:
        """The uncertainty of ``solver="gibbs"``: the standard deviation of a new observation of each training cell.

        It includes both the uncertainty of the model and the noise; float64 ``[m, n_features]``, in the units of the
        data. All cells have the same noise: if each column has its own scale (``scaled_by_``), the same share of every
        column's spread, else the same number. So it is too small for a column that is much noisier than the others, and
        too large for the others.

        Raises:
            SettingsError: the solver is another one."""
        check_is_fitted(self)
        if self._std is None:
            raise SettingsError(f"only solver='gibbs' gives uncertainties, and this is {self.solver!r}; use 'gibbs'")
        return self._std.copy()

    def draws(self, X: Any, n: int = 10, *, mask: Any = None, random_state: Any = 0) -> Array:
        """Several completions of ``X`` by ``solver="gibbs"``: missing cells are drawn from the posterior.

        This is multiple imputation: do your analysis on each of the ``n`` tables, and combine the results by Rubin's
        rules (the mean of the estimates; their variance is the mean of the variances plus ``1 + 1/n`` times the
        variance between the estimates). An analysis of a single table from :meth:`transform` would underestimate the
        uncertainty. Each draw takes one of the kept samples at equal distances, draws the rows' vectors given this
        sample, and adds the noise. Known cells are unchanged.

        Args:
            X: ``[m, n_features]``, as for :meth:`transform`.
            n: the number of tables, at most the number of samples (100 for a chain of 150 or more).
            mask: as for :meth:`fit`.
            random_state: the same gives the same tables.

        Returns:
            float64 ``[n, m, n_features]``.

        Raises:
            SettingsError: the solver is another one, or has not kept as many samples.
        """
        check_is_fitted(self)
        table, rng = self._table(X, mask, reset=False), numpy_stream(seed_from(random_state), "draws")
        if not isinstance(self._fitted.solution, Posterior):
            raise SettingsError(f"only solver='gibbs' can draw tables, and this is {self.solver!r}; use 'gibbs'")
        most = len(self._fitted.solution.samples)
        count("n", n, most=most)
        return np.array(
            [np.where(table.observed, table.values, self._clipped(one)) for one in self._fitted.draws(table, n, rng)]
        )

    def score(self, X: Any, y: Any = None, *, mask: Any = None) -> float:  # noqa: ARG002
        """Minus the root mean squared error of known cells of ``X`` that are predicted from the rest of their row.

        The known cells of each row are divided into five parts. Each part in turn is hidden, and predicted from the
        rest of its row. So no cell helps to predict itself, and overfitting does not give a good score. Use rows that
        the model has not seen, such as a test set or the held-out part of a grid search: for the training rows, the
        columns' factors have already learned the hidden cells. The result is the same at each call.

        Raises:
            DataError: no cell is known, one is infinite, or the mask does not fit.
        """
        check_is_fitted(self)
        table = self._table(X, mask, reset=False)
        if not table.observed.any():
            raise DataError("no cell of X is known; there is nothing to compare with")
        parts, total = hidden_parts(table.observed), 0.0
        for part in range(int(parts.max()) + 1):
            rows = np.flatnonzero((parts == part).any(axis=1))
            seen, hidden = table.rows(rows), parts[rows] == part
            predicted = self._clipped(self._fitted.predict(Table(seen.values, seen.observed & ~hidden)))
            missed = np.where(hidden, predicted - seen.values.astype(np.float64), 0.0)
            total += float(np.square(in_units(missed, self._units)).sum())
        return -float(np.sqrt(total / table.observed.sum()))

    def _table(self, X: Any, mask: Any, *, reset: bool) -> Table:
        try:
            values = check_array(
                as_numbers(X, self.missing_values),
                dtype=[np.float64, np.float32],
                order="C",
                ensure_all_finite=False,
                estimator=self,
                input_name="X",
            )
            validate_data(self, X if column_names(X) is not None else values, skip_check_array=True, reset=reset)
        except FillrankError:
            raise
        except (TypeError, ValueError) as error:  # keep scikit-learn's message, but as an error of fillrank
            raise (ArgumentError if isinstance(error, TypeError) else DataError)(str(error)).about("X") from error
        return Table(values, observed_cells(values, mask, column_names(X)))

    def _learn(self, table: Table, weights: Array, settings: Settings) -> Self:
        """Fit with these settings, and set the fitted attributes."""
        bounds, seed = check_bounds(self.bounds), seed_from(self.random_state)
        check_learnable(table, weights)
        kept_back = KeptBack(table, weights, seed, bounds)
        settings = with_regularization(with_scale(settings, kept_back), kept_back)
        fitted = fit_table(table, weights, settings, seed)
        if settings.rank > (most := min(table.values.shape)):
            m, n = table.values.shape
            logger.info("rank %d is lowered to %d, as no table of %d × %d needs more", settings.rank, most, m, n)
        self._fitted, self._std = fitted, fitted.predictive_std(table)
        self._units = kept_back.units(settings)
        rows, columns = fitted.rows(table), fitted.solution.columns
        self._reconstruction = fitted.predict(table)
        self.row_factors_, self.row_bias_ = rows.factors, rows.bias
        self.components_, self.column_bias_ = columns.factors.T, fitted.scale.spread * columns.bias
        self.offset_, self.scaled_by_ = fitted.scale.offset, settings.scale
        self.scale_ = fitted.scale.spread if settings.scale == "columns" else np.ones(len(table.values.T))
        self.rank_ = len(self.components_)
        self.regularization_ = settings.strength if settings.route.grid else None
        self.loss_curve_ = np.array(fitted.solution.losses)
        self.n_iter_ = len(self.loss_curve_)
        self.converged_ = fitted.solution.converged
        if not self.converged_:
            slower = ", or lower learning_rate" if settings.solver == "sgd" else ""
            warnings.warn(
                f"{settings.solver} stopped after {self.n_iter_} rounds, before the objective had settled to within "
                f"tol={settings.tol:g} of itself; raise max_iter or tol{slower}",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    def _clipped(self, values: Array) -> Array:
        return np.clip(values, *check_bounds(self.bounds))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.positive_only = isinstance(self.solver, str) and self.solver == "nmf"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
