"""Users for given items: the closed form, the gradient routes towards it, and an example of how far they may stop."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fillrank.data import IdMap, Interactions
from fillrank.errors import DataError, SettingsError, TrainingError
from fillrank.solvers.fold_in import Descent, descend_users, ridge_objective, solve_users


def drawn(seed: int, *, n_users: int = 6, n_items: int = 9, dim: int = 3) -> tuple[Tensor, Tensor]:
    """Item factors and a table with holes, float64; the last user has no rating at all."""
    generator = torch.Generator().manual_seed(seed)
    items = torch.randn(n_items, dim, generator=generator, dtype=torch.float64)
    table = torch.randn(n_users, n_items, generator=generator, dtype=torch.float64)
    table[torch.rand(table.shape, generator=generator) < 0.4] = torch.nan
    table[-1] = torch.nan
    table[0, 0] = 0.0  # a value like any other
    return items, table


def as_log(table: Tensor) -> Interactions:
    users, items = (~table.isnan()).nonzero(as_tuple=True)
    return Interactions(
        users=users.numpy().astype(np.int32),
        items=items.numpy().astype(np.int32),
        values=table[users, items].numpy().astype(np.float32),
        times=None,
        user_ids=IdMap(range(table.shape[0])),
        item_ids=IdMap(range(table.shape[1])),
    )


def by_definition(items: Tensor, row: Tensor, regularization: float) -> Tensor:
    known = ~row.isnan()
    met = items[known]
    return torch.linalg.solve(
        met.T @ met + regularization * known.sum() * torch.eye(items.shape[1], dtype=items.dtype), met.T @ row[known]
    )


class TestTheClosedForm:
    def test_it_is_the_ridge_regression_of_each_user(self) -> None:
        items, table = drawn(0)
        for ratings in (table, as_log(table)):
            found = solve_users(items, ratings, regularization=0.3)
            wanted = torch.stack([by_definition(items, row, 0.3) for row in table[:-1]])
            torch.testing.assert_close(found[:-1], wanted, atol=1e-6, rtol=0)  # a log holds 32 bits
            assert not found[-1].any()

    def test_without_a_penalty_too_few_ratings_give_the_shortest_answer(self) -> None:
        items, table = drawn(1)
        table[1], table[1, :2] = torch.nan, torch.tensor([1.0, -2.0])
        wanted = torch.linalg.pinv(items[:2]) @ table[1, :2]
        for ratings in (table, as_log(table)):
            torch.testing.assert_close(solve_users(items, ratings, regularization=0)[1], wanted, atol=1e-5, rtol=0)

    def test_exact_ratings_give_the_users_back(self) -> None:
        items, _ = drawn(2)
        users = torch.randn(5, 3, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
        torch.testing.assert_close(solve_users(items, users @ items.T, regularization=0), users)

    def test_a_mask_hides_what_is_never_read(self) -> None:
        items, table = drawn(3)
        mask = ~table.isnan()
        spoilt = torch.where(mask, table, torch.inf)
        assert torch.equal(solve_users(items, spoilt, mask=mask), solve_users(items, table))

    def test_a_zero_is_a_value(self) -> None:
        items, table = drawn(0)
        hidden = table.clone()
        hidden[0, 0] = torch.nan
        assert not torch.allclose(solve_users(items, table)[0], solve_users(items, hidden)[0])

    @given(seed=st.integers(0, 10**6), strength=st.floats(0.01, 10))
    @settings(max_examples=25, deadline=None)
    def test_no_other_users_do_better(self, seed: int, strength: float) -> None:
        items, table = drawn(seed)
        best = solve_users(items, table, regularization=strength)
        least = ridge_objective(items, best, table, regularization=strength)
        away = best + 0.1 * torch.randn(best.shape, generator=torch.Generator().manual_seed(seed), dtype=best.dtype)
        assert least <= ridge_objective(items, away, table, regularization=strength) + 1e-12
        log = as_log(table)
        assert least == pytest.approx(ridge_objective(items, best, log, regularization=strength), rel=1e-4)


class TestTheGradientRoutes:
    @pytest.mark.parametrize("of_log", [False, True])
    @pytest.mark.parametrize(
        "how",
        [
            Descent("sgd", learning_rate=0.3, epochs=800, regularization=0.2),
            Descent("adam", learning_rate=0.03, epochs=800, regularization=0.2),
        ],
        ids=lambda how: how.method,
    )
    def test_they_end_where_the_closed_form_does(self, how: Descent, of_log: bool) -> None:
        items, table = drawn(4)
        ratings = as_log(table) if of_log else table
        found = descend_users(items, ratings, how)
        torch.testing.assert_close(found.users, solve_users(items, ratings, regularization=0.2), atol=1e-3, rtol=0)
        assert found.losses[-1] == pytest.approx(
            ridge_objective(items, found.users, ratings, regularization=0.2), abs=1e-6
        )

    def test_the_first_loss_is_that_of_the_start(self) -> None:
        items, table = drawn(5)
        start = torch.ones(6, 3, dtype=torch.float64)
        found = descend_users(items, table, Descent("sgd", epochs=1, regularization=0.2), start=start)
        assert found.losses == (pytest.approx(ridge_objective(items, start, table, regularization=0.2)),)
        assert found.errors == (pytest.approx(ridge_objective(items, start, table)),)

    @pytest.mark.parametrize("of_log", [False, True])
    def test_batches_come_from_the_seed(self, of_log: bool) -> None:
        items, table = drawn(6)
        ratings = as_log(table) if of_log else table
        how = Descent("adam", epochs=30, batch_size=2)
        first, again = (descend_users(items, ratings, how) for _ in range(2))
        assert torch.equal(first.users, again.users)
        assert not torch.equal(first.users, descend_users(items, ratings, replace(how, seed=1)).users)
        assert first.losses[-1] < first.losses[0] / 2

    def test_decoupled_decay_shrinks_what_no_rating_holds(self) -> None:
        """A user without a rating has no gradient: AdamW takes it times (1 - rate·decay) each step, Adam leaves it."""
        items, table = drawn(7)
        start = torch.ones(6, 3, dtype=torch.float64)
        decayed = descend_users(items, table, Descent("adamw", 0.1, epochs=10, weight_decay=0.5), start=start)
        kept = descend_users(items, table, Descent("adam", 0.1, epochs=10, regularization=0.5), start=start)
        torch.testing.assert_close(decayed.users[-1], start[-1] * (1 - 0.1 * 0.5) ** 10)
        assert torch.equal(kept.users[-1], start[-1])

    def test_adamw_without_decay_is_adam(self) -> None:
        items, table = drawn(8)
        one, other = (descend_users(items, table, Descent(method, epochs=5)) for method in ("adam", "adamw"))
        assert torch.equal(one.users, other.users)

    def test_a_rate_that_is_too_large_is_named(self) -> None:
        items, table = drawn(9)
        with pytest.raises(TrainingError, match=r"epoch \d+ of 5000: learning_rate=100 is too large; try 10"):
            descend_users(items, table, Descent("sgd", learning_rate=100, epochs=5000))


@cache
def example() -> tuple[Tensor, Tensor, Tensor]:
    """Item factors, first users and ratings, in the order in which the example draws them."""
    generator = torch.Generator().manual_seed(0)
    items, users, table = (torch.randn(*shape, generator=generator) for shape in ((1000, 50), (500, 50), (500, 1000)))
    return items, users, table


class TestAHundredEpochsOfNothing:
    """500 users, 1,000 items, 50 dimensions, every cell a normal number: a published example, from seed 0."""

    def test_the_closed_form_is_the_optimum(self) -> None:
        items, _, table = example()
        users = solve_users(items, table, regularization=0)
        assert ridge_objective(items, users, table) == pytest.approx(0.9514, abs=5e-5)
        by_factorization = torch.linalg.lstsq(items.double(), table.T.double()).solution.T.float()
        torch.testing.assert_close(users, by_factorization)

    def test_its_gradient_routes_stop_far_above(self) -> None:
        items, start, table = example()
        sgd = descend_users(items, table, Descent("sgd", learning_rate=0.01, epochs=100), start=start)
        assert sgd.errors[0] == pytest.approx(50.743, abs=5e-4)
        assert sgd.errors[-1] == pytest.approx(50.331, abs=5e-4)
        # a coupled decay of .001 on the mean over 500 × 1,000 cells is a penalty of .25 for each rating
        how = Descent("adam", learning_rate=0.001, epochs=100, regularization=0.25)
        assert descend_users(items, table, how, start=start).errors[-1] == pytest.approx(43.318, abs=5e-4)

    def test_the_same_descent_arrives_with_a_rate_for_the_mean(self) -> None:
        items, start, table = example()
        how = Descent("sgd", learning_rate=200, epochs=100)
        assert descend_users(items, table, how, start=start).errors[-1] == pytest.approx(0.9514, abs=5e-5)


ITEMS, TABLE = drawn(0)
LOG = as_log(TABLE)


@pytest.mark.parametrize(
    ("items", "ratings", "mask", "message"),
    [
        (ITEMS.long(), TABLE, None, "item_factors must be a float32 or float64 tensor .* got torch.int64"),
        (ITEMS[0], TABLE, None, r"item_factors must be .* got torch.float64 of shape \[3\]"),
        (ITEMS.tolist(), TABLE, None, "item_factors must be .* got list"),
        (ITEMS[:, :0], TABLE, None, "have no dimensions"),
        (ITEMS * torch.nan, TABLE, None, "9 of 9 item factors are NaN or infinite"),
        (ITEMS, LOG.without_values(), None, "this log has no values"),
        (ITEMS[:5], LOG, None, "the log is over 9 items, the item factors over 5"),
        (ITEMS, LOG.select(np.zeros(len(LOG), dtype=bool)), None, "the log has no rows"),
        (ITEMS, LOG, ~TABLE.isnan(), "a mask goes with a table"),
        (ITEMS, TABLE.numpy(), None, "a log or a float32 or float64 table, got ndarray"),
        (ITEMS, TABLE[:, :5], None, "the table has 5 columns, and there are 9 item factors"),
        (ITEMS, TABLE, torch.ones(6, 9), r"mask must be a bool tensor of shape \[6, 9\], got torch.float32"),
        (ITEMS, TABLE, torch.ones(5, 9) > 0, r"mask must be a bool tensor .* of shape \[5, 9\]"),
        (ITEMS, torch.full_like(TABLE, -math.inf), None, "54 ratings are infinite, the first in row 0, column 0"),
        (ITEMS, torch.full_like(TABLE, math.nan), None, "no rating of the 6×9 table is known"),
    ],
)
def test_what_cannot_be_solved_is_refused(items: Any, ratings: Any, mask: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        solve_users(items, ratings, mask=mask)


@pytest.mark.parametrize("start", [torch.zeros(5, 3, dtype=torch.float64), torch.zeros(6, 3)])
def test_a_start_that_does_not_fit_is_refused(start: Tensor) -> None:
    with pytest.raises(DataError, match=r"start must be torch.float64 of shape \[6, 3\], got"):
        descend_users(ITEMS, TABLE, start=start)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "lbfgs"}, "method must be 'sgd', 'adam' or 'adamw', got 'lbfgs'"),
        ({"learning_rate": 0}, "learning_rate must be a finite number above 0, got 0"),
        ({"epochs": 0}, "epochs must be from 1 to 1,000,000, got 0"),
        ({"batch_size": 0}, "batch_size must be 1 or more, got 0"),
        ({"regularization": -1}, "regularization must be a finite number of 0 or more, got -1"),
        ({"method": "adamw", "weight_decay": math.nan}, "weight_decay must be a number, got nan"),
        ({"method": "adamw", "regularization": 0.1}, "adamw takes weight_decay, which is decoupled"),
        ({"method": "sgd", "weight_decay": 0.1}, "weight_decay is for adamw; sgd takes regularization"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Descent(**wrong)


def test_a_penalty_below_zero_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"regularization must be a finite number of 0 or more, got -0\.1"):
        solve_users(ITEMS, TABLE, regularization=-0.1)
