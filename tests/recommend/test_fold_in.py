"""New users for item vectors alone: what each objective promises, and what is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import fillrank as fr
from fillrank.data import IdMap, Interactions
from fillrank.errors import DataError, SettingsError
from fillrank.factors import Factors
from fillrank.factors.fold_in import ImplicitRidge
from fillrank.losses import BSL, LOSSES, InfoNCE
from fillrank.solvers.fold_in import solve_users

GENERATOR = torch.Generator().manual_seed(0)
ITEMS = torch.randn(40, 4, generator=GENERATOR)
RATED = [{0: 4.0, 7: 0.0, 12: -1.5}, {39: 2.0}, {place: float(place % 5) for place in range(30)}]
MET = [list(history) for history in RATED]


def tastes() -> tuple[Tensor, list[list[int]]]:
    """Items in four groups that point four ways; each of four users met half of one group."""
    items = torch.eye(4).repeat(10, 1) + 0.05 * ITEMS
    return items, [[4 * place + group for place in range(5)] for group in range(4)]


class TestRidge:
    def test_each_user_is_the_ridge_regression_of_their_ratings(self) -> None:
        found = fr.fold_in(ITEMS, RATED, regularization=0.2)
        for user, history in enumerate(RATED):
            met, ratings = ITEMS[list(history)], torch.tensor(list(history.values()))
            wanted = torch.linalg.solve(met.T @ met + 0.2 * len(history) * torch.eye(4), met.T @ ratings)
            torch.testing.assert_close(found[user], wanted, atol=1e-5, rtol=1e-4)

    def test_what_the_items_bias_explains_is_taken_off_first(self) -> None:
        bias = torch.linspace(-1, 1, 40)
        lifted = [{item: rating + bias[item].item() for item, rating in history.items()} for history in RATED]
        torch.testing.assert_close(fr.fold_in(ITEMS, lifted, item_bias=bias), fr.fold_in(ITEMS, RATED))

    def test_a_column_of_ones_is_a_bias_of_the_user(self) -> None:
        ones = torch.cat([ITEMS, torch.ones(40, 1)], dim=1)
        users = torch.tensor([[1.0, 0.0, -1.0, 0.5, 3.0]])
        ratings = [dict(enumerate((users @ ones.T)[0].tolist()))]
        torch.testing.assert_close(fr.fold_in(ones, ratings, regularization=1e-8), users, atol=1e-3, rtol=0)

    def test_a_user_does_not_depend_on_the_users_beside_them(self) -> None:
        together = fr.fold_in(ITEMS, RATED)
        alone = torch.cat([fr.fold_in(ITEMS, [history]) for history in RATED])
        torch.testing.assert_close(together, alone)


class TestIals:
    def test_it_is_the_user_step_of_ials(self) -> None:
        settings = {"unobserved_weight": 0.2, "regularization": 0.3, "frequency_exponent": 0.5}
        found = fr.fold_in(ITEMS, MET, objective="ials", **settings)
        for user, history in enumerate(MET):
            met, strength = ITEMS[history], 0.3 * (len(history) + 0.2 * 40) ** 0.5
            everywhere = 0.2 * ITEMS.T @ ITEMS + strength * torch.eye(4)
            wanted = torch.linalg.solve(everywhere + met.T @ met, met.sum(0))
            torch.testing.assert_close(found[user], wanted, atol=1e-5, rtol=1e-4)

    def test_ratings_are_not_looked_at(self) -> None:
        rated = [{place: abs(rating) for place, rating in history.items()} for history in RATED]
        assert torch.equal(fr.fold_in(ITEMS, rated, objective="ials"), fr.fold_in(ITEMS, MET, objective="ials"))

    def test_it_is_what_factors_with_this_folding_do(self, ratings: Interactions) -> None:
        items = torch.randn(ratings.n_items, 4, generator=torch.Generator().manual_seed(1))
        factors = Factors(torch.zeros(1, 4), items, folding=ImplicitRidge(0.1, 0.1))
        torch.testing.assert_close(
            fr.fold_in(items, ratings.without_values(), objective="ials"),
            factors.fold_in(ratings.without_values()).users,
        )


@dataclass(frozen=True)
class _Hinge:
    """A loss of one's own, without closed-form gradients."""

    margin: float = 0.5

    def __call__(self, pos: Tensor, neg: Tensor, *, mask: Tensor | None = None, **_: Any) -> Tensor:
        wrong = (neg - pos[:, None] + self.margin).relu()
        return (wrong if mask is None else wrong.masked_fill(mask, 0.0)).mean(1)


