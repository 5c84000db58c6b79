"""Losses of vectors: by hand, against plain twins, and against other ways to write them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from fillrank.errors import DataError, SettingsError
from fillrank.losses import AlignmentUniformity, ViewContrast, alignment, uniformity, uniformity_by_autograd


def vectors(b: int, d: int, seed: int) -> Tensor:
    return torch.randn(b, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=40, deadline=None)
@given(b=st.integers(2, 9), d=st.integers(1, 5), sharpness=st.sampled_from([0.1, 2.0, 20.0]), seed=st.integers(0, 999))
def test_uniformity_agrees_with_all_pairs_by_autograd(b: int, d: int, sharpness: float, seed: int) -> None:
    results = []
    for way in (uniformity, uniformity_by_autograd):
        leaf = vectors(b, d, seed).requires_grad_()
        value = way(leaf, sharpness)
        results.append((value, *torch.autograd.grad(3 * value, leaf)))
    for fast, plain in zip(*results, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-6, atol=1e-8)


def test_uniformity_by_hand() -> None:
    """Three corners: two pairs at a right angle, one opposite."""
    corners = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])
    assert float(uniformity(corners)) == pytest.approx(math.log((2 * math.exp(-4) + math.exp(-8)) / 3))


@pytest.mark.parametrize("way", [uniformity, uniformity_by_autograd])
def test_fewer_than_two_rows_have_no_pair(way: object) -> None:
    for b in (0, 1):
        leaf = torch.ones(b, 3).requires_grad_()
        value = way(leaf)
        assert float(value.detach()) == 0
        assert not torch.autograd.grad(value, leaf)[0].any()


def test_equal_rows_are_as_crowded_as_can_be() -> None:
    leaf = torch.ones(4, 3).requires_grad_()
    value = uniformity(leaf)
    assert float(value.detach()) == pytest.approx(0, abs=1e-6)
    assert torch.autograd.grad(value, leaf)[0].abs().max() < 1e-6


def test_directau_is_alignment_and_half_of_both_uniformities() -> None:
    users, items = vectors(6, 4, 1), vectors(6, 4, 2)
    value = AlignmentUniformity(uniformity_weight=3.0)(users, items)
    expected = alignment(users, items).mean() + 3 * (uniformity(users) + uniformity(items)) / 2
    torch.testing.assert_close(value.mean(), expected)
    torch.testing.assert_close(alignment(users, items), 2 - 2 * torch.cosine_similarity(users, items))
    assert value.shape == (6,)


def test_a_view_is_told_from_the_other_rows() -> None:
    first, second = vectors(6, 4, 1), vectors(6, 4, 2)
    logits = normalize(first, dim=1) @ normalize(second, dim=1).T / 0.3
    torch.testing.assert_close(
        ViewContrast(0.3)(first, second), cross_entropy(logits, torch.arange(6), reduction="none")
    )


def test_rows_of_one_id_are_no_negatives_of_one_another() -> None:
    first, second = vectors(4, 3, 1), vectors(4, 3, 2)
    with_twin = ViewContrast()(first, second, ids=torch.tensor([7, 7, 8, 9]))
    torch.testing.assert_close(with_twin[:1], ViewContrast()(first[[0, 2, 3]], second[[0, 2, 3]])[:1])


@pytest.mark.parametrize("loss", [AlignmentUniformity(), ViewContrast()], ids=repr)
def test_shapes_that_do_not_fit_are_refused(loss: ViewContrast) -> None:
    with pytest.raises(
        DataError, match=r"second must be a Tensor of floating point \[B, d\] with B=2, d=3, got float32 \[3, 3\]"
    ):
        loss(torch.zeros(2, 3), torch.zeros(3, 3))


def test_ids_of_another_length_are_refused() -> None:
    with pytest.raises(DataError, match=r"ids must be \[B\] for views \[B, d\], got the shapes \[3\], \[2, 4\]"):
        ViewContrast()(torch.ones(2, 4), torch.ones(2, 4), ids=torch.arange(3))


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"uniformity_weight": -1}, "uniformity_weight must be a number of 0 or more, got -1"),
        ({"sharpness": 0}, "sharpness must be a positive number, got 0; 2 is usual"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings_: dict[str, float], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        AlignmentUniformity(**settings_)


def test_views_in_half_precision() -> None:
    first = vectors(4, 3, 1).bfloat16().requires_grad_()
    value = ViewContrast()(first, vectors(4, 3, 2).bfloat16())
    value.mean().backward()
    assert value.dtype == torch.float32
    assert first.grad is not None
    assert first.grad.isfinite().all()
