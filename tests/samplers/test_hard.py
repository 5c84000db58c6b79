"""Hard negatives: by score, never a known positive while there is another, and what is wrong is said."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fillrank.errors import DataError, SettingsError
from fillrank.samplers import Hard, InBatch, KnownPositives, Popularity, Uniform
from fillrank.samplers.hard import skip

KNOWN = KnownPositives(torch.tensor([0, 2, 3]), torch.tensor([0, 1, 4]), n_columns=5)
USERS, ITEMS = torch.tensor([0, 1]), torch.tensor([1, 4])
TASTE = torch.tensor([[0.9, 0.8, 0.1, 0.3, 0.2], [0.1, 0.5, 0.4, 0.6, 0.9]])


def taste(users: Tensor, items: Tensor) -> Tensor:
    return TASTE[users][:, items] if items.dim() == 1 else TASTE[users].gather(1, items)


def test_the_hardest_come_first_and_known_positives_last() -> None:
    drawn = Hard(Uniform(KNOWN, 5), 4).sample(USERS, ITEMS, torch.Generator(), score=taste)
    assert drawn.items[:, :3].tolist() == [[3, 4, 2], [3, 1, 2]]
    assert drawn.mask.tolist() == [[False, False, False, True], [False] * 4]


def test_candidates_of_each_row_are_ranked_by_themselves() -> None:
    generator = torch.Generator().manual_seed(0)
    base = Uniform(KNOWN, 5, shared=False)
    pool = base.sample(USERS, ITEMS, torch.Generator().manual_seed(0))
    drawn = Hard(base, 1).sample(USERS, ITEMS, generator, score=taste)
    for row in range(2):
        free = pool.items[row][~pool.mask[row]]
        assert TASTE[row, drawn.items[row, 0]] == TASTE[row, free].max()


def test_a_small_batch_is_handed_out_as_far_as_it_goes() -> None:
    drawn = Hard(InBatch(KNOWN), 4, n_easy=1).sample(USERS, ITEMS, torch.Generator(), score=taste)
    assert drawn.items.shape == (2, 2)
    assert drawn.items[:, 0].tolist() == [4, 1]


def test_scores_are_asked_for_without_a_graph() -> None:
    table = TASTE.clone().requires_grad_()
    seen = []

    def score(users: Tensor, items: Tensor) -> Tensor:
        found = table[users][:, items]
        seen.append(found.requires_grad)
        return found

    Hard(Uniform(KNOWN, 3), 1).sample(USERS, ITEMS, torch.Generator(), score=score)
    assert seen == [False]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_skip_counts_the_places_that_are_free(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 12))
    taken = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=size - 1, unique=True))
    free = [place for place in range(size) if place not in taken]
    found = skip(torch.tensor([taken]), torch.arange(len(free))[None])
    assert found.tolist() == [free]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hard(Uniform(KNOWN, 3), 0), "n_negatives must be a whole number of 1 or more, got 0"),
        (lambda: Hard(Uniform(KNOWN, 3), 1.5), "n_negatives must be a whole number, got 1.5"),
        (lambda: Hard(Uniform(KNOWN, 3), 2, n_easy=2), "n_easy must be from 0 to n_negatives - 1 = 1, got 2"),
        (lambda: Hard(Uniform(KNOWN, 3), 4), "the base draws 3 candidates, and the n_negatives=4 hardest"),
        (lambda: Hard(Popularity(KNOWN, 2), 3), "the base draws 2 candidates"),
    ],
)
def test_numbers_that_do_not_fit_are_an_error(make: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        make()


def test_without_scores_it_is_an_error() -> None:
    with pytest.raises(SettingsError, match="goes by the model's scores; hand in score="):
        Hard(Uniform(KNOWN, 3), 2).sample(USERS, ITEMS, torch.Generator())


def test_scores_of_another_shape_are_an_error() -> None:
    with pytest.raises(DataError, match=r"score must give a Tensor \[B, N\] = \[2, 3\], got a Tensor of shape \(3,\)"):
        Hard(Uniform(KNOWN, 3), 2).sample(USERS, ITEMS, torch.Generator(), score=lambda *_: torch.zeros(3))
