"""Synthetic data: what is asked for is what comes, and the truth is the truth."""

from __future__ import annotations

import numpy as np
import pytest

from fillrank.data import checkerboard, synthetic
from fillrank.errors import SettingsError


def test_sizes_and_distinct_pairs() -> None:
    log = synthetic(300, 100, 9_000, seed=2).interactions
    assert (len(log), log.n_users, log.n_items) == (9_000, 300, 100)
    assert len(np.unique(log.users.astype(np.int64) * 100 + log.items)) == 9_000


def test_the_truth_has_the_rank_and_the_variance_promised() -> None:
    made = synthetic(400, 300, 1_000, rank=3)
    truth = made.users @ made.items.T
    assert np.linalg.matrix_rank(truth) == 3
    assert truth.std() == pytest.approx(1.0, abs=0.15)


def test_noise_is_what_stands_between_the_values_and_the_truth() -> None:
    made = synthetic(500, 400, 50_000, noise=0.5)
    log = made.interactions
    error = log.values - made.truth(log.users, log.items)
    assert error.std() == pytest.approx(0.5, rel=0.02)
    assert error.mean() == pytest.approx(0.0, abs=0.01)


def test_popularity_is_a_power_law_and_zero_is_even() -> None:
    skewed, even = (synthetic(20_000, 200, 100_000, popularity=p) for p in (1.0, 0.0))
    share = np.sort(skewed.item_probability)[::-1]
    np.testing.assert_allclose(share[0] / share, np.arange(1, 201))
    assert np.corrcoef(skewed.interactions.item_counts, skewed.item_probability)[0, 1] > 0.98
    assert even.interactions.item_counts.std() / even.interactions.item_counts.mean() < 0.1


def test_the_seed_decides_everything() -> None:
    one, same, other = (synthetic(50, 40, 300, seed=seed).interactions for seed in (1, 1, 2))
    assert one.to_frame().equals(same.to_frame())
    assert not one.to_frame().equals(other.to_frame())


def test_noise_does_not_move_the_pairs() -> None:
    one, other = (synthetic(50, 40, 300, noise=noise).interactions for noise in (0.0, 1.0))
    np.testing.assert_array_equal(one.items, other.items)


@pytest.mark.parametrize(
    ("sizes", "options", "words"),
    [
        ((0, 5, 1), {}, "n_users must be 1 or more, got 0"),
        ((5, 5, 13), {}, "n_interactions=13 are more than half of the cells of n_users=5 × n_items=5"),
        ((5, 5, 1), {"noise": -1.0}, "noise must be a number of 0 or more"),
        ((20, 50, 400), {"popularity": 30.0}, "different pairs of the 400 asked for"),
    ],
)
def test_what_cannot_be_made_is_refused(sizes: tuple[int, int, int], options: dict[str, float], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        synthetic(*sizes, **options)  # type: ignore[arg-type]


def test_the_checkerboard_withholds_the_diagonal() -> None:
    board = checkerboard(7).csr.toarray()
    for user in range(7):
        assert np.flatnonzero(board[user]).tolist() == [i for i in range(7) if i % 2 == user % 2 and i != user]
    with pytest.raises(SettingsError, match="n of 4 or more, got 3"):
        checkerboard(3)
