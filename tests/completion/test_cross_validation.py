"""Choosing rank and regularization on cells that are kept back."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from fillrank.completion import MatrixCompletion, MatrixCompletionCV
from fillrank.completion.cross_validation import _deal
from fillrank.completion.settings import ROUTES
from fillrank.errors import DataError, SettingsError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few rounds: fast


def noisy(rank: int = 2, noise: float = 0.3) -> Any:
    rng = np.random.default_rng(1)
    table = rng.standard_normal((40, rank)) @ rng.standard_normal((rank, 30)) + noise * rng.standard_normal((40, 30))
    table[rng.random(table.shape) < 0.3] = np.nan
    return table


@pytest.mark.parametrize("rank", [1, 3])
def test_the_true_rank_is_found(rank: int) -> None:
    chosen = MatrixCompletionCV(ranks=(1, 2, 3, 5, 8), regularizations=(0.01,), max_iter=50).fit(noisy(rank))
    assert chosen.best_rank_ == chosen.rank_ == rank
    assert chosen.best_rmse_ == chosen.cv_results_["rmse"].min()
    assert chosen.best_rmse_ < 0.5


def test_noise_alone_is_best_left_alone() -> None:
    noise = np.random.default_rng(0).standard_normal((30, 20))
    chosen = MatrixCompletionCV(ranks=(1, 4), regularizations=(0.001, 5.0)).fit(noise)
    assert (chosen.best_rank_, chosen.best_regularization_) == (1, 5.0)


def test_the_choice_is_fitted_to_all_cells() -> None:
    table = noisy()
    chosen = MatrixCompletionCV(ranks=(1, 2), regularizations=(0.02, 0.1), max_iter=30).fit(table)
    plain = MatrixCompletion(chosen.best_rank_, regularization=chosen.best_regularization_, max_iter=30).fit(table)
    np.testing.assert_array_equal(chosen.transform(table), plain.transform(table))
    assert chosen.score(table) == plain.score(table)


@pytest.mark.parametrize("solver", ROUTES)
def test_every_solver_has_a_grid(solver: str) -> None:
    table = np.abs(noisy())
    chosen = MatrixCompletionCV(ranks=(2,), solver=solver, n_folds=2, max_iter=5).fit(table)
    assert len(chosen.cv_results_["rmse"]) >= len(ROUTES[solver].grid or ("auto",))
    assert np.isfinite(chosen.cv_results_["rmse"]).all()


def test_simplest_first_and_each_rank_once() -> None:
    chosen = MatrixCompletionCV(ranks=(9, 50, 1), regularizations=(0.1, 0.5), max_iter=2, n_folds=2)
    chosen.fit(np.random.default_rng(0).random((9, 12)))
    assert chosen.cv_results_["rank"].tolist() == [1, 1, 9, 9]  # 50 is lowered to 9
    assert chosen.cv_results_["regularization"].tolist() == [0.5, 0.1, 0.5, 0.1]


def test_a_grid_whose_best_is_at_its_end_goes_on() -> None:
    rng = np.random.default_rng(0)
    clean = rng.standard_normal((50, 40)) @ np.diag(0.9 ** np.arange(40)) @ rng.standard_normal((40, 40))
    chosen = MatrixCompletionCV(regularizations=(0.001,), max_iter=10, n_folds=2).fit(clean)
    assert max(chosen.cv_results_["rank"]) > 16
    chosen = MatrixCompletionCV((2,), max_iter=30, n_folds=2).fit(noisy(noise=0.0))
    assert chosen.best_regularization_ < 0.01  # the least of the first four
    noise = rng.standard_normal((30, 20))
    chosen = MatrixCompletionCV((2,), max_iter=30, n_folds=2).fit(noise)
    assert max(chosen.cv_results_["regularization"]) > 0.3  # the largest of them
    given = MatrixCompletionCV((1, 2), regularizations=(0.1, 0.2), max_iter=5, n_folds=2).fit(noise)
    assert len(given.cv_results_["rmse"]) == 4  # what was given is all


def test_each_known_cell_is_kept_back_once() -> None:
    known = np.random.default_rng(0).random((7, 9)) < 0.6
    parts = _deal(known, 4, seed=0)
    assert (parts[~known] == -1).all()
    counts = np.bincount(parts[known])
    assert len(counts) == 4
    assert np.ptp(counts) <= 1
    assert not np.array_equal(parts, _deal(known, 4, seed=1))


def test_bounds_and_masks_count_in_the_choice() -> None:
    table = noisy()
    known = ~np.isnan(table)
    options: dict[str, Any] = {"ranks": (1, 2), "regularizations": (0.05,), "max_iter": 10}
    plain = MatrixCompletionCV(**options).fit(table)
    masked = MatrixCompletionCV(**options).fit(np.nan_to_num(table, nan=99.0), mask=known)
    assert masked.best_rmse_ == plain.best_rmse_
    assert MatrixCompletionCV(bounds=(-0.1, 0.1), **options).fit(table).best_rmse_ > plain.best_rmse_


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"ranks": ()}, r"ranks must be a list of one or more numbers, or 'auto', got \(\)"),
        ({"ranks": 3}, "ranks must be a list of one or more numbers, or 'auto', got 3"),
        ({"ranks": (0,)}, "rank must be a whole number of 1 or more, got 0"),
        ({"regularizations": (-1,)}, "regularization must be 0 or more"),
        (
            {"regularizations": "strong"},
            "regularizations must be a list of one or more numbers, or 'auto', got 'strong'",
        ),
        ({"solver": "gibbs", "regularizations": (0.1,)}, "learns its regularization"),
        ({"n_folds": 1}, "n_folds must be a whole number of 2 or more, got 1"),
        ({"solver": "als", "bounds": (2, 1)}, "the lower of the bounds"),
    ],
)
def test_settings_that_cannot_work(option: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        MatrixCompletionCV(**option).fit(noisy())


def test_too_few_cells() -> None:
    table = np.full((4, 4), np.nan)
    table[0, :3] = 1
    with pytest.raises(
        DataError, match="3 known cells cannot be divided into 5 parts; lower n_folds or give more cells"
    ):
        MatrixCompletionCV().fit(table)


def test_a_long_choice_says_now_and_then_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("_FIRST", "_NEXT"):
        monkeypatch.setattr(f"fillrank.completion.telling.{name}", -1.0)
    table = np.random.default_rng(0).normal(size=(12, 6))
    table[0, 0] = np.nan
    with caplog.at_level(logging.INFO, logger="fillrank"):
        MatrixCompletionCV(ranks=(1, 2), regularizations=(0.1,), max_iter=500, tol=1e-2).fit(table)
    assert any(line.startswith("2 of 2 pairs tried; the best so far: rank ") for line in caplog.messages)
    assert any(line.startswith("choosing on held-out cells: ") for line in caplog.messages)
