"""Losses with a threshold for each user: what a threshold is, how a batch is bound to it, and their relations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fillrank.errors import DataError, SettingsError
from fillrank.losses import CCL, DCL, DrRL, SLatK, Talos, ThresholdLoss, as_loss, contrast, contrast_by_autograd
from fillrank.losses.thresholds import kth_largest

Scores = Callable[..., tuple[Tensor, Tensor]]
WITH_THRESHOLDS: tuple[ThresholdLoss, ...] = (
    SLatK(0.2, 0.3),
    Talos(0.2),
    DrRL(5.0, 1.0),
    DrRL(5.0, 2.0),
)


@given(
    counts=st.lists(st.integers(0, 4), min_size=1, max_size=12).filter(any),
    k=st.integers(1, 30),
    seed=st.integers(0, 1000),
)
def test_a_score_that_stands_for_several_is_as_several_scores(counts: list[int], k: int, seed: int) -> None:
    scores = torch.rand(1, len(counts), generator=torch.Generator().manual_seed(seed))
    weights = torch.tensor([counts])
    written_out = torch.repeat_interleave(scores[0], weights[0])[None]
    assert torch.equal(kth_largest(scores, k, weights.float()), kth_largest(written_out, k))
    sorted_by_hand = sorted(written_out[0].tolist(), reverse=True)
    assert kth_largest(written_out, k).item() == sorted_by_hand[min(k, len(sorted_by_hand)) - 1]


@settings(max_examples=30, deadline=None)
@given(
    weight=st.floats(1.3, 50),
    order=st.sampled_from([1.0, 1.2, 2.0, 5.0]),
    n=st.integers(1, 30),
    seed=st.integers(0, 1000),
)
def test_the_threshold_of_drrl_is_where_its_loss_is_smallest(weight: float, order: float, n: int, seed: int) -> None:
    """Among thresholds within the scores; counts are as scores that are written out."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(1, n, generator=generator, dtype=torch.float64) * 2 - 1
    counts = torch.randint(0, 3, (1, n), generator=generator)
    counts[0, 0] = 1
    written_out = torch.repeat_interleave(scores[0], counts[0])[None]

    def at(threshold: float) -> float:
        return DrRL(weight, order, threshold=threshold)(torch.ones(1, dtype=torch.float64), written_out).item()

    found = DrRL(weight, order).thresholds_of(scores, counts.double()).item()
    grid = torch.linspace(written_out.min().item(), written_out.max().item(), 101).tolist()
    assert at(found) <= min(at(threshold) for threshold in grid) + 1e-3
    assert written_out.min() - 1e-9 <= found <= written_out.max() + 1e-9


def test_nobody_left_to_be_contrasted_keeps_the_constant() -> None:
    none = torch.zeros(1, 3)
    assert DrRL(threshold=0.25).thresholds_of(torch.rand(1, 3), none).item() == 0.25


@pytest.mark.parametrize("loss", WITH_THRESHOLDS, ids=repr)
def test_each_row_has_its_own_threshold_in_both_forms(loss: ThresholdLoss, scores: Scores) -> None:
    pos, neg = scores(5, 8, seed=3)
    betas = torch.linspace(-0.5, 0.7, 5, dtype=torch.float64)
    bound = loss.with_thresholds(betas)
    single = [
        type(loss)(**{**vars(loss), "threshold": beta})(pos[b : b + 1], neg[b : b + 1])
        for b, beta in enumerate(betas.tolist())
    ]
    torch.testing.assert_close(bound(pos, neg), torch.cat(single))
    part = bound.rows(slice(1, 4))
    torch.testing.assert_close(part(pos[1:4], neg[1:4]), bound(pos, neg)[1:4])
    leaves = pos.clone().requires_grad_(), neg.clone().requires_grad_()
    wanted = torch.autograd.grad(bound(*leaves).sum(), leaves)
    torch.testing.assert_close(bound.value_and_grad(pos, neg.clone())[1:], wanted)
    assert loss == bound, "a binding is no setting"
    assert loss.rows(slice(0, 2)) is loss


