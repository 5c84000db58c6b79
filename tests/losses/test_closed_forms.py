"""What holds for every loss of scores: the closed form against autograd, masks, order, precision, broken shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fillrank.errors import DataError, SettingsError
from fillrank.losses import CCL, DrRL, InfoNCE, Logistic, ScoreLoss, SLatK, contrast, contrast_by_autograd

Scores = Callable[..., tuple[Tensor, Tensor]]


def by_autograd(loss: ScoreLoss, pos: Tensor, neg: Tensor, **options: Tensor | None) -> tuple[Tensor, ...]:
    leaves = (pos.clone().requires_grad_(), neg.clone().requires_grad_())
    value = loss(*leaves, **options)
    return value.detach(), *torch.autograd.grad(value.sum(), leaves, materialize_grads=True)


@settings(max_examples=40, deadline=None)
@given(
    b=st.integers(1, 5),
    n=st.integers(0, 9),
    masked=st.sampled_from([None, 0.0, 0.4, 0.9, 1.0]),
    corrected=st.sampled_from([None, "shared", "each"]),
    ties=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_closed_form_agrees_with_autograd(
    loss: ScoreLoss,
    scores: Scores,
    b: int,
    n: int,
    masked: float | None,
    corrected: str | None,
    ties: bool,
    seed: int,
) -> None:
    pos, neg = scores(b, n, seed, ties=ties)
    generator = torch.Generator().manual_seed(seed)
    mask = None if masked is None else torch.rand(b, n, generator=generator) < masked
    log_q = None
    if corrected and loss.uses_log_q:
        shape = (n,) if corrected == "shared" else (b, n)
        log_q = -3 * torch.rand(*shape, generator=generator, dtype=torch.float64)
    plain = by_autograd(loss, pos, neg, mask=mask, log_q=log_q)
    memory = neg.clone()
    closed = loss.value_and_grad(pos, memory, mask=mask, log_q=log_q)
    for fast, slow in zip(closed, plain, strict=True):
        assert fast.isfinite().all()
        torch.testing.assert_close(fast, slow)
    assert closed[2].data_ptr() == memory.data_ptr()
    if mask is not None:
        assert not closed[2][mask].any()


@settings(max_examples=10, deadline=None)
@given(b=st.integers(1, 6), n=st.integers(1, 9), masked=st.booleans(), seed=st.integers(0, 10_000))
def test_contrast_of_vectors_agrees_with_autograd(loss: ScoreLoss, b: int, n: int, masked: bool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    vectors = [torch.randn(rows, 4, generator=generator, dtype=torch.float64).requires_grad_() for rows in (b, b, n)]
    mask = torch.rand(b, n, generator=generator) < 0.3 if masked else None
    log_q = -torch.rand(n, generator=generator, dtype=torch.float64) if loss.uses_log_q else None
    weights = torch.rand(b, generator=generator, dtype=torch.float64)
    results = []
    for way in (contrast, contrast_by_autograd):
        value = way(loss, *vectors, mask, log_q)
        results.append((value, *torch.autograd.grad((value * weights).sum(), vectors)))
    for fast, plain in zip(*results, strict=True):
        torch.testing.assert_close(fast, plain)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_the_negatives_does_not_matter(loss: ScoreLoss, scores: Scores, seed: int) -> None:
    pos, neg = scores(3, 8, seed)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(loss(pos, neg), loss(pos, neg[:, order]))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_better_positive_never_costs_more_and_a_better_negative_never_less(
    loss: ScoreLoss, scores: Scores, seed: int
) -> None:
    _, d_pos, d_neg = loss.value_and_grad(*scores(4, 6, seed))
    assert isinstance(loss, SLatK) or (d_pos <= 0).all()  # SL@K lets off a positive that has no hope
    assert (d_neg >= 0).all()


def test_a_row_without_a_negative_that_counts(loss: ScoreLoss, scores: Scores) -> None:
    """Losses that compare give 0; those that add up single scores keep the positive's term, and no negative moves."""
    pos, neg = scores(2, 3, seed=3)
    mask = torch.tensor([[True] * 3, [False] * 3])
    value, d_pos, d_neg = loss.value_and_grad(pos, neg, mask=mask)
    alone = loss.value_and_grad(pos, neg[:, :0].clone())
    torch.testing.assert_close((value[0], d_pos[0]), (alone[0][0], alone[1][0]))
    assert not d_neg[0].any()
    keeps_positive = isinstance(loss, Logistic | DrRL) or hasattr(loss, "_terms")
    assert bool(value[0] == 0) != keeps_positive
    assert bool(d_pos[0] == 0) != keeps_positive


