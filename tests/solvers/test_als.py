"""Explicit ALS: the loss it names never rises, its factors recover what is known, and folding solves the same."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.data import Interactions, Split, split, synthetic
from fillrank.errors import DataError, SettingsError, TrainingError
from fillrank.evaluation import evaluate
from fillrank.factors.ridge import RowSolver
from fillrank.models import ALS, Popularity
from fillrank.solvers.sparse.als import RatingLoss, als, als_iterations
from fillrank.solvers.sparse.biases import fit_biases

LOSS, PER_RATING = RatingLoss(0.05, 3.0), RatingLoss(0.05, 0.02, bias_per_rating=True)


def test_the_loss_is_what_its_docstring_says(ratings: Interactions) -> None:
    factors = als(ratings, 3, PER_RATING, iterations=2)
    expected = 0.0
    for user, item, value in zip(ratings.users, ratings.items, ratings.values, strict=True):
        p, q = factors.users[user].double(), factors.items[item].double()
        b, c = factors.user_bias[user].double(), factors.item_bias[item].double()
        expected += (value - factors.offset - b - c - p @ q) ** 2 + 0.05 * (p @ p + q @ q) + 0.02 * (b * b + c * c)
    assert PER_RATING.value(factors, ratings) == pytest.approx(float(expected), rel=1e-5)
    biases = sum(float(bias.double().square().sum()) for bias in (factors.user_bias, factors.item_bias))
    per_rating = PER_RATING.value(factors, ratings) - replace(PER_RATING, bias_regularization=0.0).value(
        factors, ratings
    )
    once = replace(PER_RATING, bias_per_rating=False).value(factors, ratings) - replace(
        PER_RATING, bias_regularization=0.0
    ).value(factors, ratings)
    assert once == pytest.approx(0.02 * biases, rel=1e-6)
    assert per_rating > 10 * once


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100), dim=st.integers(1, 8), method=st.sampled_from(["cholesky", "cg", "block"]))
def test_the_loss_never_rises(seed: int, dim: int, method: str) -> None:
    log = synthetic(40, 30, 500, rank=3, seed=seed).interactions
    rounds = als_iterations(log, dim, LOSS, solver=RowSolver(method, block=2), seed=seed)
    losses = np.array([LOSS.value(factors, log) for factors in islice(rounds, 8)])
    assert (np.diff(losses) <= 1e-5 * losses[:-1]).all()
    assert losses[-1] < losses[0]


def test_the_gradient_is_zero_where_it_ends(ratings: Interactions) -> None:
    factors = als(ratings, 3, LOSS, iterations=300)
    parts = [part.double().requires_grad_() for part in (factors.users, factors.user_bias)]
    parts += [part.double().requires_grad_() for part in (factors.items, factors.item_bias)]
    p, b, q, c = parts
    users, items = (torch.from_numpy(column.astype(np.int64)) for column in (ratings.users, ratings.items))
    errors = torch.tensor(ratings.values) - factors.offset - b[users] - c[items] - (p[users] * q[items]).sum(1)
    penalty = 0.05 * (p[users].square().sum() + q[items].square().sum())
    loss = errors.square().sum() + penalty + 3.0 * (b.square().sum() + c.square().sum())
    for gradient in torch.autograd.grad(loss, parts):
        assert gradient.abs().max() < 0.05  # the loss is in the thousands, single precision


def test_ratings_of_low_rank_are_recovered(ratings: Interactions) -> None:
    factors = als(ratings, 4, RatingLoss(0.001, 0.05), iterations=40)
    users, items = (torch.from_numpy(column.astype(np.int64)) for column in (ratings.users, ratings.items))
    errors = factors.score_pairs(users, items).numpy() - ratings.values
    assert np.sqrt(np.square(errors).mean()) < 0.4 * ratings.values.std()


def test_folding_a_known_user_in_gives_their_vector(parts: Split) -> None:
    factors = als(parts.train, 4, LOSS, iterations=3)
    again = factors.refit_users(parts.train)
    torch.testing.assert_close(again.users, factors.users, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(again.user_bias, factors.user_bias, rtol=1e-3, atol=1e-4)


def test_one_block_of_all_unknowns_and_many_gradients_are_the_exact_method(ratings: Interactions) -> None:
    exact = als(ratings, 4, LOSS, iterations=3)
    for solver in (RowSolver("block", block=5), RowSolver("cg", steps=12)):
        other = als(ratings, 4, LOSS, iterations=3, solver=solver)
        torch.testing.assert_close(other.users, exact.users, rtol=2e-3, atol=2e-3)


def test_the_same_seed_gives_the_same_bits(ratings: Interactions) -> None:
    one, two = (als(ratings, 4, iterations=2, solver=RowSolver(n_threads=n), seed=5) for n in (1, 2))
    assert torch.equal(one.users, two.users)
    assert torch.equal(one.items, two.items)
    assert not torch.equal(one.users, als(ratings, 4, iterations=2, seed=6).users)


def test_users_and_items_without_a_rating_are_average(parts: Split) -> None:
    log = parts.train.select(parts.train.users != 3)
    factors = als(log, 4, iterations=3)
    assert not factors.users[3].any()
    assert factors.user_bias[3] == 0


def test_the_recipe_keeps_the_round_that_predicts_best(parts: Split) -> None:
    model = ALS(dim=6, regularization=0.001, iterations=12, patience=2).fit(parts.train, parts.valid, refit=False)
    errors = [epoch["valid_rmse"] for epoch in model.history]
    assert model.settings["iterations"] == 1 + int(np.argmin(errors))
    assert len(errors) < 12  # patience ended


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda log: als(log.without_values(), 2), DataError, "ALS learns from values, and this log has none"),
        (lambda log: als(log, 0), SettingsError, "dim must be from 1 to 1,000,000, got 0"),
        (lambda log: als(log, 2, iterations=0), SettingsError, "iterations must be from 1 to 1,000,000, got 0"),
        (lambda log: als(log, 2, init_scale=0.0), SettingsError, "init_scale must be above 0, got 0.0"),
        (lambda _: RatingLoss(-1.0), SettingsError, "regularization must be a finite number of 0 or more, got -1"),
        (lambda _: RatingLoss(0.1, np.inf), SettingsError, "bias_regularization must be a (finite )?number"),
        (lambda log: als(log, 90, RatingLoss(0.0, 0.0)), TrainingError, "has no single solution; raise the regular"),
        (lambda _: ALS(methd="cg"), SettingsError, "ALS has no setting 'methd'; it has method, steps"),
    ],
)
def test_what_cannot_work_is_refused(make, error, message: str, ratings: Interactions) -> None:
    with pytest.raises(error, match=message):
        make(ratings)


def unmet() -> Interactions:
    """A log with a user and an item that have no row, as the train part of a split may be."""
    log = synthetic(60, 40, 900, rank=2, seed=1).interactions
    return log.select((log.users != 3) & (log.items != 5))


@pytest.mark.parametrize("method", ["cholesky", "cg", "block"])
def test_users_without_a_rating_stay_at_zero_whatever_the_penalty(method: str) -> None:
    factors = als(unmet(), 2, RatingLoss(0.1, 0.0), iterations=3, solver=RowSolver(method))
    assert not factors.users[3].any()
    assert not factors.items[5].any()
    assert factors.users[2].any()


def test_a_singular_row_is_refused_by_conjugate_gradients_too() -> None:
    with pytest.raises(TrainingError, match="has no single solution; raise the regularization above 0"):
        als(unmet(), 8, RatingLoss(0.0, 0.0), iterations=40, solver=RowSolver("cg", steps=30))


def test_where_vectors_vanish_the_biases_alone_are_left(parts: Split) -> None:
    found = als(parts.train, 4, RatingLoss(1e4, 3.0), iterations=8)
    alone = fit_biases(parts.train, user_shrinkage=3.0, item_shrinkage=3.0, iterations=8)
    assert found.users.abs().max() < 1e-6
    np.testing.assert_allclose(found.user_bias.numpy(), alone.user_bias, atol=1e-5)
    np.testing.assert_allclose(found.item_bias.numpy(), alone.item_bias, atol=1e-5)


def test_a_bias_that_rests_on_one_rating_is_shrunk_more_than_one_that_rests_on_many() -> None:
    n = 40
    users, items = [*range(n), 0], ["many"] * n + ["one"]
    log = Interactions.from_arrays(users, items, values=[6.0, 4.0] * (n // 2) + [9.0])
    factors = als(log, 1, RatingLoss(1e4, 3.0), iterations=1)
    counts = log.item_counts
    mean_above = np.bincount(log.items, log.values - factors.offset) / counts
    np.testing.assert_allclose(factors.item_bias.numpy(), mean_above * counts / (counts + 3.0), rtol=1e-4)
    assert sorted(counts) == [1, n]


@pytest.mark.parametrize(("user_spread", "rank_spread", "scale"), [(0.5, 0.0, 1.0), (0.1, 0.0, 20.0), (0.5, 0.5, 1.0)])
def test_on_sparse_logs_it_is_no_worse_than_the_biases_alone(
    user_spread: float, rank_spread: float, scale: float
) -> None:
    """About four ratings a user, from biases and, in one case, factors that are far too many for them."""
    rng = np.random.default_rng(3)
    n, m = 1500, 500
    pairs = np.unique(rng.integers(n, size=4 * n) * m + rng.zipf(1.6, 4 * n).clip(1, m) - 1)
    users, items = pairs // m, pairs % m
    values = rng.normal(0, user_spread, n)[users] + rng.normal(0, 0.5, m)[items] + rng.normal(0, 0.8, len(pairs))
    values += rank_spread * (rng.standard_normal((n, 3))[users] * rng.standard_normal((m, 3))[items]).sum(1)
    log = Interactions.from_arrays(users.tolist(), items.tolist(), values=scale * values)
    parts = split.random(log, test=0.3, valid=0.2, seed=0)
    errors = {
        kind: evaluate(recipe.fit(parts.train, parts.valid), parts)["rmse"]
        for kind, recipe in {"als": ALS(dim=8), "biases": Popularity()}.items()
    }
    assert errors["als"] < 1.01 * errors["biases"], "but for the luck of a few hundred rows"


def test_the_penalty_that_is_chosen_follows_the_scale_of_the_values() -> None:
    log = synthetic(150, 80, 4000, rank=2, noise=0.5, seed=0).interactions
    errors = []
    for scale in (1.0, 50.0):
        parts = split.random(replace(log, values=log.values * scale), valid=0.1)
        model = ALS(dim=8).fit(parts.train, parts.valid)
        errors.append(evaluate(model, parts)["rmse"] / scale)
    assert errors[1] == pytest.approx(errors[0], rel=0.05)
