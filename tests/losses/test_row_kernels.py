"""The compiled passes over rows are the tensor passes: the same losses and gradients in float32, whatever the rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from fillrank.losses import CCL, InfoNCE, ScoreLoss
from fillrank.losses.base import wants_kernel

Scores = Callable[..., tuple[Tensor, Tensor]]


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small blocks take the kernels too."""
    monkeypatch.setattr("fillrank.losses.base._KERNEL_FROM", 1)


def options(loss: ScoreLoss, b: int, n: int, *, masked: bool, each: bool) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(b)
    found: dict[str, Tensor] = {}
    if masked:
        found["mask"] = torch.rand(b, n, generator=generator) < 0.3
        found["mask"][0] = True  # a row of which nothing counts
    if loss.uses_log_q:
        found["log_q"] = -3 * torch.rand(*((b, n) if each else (n,)), generator=generator)
    return found


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (5, 33), (600, 17)])
def test_kernels_are_the_tensor_passes(
    loss: ScoreLoss, scores: Scores, shape: tuple[int, int], masked: bool, each: bool
) -> None:
    pos, neg = (part.float() for part in scores(*shape, 3, ties=True))
    given = options(loss, *shape, masked=masked, each=each)
    assert wants_kernel(neg)
    fast = loss.value_and_grad(pos, neg.clone(), **given)
    wide = {name: part if name == "mask" else part.double() for name, part in given.items()}
    plain = loss.value_and_grad(pos.double(), neg.double(), **wide)
    for one, other in zip(fast, plain, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=2e-5, atol=2e-5)
    if masked:
        assert not fast[2][given["mask"]].any()


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("loss", [InfoNCE(), CCL()], ids=repr)
def test_the_number_of_threads_changes_no_bit(loss: ScoreLoss) -> None:
    generator = torch.Generator().manual_seed(0)
    pos, neg = torch.rand(700, generator=generator), torch.rand(700, 9, generator=generator)
    before, found = torch.get_num_threads(), []
    try:
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            found.append(loss.value_and_grad(pos, neg.clone()))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(one, two) for one, two in zip(found[0], other, strict=True))


@pytest.mark.usefixtures("kernels")
def test_not_a_number_is_not_hidden() -> None:
    neg = torch.zeros(3, 20)
    neg[1, 7] = torch.nan
    value, _, d_neg = InfoNCE().value_and_grad(torch.zeros(3), neg)
    assert value.isnan().tolist() == [False, True, False]
    assert d_neg[1].isnan().all()