class TestLoss:
    @pytest.mark.parametrize("name", list(LOSSES))
    def test_any_loss_will_do(self, name: str) -> None:
        items, met = tastes()
        for own in (LOSSES[name](), BSL(0.2, several_positives=True)) if name == "bsl" else (LOSSES[name](),):
            users = fr.fold_in(items, met, objective="loss", loss=own, epochs=2)
            assert bool(torch.isfinite(users).all())

    @pytest.mark.parametrize("loss", [InfoNCE(0.2), _Hinge()], ids=["closed-form", "autograd"])
    @pytest.mark.parametrize("similarity", ["dot", "cosine"])
    def test_users_are_drawn_to_the_rest_of_their_group(self, loss: Any, similarity: Any) -> None:
        items, met = tastes()
        users = fr.fold_in(items, met, objective="loss", loss=loss, similarity=similarity)
        scores = Factors(users, items, similarity=similarity).score(torch.arange(4))
        for group in range(4):
            scores[group, met[group]] = -math.inf
        assert (scores.topk(5).indices % 4 == torch.arange(4)[:, None]).all()

    def test_the_penalty_shortens_users(self) -> None:
        items, met = tastes()
        short, long = (
            fr.fold_in(items, met, objective="loss", regularization=strength, epochs=100) for strength in (1.0, 0.0)
        )
        assert short.norm() < 0.5 * long.norm()

    def test_the_items_bias_does_the_work_that_users_need_not(self) -> None:
        """Where the bias already puts a history on top, the user has nothing left to say."""
        items, met = tastes()
        bias = torch.zeros(40)
        bias[met[0]] = 50.0
        told, untold = (
            fr.fold_in(items, met[:1], objective="loss", item_bias=b, epochs=50, regularization=0.01)
            for b in (bias, None)
        )
        assert told.norm() < 0.5 * untold.norm()

    def test_the_same_seed_gives_the_same_bits(self) -> None:
        settings: dict[str, Any] = {"objective": "loss", "batch_size": 8, "n_negatives": 10, "epochs": 3}
        first = fr.fold_in(ITEMS, MET, **settings, seed=4)
        assert torch.equal(first, fr.fold_in(ITEMS, MET, **settings, seed=4))
        assert not torch.equal(first, fr.fold_in(ITEMS, MET, **settings, seed=5))


def test_a_log_and_lists_say_the_same(ratings: Interactions) -> None:
    items = torch.randn(ratings.n_items, 4, generator=torch.Generator().manual_seed(2))
    rows = [ratings.select(ratings.users == user) for user in range(ratings.n_users)]
    listed = [dict(zip(row.items.tolist(), row.values.tolist(), strict=True)) for row in rows]
    torch.testing.assert_close(fr.fold_in(items, ratings), fr.fold_in(items, listed))
    torch.testing.assert_close(fr.fold_in(items, ratings), solve_users(items, ratings))


def test_places_may_be_numpy_integers_and_arrays() -> None:
    wanted = fr.fold_in(ITEMS, [[3, 5]], objective="ials")
    assert torch.equal(fr.fold_in(ITEMS, [np.array([3, 5])], objective="ials"), wanted)


def test_the_dtype_is_that_of_the_items() -> None:
    for objective, histories in (("ridge", RATED), ("ials", MET), ("loss", MET)):
        assert fr.fold_in(ITEMS.double(), histories, objective=objective).dtype == torch.float64


def test_gradients_do_not_reach_the_items() -> None:
    items = ITEMS.clone().requires_grad_()
    for objective, histories in (("ridge", RATED), ("ials", MET), ("loss", MET)):
        assert not fr.fold_in(items, histories, objective=objective).requires_grad
    assert items.grad is None


