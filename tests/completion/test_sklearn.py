"""The estimators are true scikit-learn citizens: its own battery, for every solver."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from fillrank.completion import MatrixCompletion, MatrixCompletionCV
from fillrank.completion.settings import ROUTES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few rounds: fast

ESTIMATORS = [
    *(MatrixCompletion(rank=2, solver=solver, max_iter=20) for solver in ("als", "gibbs")),
    *(MatrixCompletion(2, solver=solver, regularization=0.1, max_iter=20) for solver in ROUTES if solver != "gibbs"),
    MatrixCompletionCV(ranks=(1, 2), regularizations=(0.1,), n_folds=2, max_iter=5),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_own_battery(estimator: Any, check: Any) -> None:
    check(estimator)
