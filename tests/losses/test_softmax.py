"""InfoNCE: its values on cases worked out by hand, and what log_q does."""

import math
from collections.abc import Callable

import pytest
import torch

from fillrank.errors import SettingsError
from fillrank.losses import InfoNCE

Scores = Callable[..., tuple[torch.Tensor, torch.Tensor]]


def test_equal_scores_give_the_log_of_the_number_of_choices() -> None:
    loss = InfoNCE(0.3)(torch.zeros(2), torch.zeros(2, 7))
    torch.testing.assert_close(loss, torch.full((2,), math.log(8)))


def test_one_negative_is_softplus_of_the_difference(scores: Scores) -> None:
    pos, neg = scores(5, 1, seed=1)
    expected = torch.nn.functional.softplus((neg[:, 0] - pos) / 0.2)
    torch.testing.assert_close(InfoNCE(0.2)(pos, neg), expected)


def test_all_items_with_their_true_log_q_is_the_full_softmax(scores: Scores) -> None:
    pos, neg = scores(4, 6, seed=2)
    everything = torch.cat([pos[:, None], neg], dim=1) / 0.5
    expected = torch.nn.functional.cross_entropy(everything, torch.zeros(4, dtype=torch.long), reduction="none")
    torch.testing.assert_close(InfoNCE(0.5)(pos, neg, log_q=torch.zeros(6, dtype=torch.float64)), expected)


def test_log_q_makes_half_of_the_negatives_stand_for_all() -> None:
    pos = torch.zeros(1, dtype=torch.float64)
    alike = torch.full((1, 10), 0.4, dtype=torch.float64)
    half = InfoNCE(1.0)(pos, alike[:, :5], log_q=torch.full((5,), math.log(0.5), dtype=torch.float64))
    torch.testing.assert_close(half, InfoNCE(1.0)(pos, alike))


def test_a_row_whose_negatives_are_all_masked_costs_nothing_and_moves_nothing(scores: Scores) -> None:
    pos, neg = scores(2, 3, seed=3)
    mask = torch.tensor([[True] * 3, [False] * 3])
    loss, d_pos, d_neg = InfoNCE(0.1).value_and_grad(pos, neg, mask=mask)
    assert loss[0] == 0
    assert d_pos[0] == 0
    assert (d_neg[0] == 0).all()
    assert loss[1] > 0


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_a_temperature_that_cannot_be_is_refused(temperature: float) -> None:
    with pytest.raises(SettingsError, match=r"temperature must be a .*number, got"):
        InfoNCE(temperature)
