"""Weights of ratings in ALS, SGD and the biases: a weight of 2 counts as two ratings, weights of 1 change no bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fillrank as fr
from fillrank.data import Interactions, Split, synthetic
from fillrank.factors import Factors
from fillrank.factors.fold_in import RatingRidge
from fillrank.solvers.sparse.als import RatingLoss, als, als_iterations
from fillrank.solvers.sparse.biases import fit_biases
from fillrank.solvers.sparse.sgd import SgdSettings, biased_sgd
from fillrank.solvers.sparse.weighted import weighted_counts


def ratings(seed: int = 0, n_users: int = 30, n_items: int = 20, n: int = 250) -> Interactions:
    return synthetic(n_users, n_items, n, rank=2, seed=seed).interactions


def with_weights(log: Interactions, seed: int = 0, choice: tuple[float, ...] = (0.5, 1, 3)) -> Interactions:
    return replace(log, weights=np.random.default_rng(seed).choice(choice, len(log)).astype(np.float32))


def bits(factors: Factors) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in factors.tensors().values())


@settings(deadline=None, max_examples=10)
@given(
    seed=st.integers(0, 99),
    per_rating=st.booleans(),
    regularization=st.floats(0.01, 0.5),
    choice=st.sampled_from([(0.5, 1, 3), (0, 1, 2), (1e-3, 10)]),
)
def test_als_minimises_the_weighted_loss(
    seed: int, per_rating: bool, regularization: float, choice: tuple[float, ...]
) -> None:
    log = with_weights(ratings(seed, 15, 12, 90), seed, choice)
    loss = RatingLoss(regularization, 0.7, 0.3, bias_per_rating=per_rating)
    found = als(log, 3, loss, iterations=3)
    P, Q = (side.double().requires_grad_() for side in (found.users, found.items))
    b, c = (bias.double().requires_grad_() for bias in (found.user_bias, found.item_bias))  # type: ignore[union-attr]
    u, i = (torch.from_numpy(column.astype(np.int64)) for column in (log.users, log.items))
    w, r = (torch.from_numpy(column.astype(np.float64)) for column in (log.weights, log.values))
    mean = (w * r).sum() / w.sum()
    assert found.offset == pytest.approx(mean.item())
    of_users, of_items = (torch.zeros(n).double().index_add(0, at, w) for n, at in ((15, u), (12, i)))
    written = (w * (r - mean - b[u] - c[i] - (P[u] * Q[i]).sum(1)) ** 2).sum()
    written = written + regularization * ((of_users * (P**2).sum(1)).sum() + (of_items * (Q**2).sum(1)).sum())
    of_users, of_items = (counts if per_rating else torch.ones(len(counts)) for counts in (of_users, of_items))
    written = written + 0.7 * (of_users * b**2).sum() + 0.3 * (of_items * c**2).sum()
    assert loss.value(found, log) == pytest.approx(written.item(), rel=1e-5)
    for slope in torch.autograd.grad(written, (P, b)):
        assert slope.abs().max() < 1e-3 * w.max()  # the users are at the minimum for the final items


def test_weights_of_1_change_no_bit() -> None:
    log = ratings()
    ones = replace(log, weights=np.ones(len(log), dtype=np.float32))
    assert bits(als(log, 4, iterations=2)) == bits(als(ones, 4, iterations=2))
    few = SgdSettings(dim=4, epochs=3)
    assert bits(biased_sgd(log, few)) == bits(biased_sgd(ones, few))
    one, other = fit_biases(log), fit_biases(ones)
    assert (one.user_bias == other.user_bias).all()
    for recipe in (fr.ALS(dim=4, iterations=3), fr.SGD(dim=4, epochs=3)):
        sevens = replace(log, weights=np.full(len(log), 7, dtype=np.float32))
        models = [recipe.fit(each, progress=False).predictor for each in (log, ones, sevens)]
        assert len({bits(model) for model in models}) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_row_of_weight_0_is_no_row(n_threads: int) -> None:
    log = with_weights(ratings(), choice=(0, 1, 2))
    left = log.select(log.weights > 0)  # type: ignore[operator]
    few = SgdSettings(dim=4, epochs=3)
    assert bits(als(log, 4, iterations=2)) == bits(als(left, 4, iterations=2))
    assert bits(biased_sgd(log, few, n_threads=n_threads)) == bits(biased_sgd(left, few, n_threads=1))


def test_biases_are_at_the_minimum_of_the_weighted_errors() -> None:
    log = with_weights(ratings(3))
    found = fit_biases(log, user_shrinkage=2.0, iterations=200)
    left = found.residuals(log)
    per_user = np.bincount(log.users, log.weights * left, log.n_users)
    np.testing.assert_allclose(per_user, 2.0 * found.user_bias, atol=1e-6)
    assert found.mean == pytest.approx(np.average(log.values, weights=log.weights))


def test_sgd_goes_down_on_the_weighted_objective() -> None:
    log, chosen = with_weights(ratings(1, 60, 40, 1100), choice=(0.2, 4)), SgdSettings(dim=4, epochs=30)
    users, items = (torch.from_numpy(column.astype(np.int64)) for column in (log.users, log.items))

    def error(factors: Factors) -> float:
        squares = (factors.score_pairs(users, items).numpy() - log.values) ** 2
        return float(np.average(squares, weights=log.weights) ** 0.5)

    epochs: list[float] = []
    weighted = biased_sgd(log, chosen, after_epoch=lambda epoch: bool(epochs.append(epoch.rmse)))
    plain = biased_sgd(log.without_weights(), chosen)
    assert error(weighted) < 0.97 * error(plain)
    assert epochs[-1] < 0.8 * epochs[0]


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 50), per_rating=st.booleans(), exponent=st.sampled_from([0.0, 1.0]))
def test_a_history_with_weights_is_folded_in_as_if_ratings_were_repeated(
    seed: int, per_rating: bool, exponent: float
) -> None:
    """Whole weights: the solution of each user, written out by normal equations on repeated rows."""
    log = with_weights(ratings(seed, 6, 10, 30), seed, (0, 1, 2, 3))
    rng = np.random.default_rng(seed)
    items, bias = rng.standard_normal((10, 3)), rng.standard_normal(10)
    way = RatingRidge(0.3, 0.5, exponent, per_rating, weight_power=1.0)
    nobody = torch.zeros(6, 3).double()
    side = Factors(nobody, torch.tensor(items), user_bias=nobody[:, 0], item_bias=torch.tensor(bias), offset=2.0)
    vectors, biases = way.solve(side, log)
    for user in range(6):
        mine = log.users == user
        times = log.weights[mine].astype(int)  # type: ignore[index]
        at = np.repeat(log.items[mine], times)
        X = np.concatenate([items[at], np.ones((len(at), 1))], axis=1)
        y = np.repeat(log.values[mine], times) - 2.0 - bias[at]  # type: ignore[index]
        strength = max(len(at), 1) ** exponent
        penalty = np.diag([0.3 * strength] * 3 + [0.5 * (strength if per_rating else 1.0)])
        solved = np.linalg.solve(X.T @ X + penalty, X.T @ y)
        np.testing.assert_allclose(np.append(vectors[user], biases[user]), solved, atol=1e-6)  # type: ignore[index]
        one = log.select(np.flatnonzero(mine))
        shares = way.shares(side, replace(one, users=np.zeros(len(one), dtype=np.int32)))
        np.testing.assert_allclose(shares.sum(0), solved[:3], atol=1e-6)
        assert not shares[one.weights == 0].any()


def test_the_counts_are_sums_of_weights() -> None:
    log = with_weights(ratings())
    users, items = weighted_counts(log)
    np.testing.assert_allclose(users, log.weighted_csr.sum(axis=1))
    np.testing.assert_allclose(items, log.weighted_csr.sum(axis=0), rtol=1e-6)


def doubtful(seed: int = 0) -> Split:
    """Two ratings of three are noise and weigh 1; the others follow a taste, weigh 10, and are what is judged by."""
    made = synthetic(150, 80, 6000, rank=2, noise=0.05, seed=seed).interactions
    rng = np.random.default_rng(seed)
    sure = rng.random(len(made)) < 1 / 3
    noise = rng.permutation(made.values)  # type: ignore[arg-type]
    log = replace(made, values=np.where(sure, made.values, noise), weights=np.where(sure, 10, 1).astype(np.float32))
    parts = fr.split.random(log, test=0.2, valid=0.2, seed=seed)
    valid, test = (part.select(part.weights > 1) for part in (parts.valid, parts.test))  # type: ignore[union-attr]
    return Split(parts.train, valid, test, parts.protocol)


@pytest.mark.parametrize("recipe", [fr.ALS(dim=4), fr.SGD(dim=4, learning_rate=0.1, patience=20)], ids=["als", "sgd"])
def test_ratings_that_are_trusted_tell_the_taste(recipe: fr.models.Recipe) -> None:
    parts = doubtful()
    model = recipe.fit(parts.train, parts.valid, refit=False, progress=False)
    assert model.settings["weight_power"] > 0
    plain = type(recipe)(**{**recipe.model_dump(exclude_unset=True), "weight_power": 0.0})
    other = plain.fit(parts.train, parts.valid, refit=False, progress=False)
    errors = [fr.evaluate(each, parts, k=10).metrics["rmse"] for each in (model, other)]
    assert errors[0] < 0.9 * errors[1]


def test_a_model_with_weights_folds_in_as_it_was_fitted() -> None:
    log = with_weights(ratings(2), choice=(0, 1, 5))
    model = fr.ALS(dim=3, weight_power=2.0, regularization=0.05, bias_regularization=0.5).fit(log, progress=False)
    way = model.predictor.folding  # type: ignore[union-attr]
    assert isinstance(way, RatingRidge)
    assert way.weight_power == 2.0
    again = way.solve(model.predictor, model.interactions)[0]  # type: ignore[arg-type]
    torch.testing.assert_close(again, model.predictor.users, atol=2e-3, rtol=1e-2)  # type: ignore[union-attr]


def test_iterations_are_the_same_as_rounds_of_the_function() -> None:
    log = with_weights(ratings())
    assert bits(next(als_iterations(log, 3))) == bits(als(log, 3, iterations=1))
