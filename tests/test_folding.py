"""Ways of folding users in: many at once are each as if alone, and old settings mean what they meant."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.factors.fold_in import (
    Folding,
    ImplicitRidge,
    Projection,
    RatingRidge,
    ResidualProjection,
    folding_from_parts,
    folding_parts,
)

WAYS = [
    Projection(torch.randn(80, 5, generator=torch.Generator().manual_seed(2)), use_values=True),
    Projection(torch.randn(80, 5, generator=torch.Generator().manual_seed(2))),
    ResidualProjection(torch.randn(80, 5, generator=torch.Generator().manual_seed(3)), 2.0),
    ImplicitRidge(0.2, 0.3, positive_from=3.0),
    ImplicitRidge(0.2, 0.3, frequency_exponent=0.7),
    RatingRidge(0.3, 0.1),
]


def factors(dim: int = 5) -> Factors:
    generator = torch.Generator().manual_seed(1)
    return Factors(
        torch.zeros(1, dim),
        torch.randn(80, dim, generator=generator),
        user_bias=torch.zeros(1),
        item_bias=torch.randn(80, generator=generator),
        offset=3.0,
    )


def history(items: list[int], values: list[float]) -> Interactions:
    """One user, over 80 items."""
    wide = Interactions.from_arrays(["a"] * len(items) + ["z"] * 80, [*items, *range(80)], [*values, *[1.0] * 80])
    alone = wide.select(wide.users == 0)
    return alone


@pytest.mark.parametrize("way", WAYS, ids=lambda way: type(way).__name__)
def test_many_users_are_each_as_if_alone(way: Folding, ratings: Interactions) -> None:
    users, bias = way.solve(factors(), ratings)
    assert users.shape == (150, 5)
    for user in (0, 17, 149):
        row = ratings.users == user
        one, its_bias = way.solve(factors(), history(ratings.items[row].tolist(), ratings.values[row].tolist()))
        torch.testing.assert_close(users[user], one[0], rtol=1e-4, atol=1e-4)
        if bias is not None:
            torch.testing.assert_close(bias[user], its_bias[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: type(way).__name__)
def test_a_user_without_a_row_is_zero(way: Folding) -> None:
    users, _ = way.solve(factors(), history([4, 9], [5.0, 4.0]))  # the second user has no row
    assert users.shape == (2, 5)
    assert users[0].abs().max() > 0
    assert (users[1] == 0).all()


@pytest.mark.parametrize("way", [RatingRidge(), ResidualProjection(torch.ones(80, 5))])
def test_without_values_a_user_stays_at_the_average(way: Folding) -> None:
    users, bias = way.solve(factors(), history([4, 9], [5.0, 4.0]).without_values())
    assert not users.any()
    assert not bias.any()


def test_projections_are_the_sums_they_say() -> None:
    log, weights, q = history([4, 9], [5.0, 2.0]), WAYS[0].weights, factors()
    torch.testing.assert_close(WAYS[0].solve(q, log)[0][0], 5 * weights[4] + 2 * weights[9])
    torch.testing.assert_close(WAYS[1].solve(q, log)[0][0], weights[4] + weights[9])
    left = torch.tensor([5.0, 2.0]) - 3.0 - q.item_bias[[4, 9]]
    bias = left.sum() / (2.0 + 2)
    users, biases = WAYS[2].solve(q, log)
    torch.testing.assert_close(biases[0], bias)
    torch.testing.assert_close(users[0], (left - bias) @ WAYS[2].weights[[4, 9]])


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_the_penalty_of_an_implicit_ridge_grows_with_the_history(exponent: float) -> None:
    q = factors().items.double()
    way = ImplicitRidge(0.2, 0.3, frequency_exponent=exponent)
    both = Factors(torch.zeros(1, 5).double(), q)
    u = way.solve(both, history([4, 9, 11], [5.0, 4.0, 1.0]))[0][0].requires_grad_()
    penalty = 0.3 * (3 + 0.2 * 80) ** exponent
    loss = (1 - q[[4, 9, 11]] @ u).square().sum() + 0.2 * (q @ u).square().sum() + penalty * u @ u
    (gradient,) = torch.autograd.grad(loss, u)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-9, rtol=0)


def test_settings_saved_before_there_was_an_exponent_mean_what_they_meant() -> None:
    old = {"kind": "ImplicitRidge", "unobserved_weight": 0.2, "regularization": 0.3, "positive_from": None}
    way = folding_from_parts(old, None)
    assert way == ImplicitRidge(0.2, 0.3, frequency_exponent=0.0)
    assert folding_from_parts(*folding_parts(WAYS[4])) == WAYS[4]
    np.testing.assert_allclose(way.strength(np.array([0, 7]), 50), 0.3)
