"""Samplers: each trap of in-batch negatives, and that the probabilities are what they say."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.data import Interactions
from fillrank.errors import SettingsError
from fillrank.samplers import InBatch, KnownPositives, Uniform


def log_of(pairs: list[tuple[int, int]]) -> Interactions:
    return Interactions.from_arrays([u for u, _ in pairs], [i for _, i in pairs])


LOG = log_of([(0, 0), (0, 1), (1, 1), (1, 2), (2, 3), (3, 0), (3, 3)])
GENERATOR = torch.Generator()


def test_in_batch_takes_an_item_once_however_often_it_stands_there() -> None:
    users, items = torch.tensor([0, 1, 2]), torch.tensor([1, 1, 3])
    drawn = InBatch(KnownPositives.of_users(LOG)).sample(users, items, GENERATOR)
    assert drawn.items.tolist() == [1, 3]


def test_a_users_other_positives_are_masked_and_the_own_one_too() -> None:
    users, items = torch.tensor([0, 1, 2]), torch.tensor([0, 2, 3])
    drawn = InBatch(KnownPositives.of_users(LOG)).sample(users, items, GENERATOR)
    assert drawn.items.tolist() == [0, 2, 3]
    assert drawn.mask.tolist() == [[True, False, False], [False, True, False], [False, False, True]]
    more = InBatch(KnownPositives.of_users(LOG)).sample(torch.tensor([0, 3]), torch.tensor([1, 0]), GENERATOR)
    assert more.mask[0].tolist() == [True, True]  # user 0 likes both 0 and 1, though the row's positive is 1
    assert more.mask[1].tolist() == [True, False]


def test_in_batch_log_q_is_the_chance_to_be_in_a_batch() -> None:
    """Against a simulation: 20,000 batches of 3 positives drawn with their true shares."""
    known = KnownPositives.of_users(LOG)
    stated = InBatch(known).sample(torch.tensor([0, 1, 2]), torch.tensor([0, 2, 3]), GENERATOR)
    rng = np.random.default_rng(0)
    batches = rng.choice(LOG.items, size=(20_000, 3))
    for item, log_q in zip(stated.items.tolist(), stated.log_q.tolist(), strict=True):
        assert math.exp(log_q) == pytest.approx((batches == item).any(axis=1).mean(), abs=0.01)


def test_without_the_correction_log_q_is_zero() -> None:
    known = KnownPositives.of_users(LOG)
    for sampler in (InBatch(known, correct=False), Uniform(known, 2, correct=False)):
        drawn = sampler.sample(torch.tensor([0]), torch.tensor([0]), GENERATOR)
        assert (drawn.log_q == 0).all()


def test_a_batch_that_every_item_is_in_for_sure_has_log_q_zero() -> None:
    only = log_of([(0, 0), (1, 0)])
    drawn = InBatch(KnownPositives.of_users(only)).sample(torch.tensor([0, 1]), torch.tensor([0, 0]), GENERATOR)
    assert drawn.log_q.tolist() == [0.0]


def test_uniform_draws_each_item_once_and_says_how_likely_it_was() -> None:
    sampler = Uniform(KnownPositives.of_users(LOG), 3)
    drawn = sampler.sample(torch.tensor([0]), torch.tensor([0]), torch.Generator().manual_seed(1))
    assert len(set(drawn.items.tolist())) == 3
    torch.testing.assert_close(drawn.log_q, torch.full((3,), math.log(3 / 4)))


def test_uniform_with_the_same_generator_state_draws_the_same() -> None:
    sampler = Uniform(KnownPositives.of_users(LOG), 2)
    one, two, other = (
        sampler.sample(torch.tensor([0]), torch.tensor([0]), torch.Generator().manual_seed(s)).items.tolist()
        for s in (5, 5, 7)
    )
    assert one == two
    assert one != other


@pytest.mark.parametrize("n", [0, 5])
def test_more_negatives_than_items_is_an_error(n: int) -> None:
    with pytest.raises(SettingsError, match=f"n_negatives must be from 1 to the 4 items there are, got {n}"):
        Uniform(KnownPositives.of_users(LOG), n)


def test_items_see_their_users() -> None:
    known = KnownPositives.of_items(LOG)
    assert known.mask(torch.tensor([1]), torch.tensor([0, 1, 2, 3])).tolist() == [[True, True, False, False]]


@settings(max_examples=50, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), min_size=1, max_size=40, unique=True),
    data=st.data(),
)
def test_mask_agrees_with_the_plain_lookup(pairs: list[tuple[int, int]], data: st.DataObject) -> None:
    log = log_of(pairs)
    known = KnownPositives.of_users(log)
    rows = torch.tensor(data.draw(st.lists(st.integers(0, log.n_users - 1), min_size=1, max_size=12)))
    columns = torch.tensor(data.draw(st.lists(st.integers(0, log.n_items - 1), min_size=1, unique=True)))
    for _ in range(2):  # the second call finds the scratch table as the first left it
        torch.testing.assert_close(known.mask(rows, columns), known.mask_by_lookup(rows, columns))