@pytest.mark.parametrize(
    ("histories", "message"),
    [
        ([], "at least one, and all of one kind"),
        ([[1], {2: 3.0}], "at least one, and all of one kind"),
        ([[1], []], "history 1 is empty; a new user needs at least one item"),
        ([{}], "history 0 is empty"),
        ([[40]], "history 0 names item 40 .int.; items are indices from 0 to 39"),
        ([[0], [-1]], "history 1 names item -1"),
        ([["Heat"]], "history 0 names item 'Heat'"),
        ([[True]], "history 0 names item True"),
        ([[1.0]], r"history 0 names item 1\.0"),
        ([[1, 2, 1]], "history 0 names an item twice"),
        ([3, 4], "history 0 must be a list of items or a mapping item → rating, got 3"),
        (["34"], "history 0 must be a list of items .* got '34'"),
        ([{3: math.nan}], "the rating of item 3 in history 0 must be a finite number, got nan"),
        ([{3: "5"}], "must be a finite number, got '5'"),
    ],
)
def test_histories_that_make_no_sense_are_refused(histories: Any, message: str) -> None:
    for objective in ("ridge", "ials", "loss"):
        with pytest.raises(DataError, match=message):
            fr.fold_in(ITEMS, histories, objective=objective)


def test_a_log_that_does_not_fit_is_refused(ratings: Interactions) -> None:
    with pytest.raises(DataError, match="the histories are over 80 items, the item factors over 40"):
        fr.fold_in(ITEMS, ratings)
    nobody = Interactions(
        users=np.array([0], dtype=np.int32),
        items=np.array([3], dtype=np.int32),
        values=None,
        times=None,
        user_ids=IdMap(range(2)),
        item_ids=IdMap(range(40)),
    )
    with pytest.raises(DataError, match="1 of 2 histories are empty"):
        fr.fold_in(ITEMS, nobody, objective="ials")


def test_ridge_without_ratings_is_refused() -> None:
    with pytest.raises(DataError, match="'ridge' needs ratings; give mappings item → rating, or take 'ials' or 'loss'"):
        fr.fold_in(ITEMS, MET)


@pytest.mark.parametrize("items", [ITEMS[0], ITEMS.long(), ITEMS * torch.nan, ITEMS[:, :0]])
def test_item_factors_that_cannot_be_are_refused(items: Tensor) -> None:
    with pytest.raises(DataError, match=r"item.factors"):
        fr.fold_in(items, MET, objective="ials")


@pytest.mark.parametrize("bias", [torch.zeros(3), torch.full((40,), math.nan)])
def test_a_bias_that_does_not_fit_is_refused(bias: Tensor) -> None:
    with pytest.raises(DataError, match="item_bias must be 40 finite numbers, one for each item"):
        fr.fold_in(ITEMS, RATED, item_bias=bias)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "als"}, "objective must be 'ridge', 'ials' or 'loss', got 'als'"),
        ({"objective": "ridge", "epochs": 3}, "objective 'ridge' has no setting 'epochs'; it has regularization"),
        ({"objective": "ials", "item_bias": torch.zeros(40)}, "objective 'ials' has no place for item_bias"),
        (
            {"objective": "ials", "unobserved_weight": -1},
            "unobserved_weight must be a finite number of 0 or more, got -1",
        ),
        ({"objective": "ridge", "regularization": -1}, "regularization must be a finite number of 0 or more, got -1"),
        ({"objective": "loss", "learning_rate": 0}, "learning_rate above 0, got 0.0 and 0"),
        ({"objective": "loss", "epochs": 0}, "epochs and batch_size must be 1 or more, got 0 and 1024"),
        ({"objective": "loss", "n_negatives": 41}, "n_negatives must be from 1 to the 40 items"),
        ({"objective": "loss", "loss": "bprr"}, "there is no loss 'bprr'; did you mean 'bpr'"),
        ({"objective": "loss", "similarity": "euclid"}, "similarity must be 'dot' or 'cosine'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        fr.fold_in(ITEMS, [{0: 4.0, 7: 0.0}], **settings)
