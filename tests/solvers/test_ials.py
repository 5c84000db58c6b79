"""Implicit ALS: the loss without the dense table, never rising; blocks and folding that agree with the exact steps."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.data import Interactions, Split, checkerboard
from fillrank.errors import DataError, SettingsError, TrainingError
from fillrank.factors import Factors
from fillrank.factors.ridge import RowSolver
from fillrank.models import IALS
from fillrank.solvers.sparse.ials import ImplicitLoss, ials, ials_iterations

LOSS = ImplicitLoss(0.1, 0.02, 0.8)


def some_log(seed: int, n_users: int = 25, n_items: int = 18, n_rows: int = 120) -> Interactions:
    rng = np.random.default_rng(seed)
    cells = rng.choice(n_users * n_items, n_rows, replace=False)
    return Interactions.from_arrays(cells // n_items, cells % n_items)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), weight=st.floats(0, 2), exponent=st.floats(0, 2))
def test_the_loss_is_that_of_the_dense_table(seed: int, weight: float, exponent: float) -> None:
    log = some_log(seed)
    generator = torch.Generator().manual_seed(seed)
    users, items = (torch.randn(n, 3, generator=generator) for n in (log.n_users, log.n_items))
    scores, seen = (users @ items.T).double().numpy(), log.csr.toarray()
    loss = ImplicitLoss(weight, 0.3, exponent)
    dense = (seen * (scores - 1) ** 2).sum() + weight * (scores**2).sum()
    for side, counts, n_others in ((users, log.user_counts, log.n_items), (items, log.item_counts, log.n_users)):
        dense += 0.3 * ((counts + weight * n_others) ** exponent @ side.double().square().sum(1).numpy())
    assert loss.value(Factors(users, items), log) == pytest.approx(dense, rel=1e-5)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100), dim=st.integers(1, 8), method=st.sampled_from(["cholesky", "cg", "block"]))
def test_the_loss_never_rises(seed: int, dim: int, method: str) -> None:
    log = some_log(seed)
    rounds = ials_iterations(log, dim, LOSS, solver=RowSolver(method, steps=2, block=3), seed=seed)
    losses = np.array([LOSS.value(factors, log) for factors in islice(rounds, 8)])
    assert (np.diff(losses) <= 1e-5 * losses[:-1]).all()
    assert losses[-1] < losses[0]


def test_the_gradient_is_zero_where_it_ends() -> None:
    log = some_log(1)
    factors = ials(log, 3, LOSS, iterations=300)
    users, items = (side.double().requires_grad_() for side in (factors.users, factors.items))
    scores, seen = users @ items.T, torch.from_numpy(log.csr.toarray())
    loss = (seen * (scores - 1) ** 2).sum() + 0.1 * scores.square().sum()
    for side, counts, n_others in ((users, log.user_counts, log.n_items), (items, log.item_counts, log.n_users)):
        strength = torch.from_numpy((counts + 0.1 * n_others) ** 0.8)
        loss = loss + 0.02 * strength @ side.square().sum(1)
    for gradient in torch.autograd.grad(loss, (users, items)):
        assert gradient.abs().max() < 1e-3


def test_one_block_of_all_dimensions_is_the_exact_method() -> None:
    log = some_log(2)
    exact = ials(log, 6, LOSS, iterations=4)
    for solver in (RowSolver("block", block=6), RowSolver("cg", steps=20)):
        other = ials(log, 6, LOSS, iterations=4, solver=solver)
        torch.testing.assert_close(other.score(torch.arange(25)), exact.score(torch.arange(25)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("method", ["cg", "block"])
def test_cheap_steps_reach_the_loss_of_exact_ones(method: str) -> None:
    log = some_log(3)
    exact, cheap = (
        LOSS.value(ials(log, 8, LOSS, iterations=60, solver=RowSolver(way, block=2)), log)
        for way in ("cholesky", method)
    )
    assert cheap == pytest.approx(exact, rel=0.01)


def test_folding_a_known_user_in_gives_their_vector(parts: Split) -> None:
    factors = ials(parts.train, 5, LOSS, iterations=3)
    again = factors.refit_users(parts.train)
    torch.testing.assert_close(again.users, factors.users, rtol=1e-3, atol=1e-5)


def test_what_users_have_in_common_is_found() -> None:
    board = checkerboard(20)
    scores = ials(board, 2, LOSS, iterations=10).score(torch.arange(20))
    same = torch.tensor([[(u + i) % 2 == 0 for i in range(20)] for u in range(20)])
    assert scores[same].min() > scores[~same].max()


def test_the_same_seed_gives_the_same_bits(parts: Split) -> None:
    one, two = (ials(parts.train, 4, iterations=2, solver=RowSolver("cg", n_threads=n), seed=5) for n in (1, 2))
    assert torch.equal(one.users, two.users)
    assert torch.equal(one.items, two.items)
    assert not torch.equal(one.items, ials(parts.train, 4, iterations=2, solver=RowSolver("cg"), seed=6).items)


def test_values_are_not_looked_at(parts: Split) -> None:
    one, two = (ials(log, 3, iterations=2) for log in (parts.train, parts.train.without_values()))
    assert torch.equal(one.items, two.items)


def test_the_recipe_keeps_the_round_that_ranks_best(parts: Split) -> None:
    recipe = IALS(dim=8, unobserved_weight=0.1, regularization=0.003, iterations=8, patience=2)
    model = recipe.fit(parts.train, parts.valid, refit=False)
    figures = [epoch["valid_ndcg@20"] for epoch in model.history]
    assert figures[model.settings["iterations"] - 1] == max(figures)


def test_the_weights_are_chosen_on_validation_and_only_there(parts: Split) -> None:
    model = IALS(dim=4, iterations=4).fit(parts.train, parts.valid, refit=False)
    best = max(epoch["valid_ndcg@20"] for epoch in model.history)
    for weight in (0.01, 0.3):
        other = IALS(dim=4, unobserved_weight=weight, iterations=4)
        other = other.fit(parts.train, parts.valid, refit=False)
        assert other.settings["unobserved_weight"] == weight
        assert best >= 0.99 * other.history[-1]["valid_ndcg@20"]  # a search along axes may miss a little
    with pytest.raises(SettingsError, match=r"IALS has settings to choose \('auto'\) and no valid"):
        IALS(dim=4, unobserved_weight="auto").fit(parts.train)


@pytest.mark.parametrize("recipe", ["iterations", "dim", "unobserved_weight", "regularization", "frequency_exponent"])
def test_every_setting_changes_the_result(recipe: str, parts: Split) -> None:
    """A guard against dead options."""
    plain = {"dim": 4, "unobserved_weight": 0.1, "regularization": 0.003, "iterations": 2}
    one, two = (
        IALS(**settings).fit(parts.train).recommend(k=5)["score"]
        for settings in (plain, plain | {recipe: {"iterations": 3, "dim": 5}.get(recipe, 0.5)})
    )
    assert not one.equals(two)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda log: ials(log.select(log.users < 0), 2), DataError, "there is nothing to learn from"),
        (lambda log: ials(log, 0), SettingsError, "dim must be from 1 to 1,000,000, got 0"),
        (lambda log: ials(log, 2, iterations=0), SettingsError, "iterations must be from 1 to 1,000,000, got 0"),
        (lambda log: ials(log, 2, init_scale=-1.0), SettingsError, "init_scale must be above 0, got -1.0"),
        (lambda _: ImplicitLoss(-1.0), SettingsError, "unobserved_weight must be a finite number of 0 or more"),
        (lambda _: ImplicitLoss(0.1, np.nan), SettingsError, "regularization must be a (finite )?number"),
        (lambda log: ials(log, 40, ImplicitLoss(0.0, 0.0)), TrainingError, "has no single solution; raise the"),
    ],
)
def test_what_cannot_work_is_refused(make, error, message: str) -> None:
    with pytest.raises(error, match=message):
        make(some_log(4))