def test_an_average_divides_by_all_negatives_masked_or_not(scores: Scores) -> None:
    pos, neg = scores(4, 6, seed=1)
    mask = torch.zeros(4, 6, dtype=torch.bool)
    mask[:, 3:] = True
    for loss in (CCL(-1.0, 10.0), Logistic()):
        positive = loss(pos, neg[:, :0])
        torch.testing.assert_close(loss(pos, neg, mask=mask) - positive, (loss(pos, neg[:, :3]) - positive) / 2)


@pytest.mark.parametrize("factor", [1.0, 100.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_float32_stays_finite_and_near_float64_at_the_ends(loss: ScoreLoss, factor: float, sign: float) -> None:
    """Also at a temperature of .01, and for dot products a hundred times as long as cosines."""
    cold = replace(loss, temperature=0.01) if hasattr(loss, "temperature") else loss
    pos = torch.tensor([1.0, -1.0, 0.25]) * factor
    neg = torch.tensor([[1.0, -1.0], [-1.0, -1.0], [0.5, 0.25]]) * factor * sign
    narrow = cold.value_and_grad(pos, neg.clone())
    wide = cold.value_and_grad(pos.double(), neg.double())
    largest = factor / min(getattr(cold, "temperature", 1.0), getattr(cold, "negative_temperature", None) or 1.0)
    for got, wanted in zip(narrow, wide, strict=True):
        assert got.isfinite().all()
        torch.testing.assert_close(got.double(), wanted, rtol=2e-5, atol=2e-7 * largest)  # rounding of the exponents


def test_half_precision_is_worked_on_in_float32(loss: ScoreLoss, scores: Scores) -> None:
    pos, neg = (part.bfloat16() for part in scores(4, 300, seed=5))
    memory = neg.clone()
    value, d_pos, d_neg = loss.value_and_grad(pos, memory)
    wide = loss.value_and_grad(pos.float(), neg.float())
    assert (value.dtype, d_pos.dtype, d_neg.dtype) == (torch.float32, torch.bfloat16, torch.bfloat16)
    assert d_neg.data_ptr() == memory.data_ptr()
    torch.testing.assert_close(value, wide[0])
    torch.testing.assert_close((d_pos, d_neg), (wide[1].bfloat16(), wide[2].bfloat16()))
    torch.testing.assert_close(loss(pos, neg), wide[0])


def test_vectors_in_half_precision_get_their_gradients_in_it() -> None:
    vectors = [torch.eye(3, dtype=torch.bfloat16).requires_grad_() for _ in range(3)]
    value = contrast(InfoNCE(0.5), *vectors)
    assert value.dtype == torch.float32
    value.mean().backward()
    assert all(part.grad is not None and part.grad.dtype == torch.bfloat16 for part in vectors)


def test_scores_that_want_a_gradient_may_be_given_to_the_closed_form(loss: ScoreLoss, scores: Scores) -> None:
    pos, neg = (part.requires_grad_() for part in scores(2, 3, seed=0))
    assert not any(part.requires_grad for part in loss.value_and_grad(pos, neg)[:2])


def test_the_same_scores_give_the_same_bits(loss: ScoreLoss, scores: Scores) -> None:
    pos, neg = scores(8, 40, seed=2)
    first, second = (loss.value_and_grad(pos, neg.clone()) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_log_q_is_taken_or_refused_and_never_ignored(loss: ScoreLoss, scores: Scores) -> None:
    pos, neg = scores(2, 3, seed=0)
    log_q = torch.tensor([0.0, -1.0, -2.0], dtype=torch.float64)
    if loss.uses_log_q:
        assert not torch.allclose(loss(pos, neg, log_q=log_q), loss(pos, neg))
        return
    with pytest.raises(SettingsError, match=r"has no sum inside a logarithm for log_q to correct: leave log_q out"):
        loss(pos, neg, log_q=log_q)


@pytest.mark.parametrize(
    ("pos", "neg", "options", "message"),
    [
        ((3,), (2, 4), {}, r"pos \[B\] and neg \[B, N\] are wanted, got the shapes \[3\] and \[2, 4\]"),
        ((2,), (2,), {}, r"got the shapes \[2\] and \[2\]"),
        (
            (2,),
            (2, 4),
            {"mask": torch.zeros(4, dtype=torch.bool)},
            r"the mask must be bool and of neg's shape \[2, 4\]",
        ),
        ((2,), (2, 4), {"mask": torch.zeros(2, 4)}, r"got torch.float32, \[2, 4\]"),
        (
            (2,),
            (2, 4),
            {"log_q": torch.zeros(2)},
            r"log_q must be \[N\] or \[B, N\] for neg \[2, 4\], got the shape \[2\]",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    pos: tuple[int], neg: tuple[int, ...], options: dict[str, Tensor], message: str
) -> None:
    for call in (InfoNCE(), InfoNCE().value_and_grad):
        with pytest.raises(DataError, match=message):
            call(torch.zeros(pos), torch.zeros(neg), **options)
