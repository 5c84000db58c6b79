"""Losses that users bring as plain functions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from fillrank.errors import SettingsError
from fillrank.losses import BPR, DCL, LOSSES, FromFunction, InfoNCE, ScoreLoss, as_loss, loss

Scores = Callable[..., tuple[Tensor, Tensor]]


def plain_bpr(pos: Tensor, neg: Tensor) -> Tensor:
    return softplus(neg - pos[:, None]).mean(1)


def plain_dcl(pos: Tensor, neg: Tensor, *, log_q: Tensor | None = None) -> Tensor:
    return torch.logsumexp(neg if log_q is None else neg - log_q, dim=1) - pos


def naive_dcl(pos: Tensor, neg: Tensor) -> Tensor:
    return (neg - pos[:, None]).exp().sum(1).log()  # of an empty row: minus infinity, with a gradient of NaN


def masked_mean(pos: Tensor, neg: Tensor, mask: Tensor | None = None) -> Tensor:
    counts = torch.ones_like(neg) if mask is None else (~mask).double()
    return (counts * neg.square()).sum(1) - pos


MASK = torch.tensor([[False, True, False], [True, True, True]])


@pytest.mark.parametrize(("plain", "closed"), [(plain_bpr, BPR()), (plain_dcl, DCL(1.0)), (naive_dcl, DCL(1.0))])
@pytest.mark.parametrize("mask", [None, MASK])
def test_a_function_gets_gradients_and_masks(
    plain: Callable[..., Tensor], closed: BPR, mask: Tensor | None, scores: Scores
) -> None:
    pos, neg = scores(2, 3, seed=1)
    memory = neg.clone()
    made = FromFunction(plain).value_and_grad(pos, memory, mask=mask)
    for got, wanted in zip(made, closed.value_and_grad(pos, neg.clone(), mask=mask), strict=True):
        torch.testing.assert_close(got, wanted)
    assert made[2].data_ptr() == memory.data_ptr()


def test_a_function_that_takes_the_mask_gets_it(scores: Scores) -> None:
    pos, neg = scores(2, 3, seed=2)
    value = FromFunction(masked_mean)(pos, neg, mask=MASK)
    torch.testing.assert_close(value, torch.stack([neg[0, 0] ** 2 + neg[0, 2] ** 2 - pos[0], -pos[1]]))


def test_a_function_that_takes_log_q_gets_it_and_others_refuse_it(scores: Scores) -> None:
    pos, neg = scores(2, 3, seed=3)
    log_q = torch.tensor([-1.0, 0.0, -2.0], dtype=torch.float64)
    torch.testing.assert_close(FromFunction(plain_dcl)(pos, neg, log_q=log_q), DCL(1.0)(pos, neg, log_q=log_q))
    with pytest.raises(SettingsError, match="leave log_q out"):
        FromFunction(plain_bpr)(pos, neg, log_q=log_q)


def test_a_mask_that_is_not_left_out_shows_at_once(scores: Scores) -> None:
    pos, neg = scores(2, 3, seed=4)
    value = FromFunction(lambda pos, neg: neg.square().mean(1) - pos)(pos, neg, mask=MASK)
    assert value.isinf().tolist() == [True, False]


def test_a_loss_of_its_own_class_goes_through_too(scores: Scores) -> None:
    pos, neg = scores(2, 3, seed=5)
    wrapped = FromFunction(InfoNCE(0.3)).value_and_grad(pos, neg.clone(), mask=MASK)
    for got, wanted in zip(wrapped, InfoNCE(0.3).value_and_grad(pos, neg.clone(), mask=MASK), strict=True):
        torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda pos, neg: (neg - pos[:, None]).exp(),
            r"must return one value for each row, \[2\], got the shape \[2, 3\]",
        ),
        (lambda pos, neg: (neg - pos[:, None]).mean(), r"the loss <lambda> must return .* got the shape \[\]"),
        (lambda pos, neg: float((neg - pos[:, None]).detach().sum()), "got float"),
        (lambda pos, neg: (neg - pos[:, None]).detach().sum(1), "does not depend on the scores by torch operations"),
    ],
)
def test_what_is_no_loss_is_refused(function: Callable[..., Tensor], message: str, scores: Scores) -> None:
    pos, neg = scores(2, 3, seed=6)
    with pytest.raises(SettingsError, match=message):
        FromFunction(function).value_and_grad(pos, neg)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda pos: pos,
            r"<lambda> is called with \(pos \[B\], neg \[B, N\]\), but it takes \(pos\): too many",
        ),
        (lambda pos, neg, *, size: pos + neg * size, r"but it takes \(pos, neg, \*, size\): missing a required"),
    ],
)
def test_a_function_with_other_parameters_is_refused_at_once(function: Callable[..., Tensor], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        FromFunction(function)


def test_a_loss_of_vectors_with_one_parameter_is_refused_at_once() -> None:
    class OneView:
        of_vectors = True

        def __call__(self, first: Tensor) -> Tensor:
            return first.sum(1)

    with pytest.raises(SettingsError, match=r"OneView is called with \(first .*, second .*\), but it takes"):
        as_loss(OneView())


def test_a_subclass_with_other_parameters_is_refused_when_it_is_made() -> None:
    with pytest.raises(SettingsError, match=r"Short\._value is called with \(self, pos .* takes \(self, pos, neg\)"):

        class Short(ScoreLoss):
            def _value(self, pos: Tensor, neg: Tensor) -> Tensor:  # type: ignore[override]
                return pos + neg.sum(1)


class _Averaged(ScoreLoss):
    """Returns a mean in the place of a value for each row."""

    def _value(self, pos: Tensor, *_: Tensor | None) -> Tensor:
        return pos.mean()

    def _closed_form(self, pos: Tensor, neg: Tensor, *_: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        return pos, pos, neg.sum(1)


def test_a_subclass_that_returns_other_shapes_is_refused(scores: Scores) -> None:
    pos, neg = scores(2, 3, seed=7)
    with pytest.raises(SettingsError, match=r"_Averaged\._value must return tensors of the shapes \[2\], got \[\]"):
        _Averaged()(pos, neg)
    with pytest.raises(SettingsError, match=r"_closed_form must .* the shapes \[2\], \[2\], \[2, 3\], got .*, \[2\]"):
        _Averaged().value_and_grad(pos, neg)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("rows", "negatives"), [(0, 3), (2, 0), (0, 0)])
def test_no_rows_and_no_negatives_give_finite_values(name: str, rows: int, negatives: int) -> None:
    made = loss(name).for_users(torch.zeros(rows, dtype=torch.long))
    mask = torch.zeros(rows, negatives, dtype=torch.bool)
    value, d_pos, d_neg = made.value_and_grad(torch.zeros(rows), torch.zeros(rows, negatives), mask=mask)
    assert [list(one.shape) for one in (value, d_pos, d_neg)] == [[rows], [rows], [rows, negatives]]
    assert bool(value.isfinite().all() and d_pos.isfinite().all())
    torch.testing.assert_close(made(torch.zeros(rows), torch.zeros(rows, negatives), mask=mask), value)
