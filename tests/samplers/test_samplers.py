"""Samplers: each trap of in-batch negatives, and what each one promises of its own; see tests/testing for all."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fillrank.data import IdMap, Interactions
from fillrank.errors import DataError, SettingsError
from fillrank.samplers import Hard, InBatch, KnownPositives, Mixed, Negatives, Popularity, Sampler, Uniform
from fillrank.samplers.alias import AliasTable
from fillrank.samplers.uniform import _few, distinct

LOG = Interactions.from_arrays([0, 0, 1, 1, 2, 3, 3], [0, 1, 1, 2, 3, 0, 3])
KNOWN = KnownPositives.of_users(LOG)
USERS, ITEMS = torch.tensor([0, 1, 2]), torch.tensor([0, 2, 3])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def zeros(users: Tensor, items: Tensor) -> Tensor:
    return torch.zeros(len(users), items.shape[-1])


def draw(sampler: Sampler, seed: int = 0) -> Negatives:
    return sampler.sample(USERS, ITEMS, seeded(seed), score=zeros)


def test_in_batch_takes_an_item_once_however_often_it_stands_there() -> None:
    drawn = InBatch(KNOWN).sample(USERS, torch.tensor([1, 1, 3]), seeded())
    assert drawn.items.tolist() == [1, 3]


def test_a_users_other_positives_are_masked_and_the_own_one_too() -> None:
    drawn = InBatch(KNOWN).sample(USERS, ITEMS, seeded())
    assert drawn.items.tolist() == [0, 2, 3]
    assert drawn.mask.tolist() == [[True, False, False], [False, True, False], [False, False, True]]
    more = InBatch(KNOWN).sample(torch.tensor([0, 3]), torch.tensor([1, 0]), seeded())
    assert more.mask[0].tolist() == [True, True]  # user 0 likes both 0 and 1, though the row's positive is 1
    assert more.mask[1].tolist() == [True, False]


def test_only_the_own_positive_is_masked_where_that_is_asked_for() -> None:
    drawn = InBatch(KNOWN, exclude="own").sample(torch.tensor([0, 3]), torch.tensor([1, 0]), seeded())
    assert drawn.items.tolist() == [0, 1]
    assert drawn.mask.tolist() == [[False, True], [True, False]]
    each = Uniform(KNOWN, 4, shared=False, exclude="own").sample(USERS, ITEMS, seeded())
    assert torch.equal(each.mask, each.items == ITEMS[:, None])
    assert each.mask.any()


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("kind", [Uniform, Popularity])
def test_nothing_is_masked_where_that_is_asked_for(kind: type, shared: bool) -> None:
    assert draw(kind(KNOWN, 2, shared=shared, exclude="none")).mask is None
    assert draw(Hard(kind(KNOWN, 2, shared=True, exclude="none"), 1)).mask is None


@pytest.mark.parametrize("kind", [InBatch, lambda known, **more: Mixed(known, 2, **more)])
def test_a_batch_is_not_handed_out_without_masking_the_own_positive(kind: type) -> None:
    with pytest.raises(SettingsError, match="own positive one of its negatives"):
        kind(KNOWN, exclude="none")


def test_in_batch_log_q_is_the_chance_to_be_in_a_batch() -> None:
    """Against a simulation: 20,000 batches of 3 positives drawn with their true shares."""
    stated = InBatch(KNOWN).sample(USERS, ITEMS, seeded())
    batches = np.random.default_rng(0).choice(LOG.items, size=(20_000, 3))
    for item, log_q in zip(stated.items.tolist(), stated.log_q.tolist(), strict=True):
        assert math.exp(log_q) == pytest.approx((batches == item).any(axis=1).mean(), abs=0.01)


@pytest.mark.parametrize(
    "sampler",
    [
        InBatch(KNOWN, logq_correction=False),
        Uniform(KNOWN, 2, logq_correction=False),
        Popularity(KNOWN, 2, shared=False, logq_correction=False),
        Mixed(KNOWN, 2, logq_correction=False),
        Hard(Uniform(KNOWN, 4), 2, n_easy=1, logq_correction=False),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_without_the_correction_log_q_is_zero(sampler: Sampler) -> None:
    assert (draw(sampler).log_q == 0).all()


def test_a_batch_that_an_item_is_in_for_sure_has_log_q_zero() -> None:
    one, two = IdMap(range(2)), IdMap(range(2))
    only = Interactions(np.array([0, 1]), np.array([0, 0]), None, None, one, two)
    drawn = InBatch(KnownPositives.of_users(only)).sample(torch.tensor([0, 1]), torch.tensor([0, 0]), seeded())
    assert drawn.log_q.tolist() == [0.0]


def test_uniform_says_how_likely_an_item_was() -> None:
    for shared in (True, False):
        drawn = draw(Uniform(KNOWN, 3, shared=shared))
        torch.testing.assert_close(drawn.log_q, torch.full((3,), math.log(3 / 4)))


@pytest.mark.parametrize("sample", [distinct, _few])
def test_distinct_places_make_every_set_alike(sample: type) -> None:
    """Each ordered pair of 4 places comes up in a twelfth of 6,000 draws: chi-square with 11 degrees of freedom."""
    generator = seeded()
    counts = Counter(tuple(sample(2, 4, generator).tolist()) for _ in range(6000))
    assert len(counts) == 12
    assert sum((count - 500) ** 2 / 500 for count in counts.values()) < 31.3  # 0.1 % point


def test_a_large_catalogue_is_drawn_from_without_going_through_it() -> None:
    drawn = distinct(1000, 10**9, seeded())
    assert len(drawn.unique()) == len(drawn) == 1000
    assert drawn.min() >= 0
    assert 0.9e9 < drawn.max() < 10**9


def test_popularity_is_the_power_of_the_count(log: Interactions, known: KnownPositives) -> None:
    counts = np.maximum(log.item_counts, 1)  # item 11, which nobody met, counts as met once
    for beta in (0, 0.75, 1, -1):
        expected = counts**beta / (counts**beta).sum() if beta >= 0 else (1 / counts) / (1 / counts).sum()
        np.testing.assert_allclose(Popularity(known, 2, beta=beta).probability.numpy(), expected, rtol=1e-12)
    steep = Popularity(known, 3, beta=1e6, shared=False).sample(USERS, ITEMS, seeded())
    assert (steep.items == 0).all()  # no overflow: all the weight is on the most popular
    np.testing.assert_allclose(steep.log_q.numpy(), math.log(3), rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1000), min_size=1, max_size=30).filter(lambda weights: sum(weights) > 1e-3))
def test_an_alias_table_holds_the_given_probabilities(weights: list[float]) -> None:
    probability = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    table = AliasTable(probability)
    torch.testing.assert_close(table.probability(), probability, rtol=1e-12, atol=1e-14)
    assert ((table.share >= -1e-12) & (table.share <= 1)).all()


def test_an_alias_table_draws_what_it_holds() -> None:
    probability = torch.tensor([0.5, 0.0, 0.2, 0.3])
    found = torch.bincount(AliasTable(probability).draw((200, 100), seeded()).flatten(), minlength=4) / 20_000
    assert found[1] == 0
    torch.testing.assert_close(found, probability, rtol=0, atol=4 * 0.5 / 20_000**0.5)


def test_a_user_who_knows_every_item_gets_a_row_that_is_all_masked() -> None:
    full = KnownPositives.of_users(Interactions.from_arrays([0, 0, 1], [0, 1, 1]))
    drawn = Hard(Uniform(full, 2), 2).sample(torch.tensor([0, 1]), torch.tensor([0, 1]), seeded(), score=zeros)
    assert drawn.mask.all(dim=1).tolist() == [True, False]


@pytest.mark.parametrize("n", [0, 5, True, 2.0])
@pytest.mark.parametrize("kind", [Uniform, Popularity, Mixed])
def test_more_negatives_than_items_is_an_error(kind: type, n: int) -> None:
    with pytest.raises(SettingsError, match=f"n_negatives must be .*, got {n}"):
        kind(KNOWN, n)


@pytest.mark.parametrize("beta", [math.nan, math.inf, -math.inf, "1", True])
def test_a_power_that_is_no_number_is_an_error(beta: float) -> None:
    with pytest.raises(SettingsError, match="beta must be a number, got"):
        Popularity(KNOWN, 2, beta=beta)


def test_an_exclusion_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(SettingsError, match="exclude must be 'known', 'own' or 'none', got 'exact'"):
        Uniform(KNOWN, 2, exclude="exact")


@pytest.mark.parametrize(
    ("items", "log_q", "mask"),
    [((2, 3), (2,), (2, 3)), ((3,), (3,), (3,)), ((3,), (2, 3), None), ((2, 3), (3,), (3, 3)), ((), (), None)],
)
def test_negatives_of_shapes_that_do_not_fit_are_an_error(
    items: tuple[int, ...], log_q: tuple[int, ...], mask: tuple[int, ...] | None
) -> None:
    with pytest.raises(DataError, match=r"negatives must be items \[N\] or \[B, N\]"):
        Negatives(torch.zeros(items), torch.zeros(log_q), None if mask is None else torch.zeros(mask))
