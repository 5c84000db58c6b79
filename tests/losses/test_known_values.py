"""Each loss on cases worked out by hand, and its relations to the others."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from fillrank.errors import DataError, SettingsError
from fillrank.losses import BPR, BSL, CCL, DCL, MMCL, PSL, PUBLISHED, InfoNCE, Logistic, PairwiseHinge

Scores = Callable[..., tuple[Tensor, Tensor]]
E = math.e


def gradients(loss: object, pos: list[float], neg: list[list[float]]) -> tuple[list[float], list[list[float]]]:
    _, d_pos, d_neg = loss.value_and_grad(torch.tensor(pos).double(), torch.tensor(neg).double())
    return d_pos.tolist(), d_neg.tolist()


@pytest.mark.parametrize(
    ("loss", "pos", "neg", "value"),
    [
        (Logistic(), 0.0, [0.0, 0.0], 2 * math.log(2)),
        (Logistic("sum"), 0.0, [0.0, 0.0], 3 * math.log(2)),
        (Logistic("mean", 2.0, 0.5), 1.0, [-1.0], 3 * math.log1p(E**-2)),
        (BPR(), 2.0, [2.0, 1.0], (math.log(2) + math.log1p(1 / E)) / 2),
        (PairwiseHinge(0.5), 0.5, [0.25, 0.75, -0.5], (0.25 + 0.75) / 3),
        (InfoNCE(1.0), 1.0, [0.0, 0.0], math.log(E + 2) - 1),
        (DCL(1.0), 1.0, [0.0, 0.0], math.log(2) - 1),
        (BSL(0.5, 0.25, 2.0), 1.0, [0.5, 0.5], 2 * (2 + math.log(2)) - 2),
        (PSL("tanh", 0.5), 1.0, [1.0, -1.0], math.log(1 + (1 + math.tanh(-1)) ** 2)),
        (PSL("atan", 0.5), 1.0, [1.0, -1.0], math.log(1 + (1 - math.pi / 4) ** 2)),
        (PSL("relu", 0.5), 1.0, [0.0, -1.0], math.log(0.5**2)),
        (PSL("relu", 0.5), 1.0, [-1.0, -1.0], math.log(2 * 1e-6**2)),
        (CCL(0.5, 10.0), 0.75, [0.75, 0.25], 0.25 + 10 * 0.25 / 2),
        (CCL(0.5, None), 0.75, [0.75, 1.0], 0.25 + 0.25 + 0.5),
        (MMCL((0.25, 0.5), (0.25, 0.75), 8.0, 2.0), 0.5, [0.75, 0.375, 0.0], 1 + 8 / 3 * (0.125 + 0.1875 + 0.03125)),
    ],
)
def test_values_by_hand(loss: object, pos: float, neg: list[float], value: float) -> None:
    got = loss(torch.tensor([pos]).double(), torch.tensor([neg]).double())
    assert got.tolist() == pytest.approx([value], rel=1e-9)


def test_an_mmcl_slope_is_the_sum_of_the_weights_of_the_margins_below() -> None:
    loss = MMCL((0.25, 0.5, 0.75), (0.125, 0.25, 0.625), 8.0)
    d_pos, d_neg = gradients(loss, [0.5, 1.0], [[0.0, 0.3, 0.6, 0.9], [0.25, 0.5, 0.75, 1.0]])
    assert d_pos == [-1.0, 0.0]  # a perfect positive is left alone
    assert d_neg[0] == [0.0, 2 * 0.125, 2 * 0.375, 2 * 1.0]
    assert d_neg[1] == [0.0, 2 * 0.125, 2 * 0.375, 2 * 1.0]  # on a margin: the slope below it


def test_one_margin_is_ccl(scores: Scores) -> None:
    pos, neg = scores(6, 20, seed=1)
    for one, other in zip(
        MMCL((0.5,), (1.0,), 30.0).value_and_grad(pos, neg.clone()),
        CCL(0.5, 30.0).value_and_grad(pos, neg.clone()),
        strict=True,
    ):
        assert torch.equal(one, other)


def test_mmcl_is_a_weighted_mean_of_ccls(scores: Scores) -> None:
    pos, neg = scores(6, 20, seed=2)
    margins, weights = (-0.5, 0.0, 0.5), (0.25, 0.25, 0.5)
    parts = sum(w * CCL(m, 40.0)(pos, neg) for m, w in zip(margins, weights, strict=True))
    torch.testing.assert_close(MMCL(margins, weights, 40.0)(pos, neg), parts)


def test_ccl_without_a_weight_is_ccl_with_the_number_of_negatives(scores: Scores) -> None:
    pos, neg = scores(6, 20, seed=3)
    torch.testing.assert_close(CCL(0.1, None)(pos, neg), CCL(0.1, 20.0)(pos, neg))


def test_one_negative_makes_bpr_and_infonce_one(scores: Scores) -> None:
    pos, neg = scores(6, 1, seed=4)
    for one, other in zip(
        BPR(0.2).value_and_grad(pos, neg.clone()), InfoNCE(0.2).value_and_grad(pos, neg.clone()), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_cold_bpr_is_the_hinge(scores: Scores) -> None:
    pos, neg = scores(6, 9, seed=5)
    torch.testing.assert_close(1e-5 * BPR(1e-5)(pos, neg), PairwiseHinge(0.0)(pos, neg), rtol=0, atol=1e-5)


def test_infonce_is_softplus_of_dcl(scores: Scores) -> None:
    """With and without the positive among the negatives: log(1 + e^x) of x."""
    pos, neg = scores(6, 9, seed=6)
    torch.testing.assert_close(InfoNCE(0.3)(pos, neg), torch.nn.functional.softplus(DCL(0.3)(pos, neg)))


def test_bsl_with_equal_temperatures_and_weight_one_is_dcl(scores: Scores) -> None:
    pos, neg = scores(6, 9, seed=7)
    for twin in (BSL(0.3), BSL(0.3, 0.3, 1.0), BSL(0.3, several_positives=True).for_users(torch.arange(6))):
        torch.testing.assert_close(twin(pos, neg), DCL(0.3)(pos, neg))


@pytest.mark.parametrize("activation", ["tanh", "atan", "relu"])
def test_psl_of_small_gaps_is_dcl_at_the_product_of_both_scales(activation: str, scores: Scores) -> None:
    pos, neg = (1e-4 * part for part in scores(6, 9, seed=8))
    torch.testing.assert_close(PSL(activation, 0.5)(pos, neg), DCL(1.0)(pos, neg), rtol=0, atol=1e-7)


def test_the_sum_of_bce_is_the_mean_with_the_number_of_negatives_as_weight(scores: Scores) -> None:
    pos, neg = scores(6, 9, seed=9)
    torch.testing.assert_close(Logistic("sum")(pos, neg), Logistic("mean", 9.0)(pos, neg))


@pytest.mark.parametrize("loss", [DCL(0.4), BSL(0.4, negative_weight=1.5), PSL("tanh", 0.4)], ids=repr)
def test_log_q_makes_half_of_the_negatives_stand_for_all(loss: DCL, scores: Scores) -> None:
    pos, half = scores(4, 5, seed=10)
    log_q = torch.full((5,), math.log(0.5), dtype=torch.float64)
    torch.testing.assert_close(loss(pos, half, log_q=log_q), loss(pos, torch.cat([half, half], dim=1)))


class TestSeveralPositives:
    def test_value_by_hand(self) -> None:
        loss = BSL(1.0, several_positives=True).for_users(torch.tensor([5, 9, 5]))
        value = loss(torch.tensor([0.0, 0.5, 1.0]), torch.zeros(3, 1))
        shared = -math.log((1 + E) / 2)
        assert value.tolist() == pytest.approx([shared, -0.5, shared])

    @pytest.mark.parametrize("seed", range(8))
    def test_the_gradient_of_the_sum_agrees_with_autograd(self, seed: int, scores: Scores) -> None:
        pos, neg = scores(7, 4, seed)
        generator = torch.Generator().manual_seed(seed)
        users = torch.randint(3, (7,), generator=generator)
        mask = torch.rand(7, 4, generator=generator) < 0.5
        mask[seed % 7] = True  # a row that is no part of its user's mean
        loss = BSL(0.2, 0.3, 1.2, several_positives=True).for_users(users)
        leaves = (pos.clone().requires_grad_(), neg.clone().requires_grad_())
        value = loss(*leaves, mask=mask)
        closed = loss.value_and_grad(pos, neg.clone(), mask=mask)
        for fast, plain in zip(closed, (value, *torch.autograd.grad(value.sum(), leaves)), strict=True):
            torch.testing.assert_close(fast, plain)

    def test_a_better_positive_takes_the_pull_from_a_worse_one(self) -> None:
        loss = BSL(0.1, several_positives=True).for_users(torch.tensor([1, 1]))
        d_pos, _ = gradients(loss, [0.9, 0.1], [[0.0], [0.0]])
        assert d_pos[0] < -19
        assert -0.02 < d_pos[1] < 0

    def test_it_must_be_told_the_users(self) -> None:
        loss = BSL(several_positives=True)
        assert loss.whole_batch
        assert not BSL().whole_batch
        for call in (loss, loss.value_and_grad):
            with pytest.raises(SettingsError, match=r"must know the user of each row: call loss.for_users\(users\)"):
                call(torch.zeros(2), torch.zeros(2, 3))

    def test_it_must_be_told_them_for_every_batch(self) -> None:
        loss = BSL(several_positives=True).for_users(torch.tensor([0, 1, 1]))
        with pytest.raises(DataError, match=r"has the users of 3 rows and got 2: call for_users for every batch"):
            loss(torch.zeros(2), torch.zeros(2, 3))

    def test_other_losses_do_not_ask(self) -> None:
        for loss in (InfoNCE(), CCL(), BSL()):
            assert loss.for_users(torch.arange(3)) is loss


def official_mmcl(pos: Tensor, neg: Tensor, margins: list[float], weights: list[float], weight: float) -> Tensor:
    """As the authors' code has it, written anew: a sum over margins, a mean over negatives."""
    over = (neg[:, None, :] - torch.tensor(margins).double()[:, None]).relu() * torch.tensor(weights).double()[:, None]
    return (1 - pos).relu() + weight * over.sum(dim=1).mean(dim=-1)


