"""Predictions that know the day: by the formula, on days known and unknown, through saving and folding in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fillrank.data import Interactions
from fillrank.errors import DataError, TrainingError
from fillrank.evaluation.predictions import prediction_errors
from fillrank.factors import Factors, scorer_from_parts
from fillrank.factors.fold_in import RatingRidge
from fillrank.factors.temporal import DAY, TimeAwareFactors, day_of

DAYS = (-3, 10, 12)


@pytest.fixture
def predictor() -> TimeAwareFactors:
    make = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    generator = torch.Generator().manual_seed(3)
    undated = Factors(make(4, 2), make(5, 2), user_bias=make(4), item_bias=make(5), offset=3.0, folding=RatingRidge())
    return TimeAwareFactors(undated, torch.tensor(DAYS), make(3), make(4, 2), make(3, 2), make(5, 3), make(3, 3))


def test_a_day_adds_its_bias_and_its_two_products(predictor: TimeAwareFactors) -> None:
    for place, day in enumerate(DAYS):
        for moment in (day * DAY, day * DAY + DAY - 1):
            user, item = torch.tensor([1]), torch.tensor([4])
            expected = (
                predictor.undated.score(user)[0, 4]
                + predictor.day_bias[place]
                + predictor.users[1] @ predictor.user_days[place]
                + predictor.items[4] @ predictor.item_days[place]
            )
            torch.testing.assert_close(predictor.score_pairs_at(user, item, torch.tensor([moment]))[0], expected)


@pytest.mark.parametrize("day", [-4, -2, 0, 11, 13, 10_000])
def test_an_unknown_day_is_the_average_day(predictor: TimeAwareFactors, day: int) -> None:
    users, items = torch.arange(4), torch.arange(4)
    times = torch.full((4,), day * DAY)
    assert torch.equal(predictor.score_pairs_at(users, items, times), predictor.score_pairs(users, items))
    assert torch.equal(predictor.score(users), predictor.undated.score(users))


def test_days_begin_at_midnight_before_1970_too() -> None:
    assert day_of(np.array([-DAY - 1, -DAY, -1, 0, DAY])).tolist() == [-2, -1, -1, 0, 1]


def test_its_parts_make_it_again(predictor: TimeAwareFactors) -> None:
    again = scorer_from_parts(predictor.tensors(), predictor.settings())
    assert isinstance(again, TimeAwareFactors)
    assert again.undated.folding == predictor.undated.folding
    for name, tensor in predictor.tensors().items():
        assert torch.equal(again.tensors()[name], tensor)
    assert torch.equal(predictor.to("cpu").user_days, predictor.user_days)


def test_a_new_user_has_no_days_of_their_own_but_the_items_have(predictor: TimeAwareFactors) -> None:
    log = Interactions.from_arrays(["new"] * 5, range(5), values=[5, 4, 3, 2, 1])
    folded = predictor.fold_in(log)
    user, item, time = torch.tensor([0]), torch.tensor([2]), torch.tensor([DAYS[1] * DAY])
    added = folded.score_pairs_at(user, item, time) - folded.score_pairs(user, item)
    torch.testing.assert_close(added[0], predictor.day_bias[1] + predictor.items[2] @ predictor.item_days[1])
    assert (folded.n_users, folded.n_items) == (1, 5)


def test_rows_held_out_are_predicted_at_their_own_time_if_they_have_one(predictor: TimeAwareFactors) -> None:
    log = Interactions.from_arrays([0, 1, 2, 3], [0, 1, 2, 4], values=[1, 2, 3, 4], times=[DAYS[2] * DAY] * 4)
    users, items, times = (torch.from_numpy(column.astype(np.int64)) for column in (log.users, log.items, log.times))
    undated = replace(predictor.undated, items=predictor.undated.items[:4], item_bias=None)
    fitting = replace(predictor, undated=undated, items=predictor.items[:4])
    at = prediction_errors(fitting, log, value_range=None, memory=1)
    np.testing.assert_allclose(at, fitting.score_pairs_at(users, items, times).numpy() - log.values, rtol=1e-6)
    without = prediction_errors(fitting, replace(log, times=None), value_range=None, memory=1 << 20)
    np.testing.assert_allclose(without, fitting.score_pairs(users, items).numpy() - log.values, rtol=1e-6)
    assert np.abs(at - without).min() > 1e-3


def test_shapes_that_do_not_fit_are_refused(predictor: TimeAwareFactors) -> None:
    with pytest.raises(DataError, match=r"users must be \[4, c\] and user_days \[3, c\], got \[3, 2\] and \[3, 2\]"):
        replace(predictor, users=torch.zeros(3, 2))
    with pytest.raises(DataError, match=r"items must be \[5, c\] and item_days \[3, c\]"):
        replace(predictor, item_days=torch.zeros(2, 3))
    with pytest.raises(DataError, match=r"day_bias must have shape \[3\], got \[4\]"):
        replace(predictor, day_bias=torch.zeros(4))
    with pytest.raises(DataError, match="each later than the one before"):
        replace(predictor, days=torch.tensor([1, 1, 2]))
    with pytest.raises(TrainingError, match="'day_bias' are NaN or infinite"):
        replace(predictor, day_bias=torch.tensor([0.0, torch.nan, 0.0]))
