"""rank and rank_blocks: lists by user, in blocks, shorter rather than padded."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from fillrank.errors import DataError, SettingsError
from fillrank.factors import Factors
from fillrank.retrieval import RankedLists, rank, rank_blocks


@dataclass
class Table:
    """A scorer that looks its scores up, and notes how many users it was asked for at a time."""

    scores: torch.Tensor
    asked: list[int] = field(default_factory=list)

    @property
    def n_users(self):
        return len(self.scores)

    @property
    def n_items(self):
        return self.scores.shape[1]

    def score(self, users):
        self.asked.append(len(users))
        return self.scores[users]

    def score_pairs(self, users, items):
        return self.scores[users, items]


@pytest.fixture
def factors():
    generator = torch.Generator().manual_seed(0)
    return Factors(torch.randn(30, 4, generator=generator), torch.randn(50, 4, generator=generator))


def as_lists(ranking: RankedLists) -> list[list[int]]:
    return [ranking[row].tolist() for row in range(len(ranking))]


def test_lists_follow_the_scores(factors):
    lists = rank(factors, k=50)
    scores = factors.score(torch.arange(30))
    assert as_lists(lists) == scores.argsort(1, descending=True).tolist()
    np.testing.assert_array_equal(lists.scores, scores.sort(1, descending=True).values.ravel())
    assert lists.users.tolist() == list(range(30))


def test_seen_items_are_removed_and_lists_get_shorter_not_padded():
    table = Table(torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [3.0, 1.0, -torch.inf]]))
    lists = rank(table, k=2, seen=sp.csr_array([[1, 0, 0], [1, 1, 1], [0, 1, 0]]))
    assert as_lists(lists) == [[1, 2], [], [0]]
    assert lists.scores.tolist() == [2.0, 1.0, 3.0]
    assert lists.rows.tolist() == [0, 0, 2]
    assert lists.positions.tolist() == [0, 1, 0]


def test_users_come_in_the_order_asked_for(factors):
    everyone = as_lists(rank(factors, k=5))
    for users in ([7, 2, 7], np.array([7, 2, 7]), torch.tensor([7, 2, 7])):
        assert as_lists(rank(factors, users, 5)) == [everyone[7], everyone[2], everyone[7]]


def test_seen_rows_belong_to_the_users_not_to_the_rows_asked_for(factors):
    seen = sp.csr_array(np.tri(30, 50, dtype=np.float32))
    everyone = as_lists(rank(factors, k=5, seen=seen))
    assert as_lists(rank(factors, [20, 3], 5, seen=seen)) == [everyone[20], everyone[3]]
    assert all(item > 20 for item in everyone[20])


def test_candidates_and_exclude_bound_the_lists(factors):
    lists = as_lists(rank(factors, k=50, candidates=[4, 9, 11], exclude=[9]))
    assert all(sorted(row) == [4, 11] for row in lists)
    assert all(9 not in row and len(row) == 49 for row in as_lists(rank(factors, k=50, exclude=torch.tensor([9]))))
    assert as_lists(rank(factors, [0], 5, candidates=[])) == [[]]


@pytest.mark.parametrize("memory", [1, 3 * 4 * 50 * 7, 2**30])
def test_the_lists_do_not_depend_on_the_memory(factors, memory):
    seen = sp.csr_array(np.tri(30, 50, dtype=np.float32))
    table = Table(factors.score(torch.arange(30)))
    lists = rank(table, k=5, seen=seen, memory=memory)
    assert as_lists(lists) == as_lists(rank(table, k=5, seen=seen))


def test_a_block_takes_no_more_than_a_third_of_the_memory(factors):
    table = Table(factors.score(torch.arange(30)))
    blocks = list(rank_blocks(table, k=5, memory=3 * 4 * 50 * 7))
    assert table.asked == [7, 7, 7, 7, 2] == [len(block) for block in blocks]
    assert np.concatenate([block.users for block in blocks]).tolist() == list(range(30))


def test_no_users_no_lists(factors):
    lists = rank(factors, [], 5)
    assert len(lists) == 0
    assert lists.items.size == 0


def test_scores_that_want_gradients_can_be_ranked():
    encoder = Factors(torch.eye(3, requires_grad=True), torch.eye(3))
    assert as_lists(rank(encoder, k=1)) == [[0], [1], [2]]


def test_mistakes_are_named(factors):
    with pytest.raises(DataError, match="users are indices, and run from 2 to 30, but there are 30: 0 to 29"):
        rank(factors, [2, 30])
    with pytest.raises(DataError, match="candidates are indices, and run from -1 to 3, but there are 50"):
        rank(factors, candidates=[-1, 3])
    with pytest.raises(DataError, match="exclude must be indices: whole numbers in one dimension, got float64"):
        rank(factors, exclude=[0.5])
    with pytest.raises(DataError, match=r"seen must be \[30, 50\] as the scorer is, got \[50, 30\]"):
        rank(factors, seen=sp.csr_array((50, 30)))
    with pytest.raises(SettingsError, match="memory must be a number of bytes above 0, got 0"):
        rank(factors, memory=0)
    with pytest.raises(SettingsError, match="k must be a whole number of 1 or more, got 0"):
        rank(factors, k=0)
    with pytest.raises(IndexError):
        rank(factors)[30]


def test_a_scorer_with_the_wrong_shape_is_named():
    class Wrong(Table):
        def score(self, users):
            return self.scores[users, :2]

    with pytest.raises(DataError, match=r"the scorer gave \[4, 2\], wanted \[4, 3\]"):
        rank(Wrong(torch.zeros(4, 3)))