def test_the_published_settings_of_mmcl(scores: Scores) -> None:
    pos, neg = scores(6, 100, seed=11)
    expected = official_mmcl(pos, neg, [0.6, 0.7, 0.8, 0.9], [0.05, 0.15, 0.2, 0.6], 400.0)
    torch.testing.assert_close(PUBLISHED["mmcl-yelp2018"](pos, neg), expected, rtol=1e-6, atol=1e-6)


def test_bsl_has_the_gradient_of_the_published_code(scores: Scores) -> None:
    pos, neg = scores(5, 12, seed=12)
    users, temperature, power = torch.tensor([3, 3, 1, 3, 0]), 0.08, 1.22
    leaves = (pos.clone().requires_grad_(), neg.clone().requires_grad_())
    same = (users[:, None] == users[None, :]).double()
    drawn_in = ((leaves[0] / temperature).exp()[None, :] * same).sum(1) / same.sum(1)
    pushed = (leaves[1] / temperature).exp().mean(1) ** power
    published = -(drawn_in / pushed).log()
    ours = PUBLISHED["bsl-gowalla"].for_users(users).value_and_grad(pos, neg.clone())
    torch.testing.assert_close(ours[0], published + power * math.log(12))  # the sum instead of the mean: a constant
    for fast, plain in zip(ours[1:], torch.autograd.grad(published.sum(), leaves), strict=True):
        torch.testing.assert_close(fast, plain)
