"""``MatrixCompletion``: fill the missing cells of a table."""

from __future__ import annotations

from typing import Any, Literal, Self

from fillrank.completion.completer import Completer
from fillrank.completion.objects import Missing
from fillrank.completion.settings import ScaledBy, Settings, Solver
from fillrank.completion.table import row_weights

__all__ = ["MatrixCompletion"]


class MatrixCompletion(Completer):
    """Fill the missing cells of a table with a low-rank model: a scikit-learn transformer.

    Missing cells are NaN (also None, ``pd.NA``, null, and the masked cells of a masked array), and the cells that
    ``missing_values`` or ``mask`` declare; **zero is a value**. Only missing cells are filled. The values are first
    scaled to ``z = (x - offset) / spread`` (mean 0 and mean square 1 with biases, mean square 1 without), so that
    settings do not depend on the units. Then z_ij is modelled as ``u_i·v_j + b_i + c_j``. Columns in different units
    (years, incomes, heights) get one offset and spread each; see ``scale``.

    ============ ==================================================================== ==========================
    solver       what it does                                                         regularization (usual)
    ============ ==================================================================== ==========================
    als          alternating least squares, weighted λ; the objective never rises     λ per known cell (0.1)
    gd           the same objective by gradient descent; never rises                  λ per known cell (0.1)
    sgd          the same objective, cell by cell                                     λ per known cell (0.1)
    adam         the same objective by Adam                                           λ per known cell (0.1)
    svd          fill, cut to rank, repeat; never rises                               λ per row, in cells (0.1)
    soft-impute  nuclear norm, warm-started path; never rises                         fraction of the largest λ (0.1)
    nmf          factors of 0 or more, for values of 0 or more; never rises           λ per known cell (0.05)
    gibbs        Bayesian, sampled: averages over what it does not know               learned from the data
    ============ ==================================================================== ==========================

    Args:
        rank: number of factors; lowered to the smaller side of the table if it is above that. For ``soft-impute`` an
            upper bound.
        solver: see the table; the formulas are in :mod:`fillrank.solvers.dense`.
        regularization: see the table; ``"auto"`` begins with the usual value in the table, and goes up or down by
            factors of √10 while the error on held-out cells falls: about three to eight short fits. ``regularization_``
            is the chosen value.
        bias: whether rows and columns have biases; ``"auto"``: yes for every solver but ``nmf``, which cannot have
            them.
        bounds: the lowest and the highest value that the model may predict, such as ``(1, 5)``.
        learning_rate: the rate of ``sgd`` and ``adam``, and the first step of ``gd``, for values of unit spread.
        max_iter: the largest number of iterations; for ``gibbs`` the length of the chain.
        tol: the relative change of the objective in an iteration at which to stop. ``gibbs`` does not use it.
        missing_values: further values that mean a missing cell: a number or a word, or several, such as ``(99, "?")``.
        random_state: a whole number (the same number gives the same bits), a NumPy generator, or None for a random
            seed. ``svd`` and ``soft-impute`` do not use it.
        scale: ``"table"``: one offset and one spread for all cells; ``"columns"``: one of each for every column. In a
            column with only one value, all predictions are then this value. ``"auto"`` fits both once and takes the one
            that predicts held-out cells better, with errors in standard deviations of their columns.

    Attributes:
        scaled_by_: ``"table"`` or ``"columns"``: the scale in use.
        row_factors_: ``[m, rank_]``, in the units of the data; without units if the columns are scaled. ``gibbs`` has
            no single factorization; for it, this and the next three are the best low-rank form of the mean prediction.
        components_: ``[rank_, n]``, the columns' factors, without units.
        row_bias_, column_bias_: ``[m]``, in the units of ``row_factors_``, and ``[n]``, in the units of the data; zeros
            without biases.
        offset_: the mean that is added to the biases: a number, or ``[n]`` if the columns are scaled; 0 without biases.
        scale_: ``[n]``, the spread of each column if the columns are scaled, else ones. The model's value for a cell is
            ``offset_ + column_bias_ + scale_ * (row_factors_ @ components_ + row_bias_)``.
        rank_: the rank in use.
        loss_curve_: the solver's objective after each iteration, per known cell, for values of unit spread. For
            ``gibbs`` the mean squared error of each sweep; for ``soft-impute`` the objective in the last stage of its
            path.
        n_iter_: the number of iterations.
        converged_: whether ``tol`` was met. If not, scikit-learn's ConvergenceWarning is given.
        regularization_: the one in use; None for ``gibbs``.

    Raises:
        SettingsError: a setting, or a combination, cannot work. ``fit`` raises it, as scikit-learn requires.

    Example:
        >>> import numpy as np
        >>> times = np.outer([1.0, 2, 3, 4], [2.0, 3, 5])
        >>> times[1, 2] = np.nan
        >>> model = MatrixCompletion(rank=1, regularization=0, bias=False)
        >>> model.fit_transform(times).round(3).tolist()
        [[2.0, 3.0, 5.0], [4.0, 6.0, 10.0], [6.0, 9.0, 15.0], [8.0, 12.0, 20.0]]
        >>> model.transform([[10.0, np.nan, np.nan]]).round(3).tolist()  # a new row
        [[10.0, 15.0, 25.0]]
    """

    def __init__(  # noqa: PLR0913  (scikit-learn wants every setting to be an argument)
        self,
        rank: int = 10,
        *,
        solver: Solver = "als",
        regularization: float | Literal["auto"] = "auto",
        bias: bool | Literal["auto"] = "auto",
        bounds: tuple[float, float] | None = None,
        learning_rate: float | Literal["auto"] = "auto",
        max_iter: int = 200,
        tol: float = 1e-5,
        missing_values: Missing = None,
        random_state: Any = 0,
        scale: ScaledBy = "auto",
    ) -> None:
        self.rank = rank
        self.solver: Solver = solver
        self.regularization = regularization
        self.bias = bias
        self.bounds = bounds
        self.learning_rate = learning_rate
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
        """Learn from the known cells of ``X``.

        Args:
            X: ``[m, n]``: an array (also a masked one), a PyTorch tensor, a list of rows, or a pandas, polars or
                pyarrow table.
            y: not used.
            mask: ``[m, n]``, True for known cells; for tables whose missing cells are not NaN.
            sample_weight: ``[m]``, the weight of each row. In the objective of ``als``, ``gd``, ``sgd``, ``adam`` and
                ``nmf``, a weight of 2 is the same as having the row twice.

        Raises:
            SettingsError: a setting, or a combination, cannot work.
            DataError: no cell is known, a known cell is infinite or no number, or the mask or the weights do not fit.
            TrainingError: the learning rate is too high for ``sgd`` or ``adam``.
        """
        settings = Settings(
            rank=self.rank,
            solver=self.solver,
            regularization=self.regularization,
            bias=self.bias,
            learning_rate=self.learning_rate,
            max_iter=self.max_iter,
            tol=self.tol,
            scale=self.scale,
        )
        table = self._table(X, mask, reset=True)
        return self._learn(table, row_weights(sample_weight, len(table.values)), settings)