@pytest.mark.parametrize("loss", WITH_THRESHOLDS, ids=repr)
def test_contrast_of_vectors_knows_the_thresholds(loss: ThresholdLoss) -> None:
    generator = torch.Generator().manual_seed(1)
    vectors = [torch.randn(n, 3, generator=generator, dtype=torch.float64).requires_grad_() for n in (4, 4, 6)]
    bound = loss.with_thresholds(torch.rand(4, generator=generator, dtype=torch.float64))
    found = [torch.autograd.grad(way(bound, *vectors).sum(), vectors) for way in (contrast, contrast_by_autograd)]
    torch.testing.assert_close(*found)


def test_thresholds_that_do_not_fit_are_refused(scores: Scores) -> None:
    pos, neg = scores(3, 4, seed=0)
    with pytest.raises(DataError, match=r"has the thresholds of 2 rows and got 3: call with_thresholds for every"):
        Talos().with_thresholds(torch.zeros(2))(pos, neg)
    for odd in (torch.zeros(3, 1), torch.zeros(3, dtype=torch.int64)):
        with pytest.raises(DataError, match=r"thresholds must be .*float"):
            Talos().with_thresholds(odd)
    with pytest.raises(DataError, match=r"a threshold follows from the scores of items, and scores has none"):
        Talos().thresholds_of(torch.zeros(2, 0))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("slatk", {"weight_temperature": 0}, "weight_temperature must be a positive number, got 0"),
        ("slatk", {"k": 0}, "k must be a whole number of 1 or more|k must be"),
        ("talos", {"refresh_every": 0}, "refresh_every must be"),
        ("talos", {"refresh_items": 0}, "refresh_items must be"),
        ("talos", {"threshold": float("inf")}, "threshold must be a number, got inf|threshold must be a finite number"),
        ("drrl", {"negative_weight": 1.0}, "negative_weight must be a number above 1, got 1.0; 5 to 150 are usual"),
        ("drrl", {"order": 0.5}, r"order must be within \[1, 16\], from a mean to nearly a maximum; got 0.5"),
    ],
)
def test_settings_that_cannot_be_are_refused(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        as_loss(name, settings)


def test_slatk_is_the_decoupled_softmax_loss_through_the_door_of_row_weights(scores: Scores) -> None:
    pos, neg = scores(6, 20, seed=1)
    weight = ((pos - 0.3) / 0.5).sigmoid()
    loss = SLatK(0.2, 0.5, threshold=0.3)
    torch.testing.assert_close(loss(pos, neg), DCL(0.2)(pos, neg, row_weight=weight))
    alike = SLatK(0.2, 1e9)
    torch.testing.assert_close(2 * alike(pos, neg), DCL(0.2)(pos, neg))


def test_talos_far_above_its_threshold_moves_nothing_and_far_below_is_dcl(scores: Scores) -> None:
    pos, neg = scores(6, 20, seed=2)
    torch.testing.assert_close(Talos(0.2, threshold=1e4)(pos, neg), DCL(0.2)(pos, neg))
    _, d_pos, d_neg = Talos(0.2, threshold=-1e4).value_and_grad(pos, neg.clone())
    assert not d_pos.any()
    assert not d_neg.any()


def test_drrl_of_order_one_is_ccl_with_a_margin_of_ones_own(scores: Scores) -> None:
    pos, neg = scores(6, 20, seed=3)
    loss = DrRL(30.0, 1.0, threshold=0.2)
    torch.testing.assert_close(loss(pos, neg), CCL(0.2, 30.0)(pos, neg) + 0.2 + 0.1)
    torch.testing.assert_close(
        loss.value_and_grad(pos, neg.clone())[1:], CCL(0.2, 30.0).value_and_grad(pos, neg.clone())[1:]
    )


def test_a_high_order_looks_at_the_hardest_negative(scores: Scores) -> None:
    pos, neg = scores(6, 20, seed=4)
    _, _, d_neg = DrRL(10.0, 16.0, threshold=-1.0).value_and_grad(pos, neg.clone())
    assert torch.equal(d_neg.argmax(1), neg.argmax(1))
    assert (d_neg.amax(1) > 4 * d_neg.mean(1)).all()
