"""The default regularization is chosen, and what scores well is what generalises."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from fillrank.completion import MatrixCompletion, MatrixCompletionCV
from fillrank.completion.settings import ROUTES
from fillrank.errors import TrainingError

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def low_rank(shape: tuple[int, int], noise: float, *, rank: int = 3, missing: float = 0.4, seed: int = 0) -> Any:
    """A table with holes, the holes, and the table without them."""
    rng = np.random.default_rng(seed)
    whole = rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, shape[1])) / np.sqrt(rank)
    whole += noise * rng.standard_normal(shape)
    holes = rng.random(shape) < missing
    return np.where(holes, np.nan, whole), holes, whole


def error(model: MatrixCompletion, holes: Any, whole: Any) -> float:
    return float(np.sqrt(np.mean((model.reconstruct() - whole)[holes] ** 2)))


@quiet
@pytest.mark.parametrize(
    ("shape", "noise", "missing"),
    [((80, 60), 0.3, 0.4), ((400, 12), 0.3, 0.3), ((12, 400), 0.3, 0.3),
     *(pytest.param(*case, marks=pytest.mark.slow) for case in (((80, 60), 0.02, 0.4), ((80, 60), 1.0, 0.4),
                                                               ((150, 120), 0.3, 0.7), ((150, 120), 0.1, 0.1)))],
)  # fmt: skip
def test_the_default_is_as_good_as_a_fine_grid(shape: tuple[int, int], noise: float, missing: float) -> None:
    table, *truth = low_rank(shape, noise, missing=missing)
    best = min(
        error(MatrixCompletion(8, regularization=float(one)).fit(table), *truth) for one in np.geomspace(3e-4, 1, 11)
    )
    assert error(MatrixCompletion(8).fit(table), *truth) < 1.02 * best


@quiet
def test_the_search_goes_on_where_the_best_is_at_an_end() -> None:
    assert MatrixCompletion(3).fit(low_rank((40, 30), 0.0)[0]).regularization_ < 1e-4
    noise = np.random.default_rng(0).standard_normal((40, 30))
    assert MatrixCompletion(3).fit(noise).regularization_ > 1
    assert MatrixCompletion(3, solver="soft-impute").fit(noise).regularization_ <= 1


@quiet
@pytest.mark.parametrize("solver", ROUTES)
def test_each_solver_says_what_it_used(solver: str) -> None:
    table = np.abs(low_rank((30, 20), 0.3)[0])
    chosen = MatrixCompletion(2, solver=solver).fit(table)
    if not ROUTES[solver].grid:
        assert chosen.regularization_ is None
        return
    assert chosen.regularization_ > 0
    again = MatrixCompletion(2, solver=solver).fit(table)
    given = MatrixCompletion(2, solver=solver, regularization=chosen.regularization_).fit(table)
    np.testing.assert_array_equal(again.reconstruct(), chosen.reconstruct())
    np.testing.assert_array_equal(given.reconstruct(), chosen.reconstruct())
    assert given.regularization_ == chosen.regularization_
    folds = MatrixCompletionCV((2,), regularizations=(0.07,), solver=solver, n_folds=2, max_iter=5).fit(table)
    assert folds.regularization_ == folds.best_regularization_ == 0.07


@quiet
def test_the_seed_decides_which_cells_are_kept_back() -> None:
    table = low_rank((30, 20), 0.3)[0]
    strengths = {MatrixCompletion(2, random_state=seed).fit(table).regularization_ for seed in (0, 0, 1)}
    assert len(strengths) == 2


@quiet
def test_repeated_rows_are_no_witness_for_themselves() -> None:
    table = low_rank((30, 20), 0.5)[0]
    twice = MatrixCompletion(2).fit(np.concatenate([table, table]))
    weighted = MatrixCompletion(2).fit(
        np.concatenate([table, -table]), sample_weight=np.r_[np.full(30, 3.0), np.zeros(30)]
    )
    once = MatrixCompletion(2).fit(table)
    assert weighted.regularization_ == pytest.approx(once.regularization_)
    assert twice.regularization_ == pytest.approx(once.regularization_, rel=0.1)


@quiet
@pytest.mark.parametrize("n_known", [1, 2, 4, 6])
def test_a_few_cells_change_little(n_known: int) -> None:
    table = np.full((5, 4), np.nan)
    table.flat[: 3 * n_known : 3] = np.random.default_rng(0).standard_normal(n_known)
    assert 0.01 < MatrixCompletion(2).fit(table).regularization_ < 1


@quiet
def test_a_strength_too_strong_for_the_learning_rate_is_no_error() -> None:
    noise = np.random.default_rng(0).standard_normal((40, 30))
    assert np.isfinite(MatrixCompletion(3, solver="sgd").fit(noise).reconstruct()).all()
    with pytest.raises(TrainingError, match="try learning_rate="):
        MatrixCompletion(3, solver="sgd", learning_rate=50.0).fit(noise)


@quiet
def test_a_search_without_scoring_takes_what_generalises() -> None:
    table, *truth = low_rank((60, 30), 0.3, rank=2)
    search = GridSearchCV(MatrixCompletion(), {"rank": [1, 2, 20], "regularization": [0.001, 0.1]}, cv=3).fit(table)
    best = MatrixCompletion(2, regularization=0.01).fit(table)
    assert error(MatrixCompletion(**search.best_params_).fit(table), *truth) < 1.15 * error(best, *truth)


@quiet
def test_score_is_the_error_on_cells_that_were_hidden() -> None:
    table = low_rank((60, 40), 0.5, rank=2)[0]
    tight, right = (
        MatrixCompletion(20, regularization=0.001).fit(table),
        MatrixCompletion(2, regularization=0.02).fit(table),
    )
    assert np.nanmean((tight.reconstruct() - table) ** 2) < 0.2 * np.nanmean((right.reconstruct() - table) ** 2)
    new = low_rank((200, 40), 0.5, rank=2, seed=1)[0]  # from other columns: nothing to know
    assert right.score(new) > tight.score(new)
    assert right.score(table) == right.score(table)
    np.testing.assert_allclose(  # rows do not depend on those beside them
        np.square(right.score(new)) * np.sum(~np.isnan(new)),
        sum(np.square(right.score(row[None])) * np.sum(~np.isnan(row)) for row in new if not np.isnan(row).all()),
    )


def test_what_has_not_settled_says_so() -> None:
    table = low_rank((30, 20), 0.3)[0]
    for solver, rounds in [("als", 2), ("gd", 3), ("sgd", 3), ("adam", 3), ("svd", 3), ("nmf", 3)]:
        with pytest.warns(
            ConvergenceWarning, match=f"{solver} stopped after {rounds} rounds, before the objective had"
        ):
            MatrixCompletion(2, solver=solver, max_iter=rounds).fit(np.abs(table))  # type: ignore[arg-type]
    with pytest.warns(ConvergenceWarning, match="raise max_iter or tol, or lower learning_rate"):
        MatrixCompletion(2, solver="sgd", max_iter=3).fit(table)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert MatrixCompletion(2).fit(table).converged_
        assert MatrixCompletion(1, bias=False, regularization=0).fit(np.outer([1.0, 2, 3], [1, 2])).converged_
