"""The door of row weights: every loss times a weight for each row, in closed form and by autograd."""

from __future__ import annotations

import pytest
import torch

from fillrank.errors import DataError
from fillrank.losses import LOSSES, ScoreLoss, as_loss


@pytest.mark.parametrize("name", LOSSES.names())
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_row_weight_multiplies_loss_and_gradients(name: str, dtype: torch.dtype) -> None:
    loss = as_loss(name)
    if not isinstance(loss, ScoreLoss):
        pytest.skip("a loss of vectors")
    generator = torch.Generator().manual_seed(0)
    pos, neg = (torch.rand(shape, generator=generator, dtype=dtype) * 2 - 1 for shape in ((6,), (6, 9)))
    mask = torch.rand(6, 9, generator=generator) < 0.3
    weight = torch.tensor([0.0, 0.5, 1.0, 2.0, 10.0, 1e-3], dtype=dtype)
    pos.requires_grad_()
    neg.requires_grad_()
    value = loss(pos, neg, mask=mask, row_weight=weight)
    torch.testing.assert_close(value, loss(pos, neg, mask=mask) * weight)
    by_autograd = torch.autograd.grad(value.sum(), (pos, neg))
    closed = loss.value_and_grad(pos.detach(), neg.detach().clone(), mask=mask, row_weight=weight)
    for found, wanted in zip(closed, (value.detach(), *by_autograd), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("weight", [torch.ones(2), torch.ones(3, dtype=torch.int64), torch.ones(3, 1)])
def test_odd_row_weights_are_refused(weight: torch.Tensor) -> None:
    loss = as_loss("bpr")
    assert isinstance(loss, ScoreLoss)
    with pytest.raises(DataError, match="row_weight must be of floating point and of pos's shape"):
        loss(torch.zeros(3), torch.zeros(3, 2), row_weight=weight)
