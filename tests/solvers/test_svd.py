"""The SVD routes against dense linear algebra and against each other."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from fillrank.data import Interactions, synthetic
from fillrank.errors import DataError, SettingsError
from fillrank.factors import Factors
from fillrank.solvers.sparse.biases import fit_biases
from fillrank.solvers.sparse.svd import biased_svd, first_directions, normalised_svd, pure_svd, truncated_svd

RATINGS = synthetic(120, 90, 2500, seed=3).interactions


@pytest.mark.parametrize("rank", [1, 5, 89, 90])
def test_exact_svd_is_the_best_approximation(rank: int) -> None:
    dense = RATINGS.csr.toarray().astype(np.float64)
    U, s, Vt = truncated_svd(RATINGS.csr.astype(np.float64), rank)
    expected = np.linalg.svd(dense, compute_uv=False)
    np.testing.assert_allclose(s, expected[:rank], rtol=1e-9)
    error = np.square(dense - (U * s) @ Vt).sum()
    np.testing.assert_allclose(error, np.square(expected[rank:]).sum(), rtol=1e-8, atol=1e-8)


def test_signs_do_not_depend_on_the_seed() -> None:
    one, two = (truncated_svd(RATINGS.csr, 6, seed=seed)[2] for seed in (0, 1))
    np.testing.assert_allclose(one, two, atol=1e-4)


def test_randomized_comes_close() -> None:
    exact, fast = (truncated_svd(RATINGS.csr, 5, method=method)[1] for method in ("exact", "randomized"))
    np.testing.assert_allclose(fast, exact, rtol=0.02)


@pytest.mark.parametrize("method", ["exact", "randomized"])
def test_the_same_bits_whatever_the_number_of_threads(method: str) -> None:
    log = synthetic(700, 2500, 40_000, seed=5).interactions
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(truncated_svd(log.csr, 40, method=method))
    for one, two in zip(*found, strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize("rank", [0, 91])
def test_a_rank_that_cannot_be_is_refused(rank: int) -> None:
    with pytest.raises(SettingsError, match=f"rank must be from 1 to 90 for a 120×90 matrix, got {rank}"):
        truncated_svd(RATINGS.csr, rank)


def test_pure_svd_scores_are_the_low_rank_matrix() -> None:
    factors = pure_svd(RATINGS, 7)
    U, s, Vt = np.linalg.svd(RATINGS.csr.toarray())
    expected = (U[:, :7] * s[:7]) @ Vt[:7]
    np.testing.assert_allclose(factors.score(torch.arange(120)).numpy(), expected, atol=1e-3)


def test_directions_that_a_matrix_does_not_have_get_no_weight() -> None:
    log = Interactions.from_arrays(["a", "b"], ["x", "x"])  # of rank 1
    for power in (-1.0, 0.0, 1.0):
        scores = normalised_svd(log, 1, power=power).score(torch.tensor([0, 1]))
        assert scores.isfinite().all()
    twins = Interactions.from_arrays(list("aabb"), list("xyxy"))
    assert normalised_svd(twins, 2, power=-1.0).score(torch.tensor([0, 1])).isfinite().all()


def test_normalised_svd_by_the_formula_written_out() -> None:
    R = (RATINGS.without_values().csr.toarray() > 0).astype(np.float64)
    du, di = np.maximum(R.sum(1), 1), np.maximum(R.sum(0), 1)
    _, s, Vt = np.linalg.svd(R / np.sqrt(du)[:, None] / np.sqrt(di))
    V, S = Vt[:4].T, s[:4]
    users = R @ (di[:, None] ** -0.4 * V * S**0.5)
    items = di[:, None] ** 0.4 * V * S**0.5
    factors = normalised_svd(RATINGS, 4, beta=0.4, power=1.0)
    np.testing.assert_allclose(factors.score(torch.arange(120)).numpy(), users @ items.T, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("make", [lambda log: pure_svd(log, 6), lambda log: normalised_svd(log, 6)])
def test_folding_a_known_user_in_gives_that_user(make) -> None:
    factors = make(RATINGS)
    torch.testing.assert_close(factors.fold_in(RATINGS).users, factors.users, rtol=1e-3, atol=1e-4)


def test_folding_the_known_users_into_a_biased_svd_gives_their_predictions() -> None:
    factors = biased_svd(RATINGS, 6, fit_biases(RATINGS, iterations=50))
    users, items = torch.tensor(RATINGS.users).long(), torch.tensor(RATINGS.items).long()
    folded = factors.fold_in(RATINGS)
    torch.testing.assert_close(
        folded.score_pairs(users, items), factors.score_pairs(users, items), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("make", [pure_svd, normalised_svd])
def test_oversampling_makes_a_small_rank_the_first_directions_of_a_larger_one(make: Callable[..., Factors]) -> None:
    log = synthetic(150, 120, 3000, rank=6).interactions
    large = first_directions(make(log, 40, method="randomized", oversampling=5), 12)
    small = make(log, 12, method="randomized", oversampling=33)
    assert torch.equal(large.items, small.items)
    np.testing.assert_allclose(large.users, small.users, atol=1e-6)  # products of other widths round otherwise
    assert not torch.equal(small.items, make(log, 12, method="randomized").items)


def test_first_directions_are_the_smaller_decomposition() -> None:
    cut, small = first_directions(pure_svd(RATINGS, 12), 5), pure_svd(RATINGS, 5)
    everyone = torch.arange(RATINGS.n_users)
    torch.testing.assert_close(cut.score(everyone), small.score(everyone), rtol=1e-3, atol=1e-3)


def test_biases_of_an_additive_matrix_are_found() -> None:
    users, items = np.meshgrid(np.arange(30), np.arange(20), indexing="ij")
    values = 3 + np.linspace(-1, 1, 30)[users] + np.linspace(-0.5, 0.5, 20)[items]
    log = Interactions.from_arrays(users.ravel(), items.ravel(), values.ravel())
    biases = fit_biases(log, user_shrinkage=0, item_shrinkage=0)
    assert biases.mean == pytest.approx(3, abs=1e-6)
    np.testing.assert_allclose(biases.residuals(log), 0, atol=1e-6)


def test_the_objective_of_the_biases_never_rises() -> None:
    assert RATINGS.values is not None

    def objective(iterations: int) -> float:
        fitted = fit_biases(RATINGS, user_shrinkage=4, item_shrinkage=2, iterations=iterations)
        penalty = 4 * np.square(fitted.user_bias).sum() + 2 * np.square(fitted.item_bias).sum()
        return float(np.square(fitted.residuals(RATINGS)).sum() + penalty)

    path = [objective(n) for n in range(1, 8)]
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(path))


def test_biased_svd_of_full_rank_gives_back_the_ratings() -> None:
    log = synthetic(25, 20, 240, seed=1).interactions
    factors = biased_svd(log, 20, fit_biases(log))
    predicted = factors.score_pairs(torch.tensor(log.users).long(), torch.tensor(log.items).long())
    np.testing.assert_allclose(predicted.numpy(), log.values, atol=1e-4)


def test_biases_need_values() -> None:
    with pytest.raises(DataError, match="biases are of values, and this log has none"):
        fit_biases(RATINGS.without_values())


@pytest.mark.parametrize(("setting", "value"), [("user_shrinkage", -1), ("item_shrinkage", float("nan"))])
def test_a_shrinkage_below_zero_is_refused(setting: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"{setting} must be (0 or more|a number)"):
        fit_biases(RATINGS, **{setting: value})
