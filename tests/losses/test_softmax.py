"""InfoNCE: its values on cases worked out by hand, its closed form against autograd, its relations to other losses."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.errors import SettingsError
from fillrank.losses import InfoNCE, contrast, contrast_by_autograd


def scores(b: int, n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    make = lambda *shape: torch.rand(*shape, generator=generator, dtype=torch.float64) * 2 - 1  # noqa: E731
    return make(b), make(b, n)


def test_equal_scores_give_the_log_of_the_number_of_choices() -> None:
    loss = InfoNCE(0.3)(torch.zeros(2), torch.zeros(2, 7))
    torch.testing.assert_close(loss, torch.full((2,), math.log(8)))


def test_one_negative_is_softplus_of_the_difference() -> None:
    pos, neg = scores(5, 1, seed=1)
    expected = torch.nn.functional.softplus((neg[:, 0] - pos) / 0.2)
    torch.testing.assert_close(InfoNCE(0.2)(pos, neg), expected)


def test_all_items_with_their_true_log_q_is_the_full_softmax() -> None:
    pos, neg = scores(4, 6, seed=2)
    everything = torch.cat([pos[:, None], neg], dim=1) / 0.5
    expected = torch.nn.functional.cross_entropy(everything, torch.zeros(4, dtype=torch.long), reduction="none")
    torch.testing.assert_close(InfoNCE(0.5)(pos, neg, log_q=torch.zeros(6, dtype=torch.float64)), expected)


def test_log_q_makes_half_of_the_negatives_stand_for_all() -> None:
    pos = torch.zeros(1, dtype=torch.float64)
    alike = torch.full((1, 10), 0.4, dtype=torch.float64)
    half = InfoNCE(1.0)(pos, alike[:, :5], log_q=torch.full((5,), math.log(0.5), dtype=torch.float64))
    torch.testing.assert_close(half, InfoNCE(1.0)(pos, alike))


def test_a_row_whose_negatives_are_all_masked_costs_nothing_and_moves_nothing() -> None:
    pos, neg = scores(2, 3, seed=3)
    mask = torch.tensor([[True] * 3, [False] * 3])
    loss, d_pos, d_neg = InfoNCE(0.1).value_and_grad(pos, neg, mask=mask)
    assert loss[0] == 0
    assert d_pos[0] == 0
    assert (d_neg[0] == 0).all()
    assert loss[1] > 0


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_a_temperature_that_cannot_be_is_refused(temperature: float) -> None:
    with pytest.raises(SettingsError, match="temperature must be a positive number, got"):
        InfoNCE(temperature)


@settings(max_examples=60, deadline=None)
@given(
    b=st.integers(1, 6),
    n=st.integers(1, 9),
    temperature=st.sampled_from([0.02, 0.1, 0.7, 5.0]),
    masked=st.booleans(),
    corrected=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_closed_form_agrees_with_autograd(
    b: int, n: int, temperature: float, masked: bool, corrected: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    vectors = [torch.randn(rows, 4, generator=generator, dtype=torch.float64).requires_grad_() for rows in (b, b, n)]
    mask = torch.rand(b, n, generator=generator) < 0.3 if masked else None
    log_q = -torch.rand(n, generator=generator, dtype=torch.float64) if corrected else None
    weights = torch.rand(b, generator=generator, dtype=torch.float64)
    results = []
    for way in (contrast, contrast_by_autograd):
        value = way(InfoNCE(temperature), *vectors, mask, log_q)
        results.append((value, *torch.autograd.grad((value * weights).sum(), vectors)))
    for fast, plain in zip(*results, strict=True):
        torch.testing.assert_close(fast, plain)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_the_negatives_does_not_matter(seed: int) -> None:
    pos, neg = scores(3, 8, seed)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(InfoNCE(0.1)(pos, neg), InfoNCE(0.1)(pos, neg[:, order]))
