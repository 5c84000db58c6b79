"""Solvers for a dense table with missing cells: pure functions of NumPy arrays.

Each takes :class:`Cells` and returns a solution, which can complete the rows of training and new rows.
:class:`fillrank.MatrixCompletion` is the scikit-learn estimator that uses them.
"""

from __future__ import annotations

from fillrank.solvers.dense.als import als
from fillrank.solvers.dense.cells import Cells, Stop
from fillrank.solvers.dense.gibbs import gibbs
from fillrank.solvers.dense.gradient import LEARNING_RATES, descend
from fillrank.solvers.dense.iterated_svd import iterated_svd
from fillrank.solvers.dense.nmf import nmf
from fillrank.solvers.dense.posterior import Posterior
from fillrank.solvers.dense.sides import PointSolution
from fillrank.solvers.dense.soft_impute import soft_impute, soft_impute_path

__all__ = [
    "LEARNING_RATES",
    "Cells",
    "PointSolution",
    "Posterior",
    "Stop",
    "als",
    "descend",
    "gibbs",
    "iterated_svd",
    "nmf",
    "soft_impute",
    "soft_impute_path",
]
