"""The battery for losses passes what keeps the contract, and name what does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from fillrank.errors import ContractError
from fillrank.losses import BSL, CCL, LOSSES, PUBLISHED, VECTOR_LOSSES, FromFunction, InfoNCE, ScoreLoss
from fillrank.testing import check_loss


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("loss", [*LOSSES, *PUBLISHED.values()], ids=str)
def test_every_loss_of_fillrank_passes(loss: ScoreLoss | str, seed: int) -> None:
    check_loss(loss, seed=seed)


def test_several_positives_pass() -> None:
    check_loss(BSL(0.2, negative_weight=1.1, several_positives=True))


@pytest.mark.parametrize(
    "function",
    [
        lambda pos, neg: (neg - pos[:, None]).relu().sum(1),
        lambda pos, neg: (neg - pos[:, None]).exp().sum(1).log1p(),
        lambda pos, neg, mask=None: _kept(neg.square(), mask).sum(1) - pos,
        InfoNCE(0.5),
        FromFunction(InfoNCE(0.5)),
    ],
)
def test_functions_that_keep_the_contract_pass(function: Callable[..., Tensor]) -> None:
    check_loss(function)


def _kept(costs: Tensor, mask: Tensor | None) -> Tensor:
    return costs if mask is None else costs.masked_fill(mask, 0.0)


@dataclass(frozen=True)
class Altered(CCL):
    """CCL at cosines that are all above its margin, with one mistake put in."""

    margin: float = -1.0
    negative_weight: float | None = 3.0
    mistake: str = ""

    def __call__(self, pos: Tensor, neg: Tensor, *, mask: Any = None, log_q: Any = None) -> Tensor:
        if self.mistake == "ignores mask":
            mask = None
        if self.mistake == "ignores log_q":
            log_q = None
        return super().__call__(pos, neg, mask=mask, log_q=log_q)

    def value_and_grad(
        self, pos: Tensor, neg: Tensor, *, mask: Any = None, log_q: Any = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        if self.mistake == "ignores mask":
            mask = None
        loss, d_pos, d_neg = super().value_and_grad(pos, neg, mask=mask, log_q=log_q)
        if self.mistake == "value":
            loss = loss + 0.01
        if self.mistake == "d_pos":
            d_pos = d_pos * 2
        if self.mistake == "d_neg":
            d_neg = d_neg.neg()
        if self.mistake == "shape":
            d_pos = d_pos[:, None]
        if self.mistake == "moves masked" and mask is not None:
            d_neg = d_neg.masked_fill(mask, 1.0)
        if self.mistake == "narrow" and pos.dtype == torch.float32:
            loss = loss / 0
        return loss, d_pos, d_neg


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("value", "on plain scores: the value of value_and_grad against the loss: differs by up to 0.01"),
        ("d_pos", "on plain scores: the gradient of pos in closed form against autograd: differs by up to 1"),
        ("d_neg", "on plain scores: the gradient of neg in closed form against autograd: differs"),
        ("shape", "on plain scores: value_and_grad gives d_pos the shape [5, 1], not [5]"),
        ("ignores mask", "with some negatives masked: moves masked negatives: their gradient must be 0"),
        ("moves masked", "with some negatives masked: the gradient of neg in closed form against autograd"),
        ("ignores log_q", "with log_q: takes log_q in silence: raise SettingsError, or set uses_log_q"),
        ("narrow", "in float32: is not finite: [inf"),
    ],
)
def test_a_mistake_in_a_closed_form_is_named(mistake: str, message: str) -> None:
    check_loss(Altered())
    with pytest.raises(AssertionError, match=re.escape(message)):
        check_loss(Altered(mistake=mistake))


def _looks_back(pos: Tensor, neg: Tensor) -> Tensor:
    return (neg - pos[:, None]).exp().sum(1) / (neg - pos[:, None]).exp().sum()


def _mean_of_the_kept(pos: Tensor, neg: Tensor, mask: Tensor | None = None) -> Tensor:
    return _kept((neg - pos[:, None]).exp(), mask).sum(1) / _kept(torch.ones_like(neg), mask).sum(1)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda pos, neg: (neg - pos[:, None]).log().sum(1), "on plain scores: is not finite"),
        (lambda pos, neg: (neg - pos.detach()[:, None]).exp().sum(1), "gradient of pos against finite differences"),
        (_looks_back, "the loss _looks_back a row alone against the same row in a batch: differs"),
        (lambda pos, neg: (neg[:, :1] - pos[:, None]).exp().sum(1), "the negatives in another order: differs"),
        (lambda pos, neg: neg.square().sum(1) - pos, "masked (as minus infinity: take mask to leave them out): is not"),
        (_mean_of_the_kept, "with every negative of a row masked: is not finite"),
        (
            lambda pos, neg, log_q=None: (neg - pos[:, None] + (0 if log_q is None else 1 + log_q)).exp().sum(1),
            "log_q = 0 against no log_q: differs",
        ),
    ],
)
def test_a_mistake_in_a_function_is_named(function: Callable[..., Tensor], message: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        check_loss(function)


@pytest.mark.parametrize("name", VECTOR_LOSSES)
def test_every_loss_of_vectors_passes(name: str) -> None:
    check_loss(name)


class OfVectors:
    """A loss of vectors with one mistake put in."""

    of_vectors = True

    def __init__(self, mistake: str) -> None:
        self.mistake = mistake

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        if self.mistake == "scales":
            return (first - second).square().sum(1)
        first, second = (torch.nn.functional.normalize(one, dim=1) for one in (first, second))
        if self.mistake == "detached":
            first = first.detach() + 0 * first
        found = (first - second).square().sum(1)
        return found.mean() if self.mistake == "shape" else found / 0 if self.mistake == "finite" else found


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("shape", r"returns the shape \[\], not \[5\]"),
        ("finite", "is not finite"),
        ("scales", "with vectors of other lengths, which may not matter: differs"),
        ("detached", "the gradient against finite differences: differs"),
    ],
)
def test_a_mistake_in_a_loss_of_vectors_is_named(mistake: str, message: str) -> None:
    check_loss(OfVectors(""))
    with pytest.raises(ContractError, match=message):
        check_loss(OfVectors(mistake))
