"""A split by users: whoever is held out is new to train, and has known rows beside those to be found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fillrank.data import Interactions, Split, decay, split, subsample, synthetic
from fillrank.data.held_out_users import HeldOutUsers, columns_of
from fillrank.errors import DataError, SettingsError


def ratings(seed: int = 0) -> Interactions:
    return synthetic(60, 25, 700, seed=seed).interactions


def keys(log: Interactions) -> set[int]:
    return set((log.users.astype(int) * log.n_items + log.items).tolist())


def held_out(part: Interactions | None) -> HeldOutUsers:
    assert isinstance(part, HeldOutUsers)
    return part


@given(st.integers(0, 50), st.floats(0.1, 0.9))
def test_users_are_apart_and_rows_are_all_there(seed: int, known: float) -> None:
    log = ratings(seed)
    parts = split.strong(log, test=0.2, valid=0.1, known=known, seed=seed)
    valid, test = held_out(parts.valid), held_out(parts.test)
    of_users = [set(part.users.tolist()) for part in (parts.train, valid, test)]
    assert sum(map(len, of_users)) == len(set.union(*of_users))
    assert (len(of_users[1]), len(of_users[2])) == (6, 12)
    pieces = [keys(part) for part in (parts.train, valid, valid.known, test, test.known)]
    assert sum(map(len, pieces)) + parts.protocol.get("left_out", 0) == len(log)
    assert set.union(*pieces) <= keys(log)
    assert set(valid.items.tolist()) <= set(parts.train.items.tolist())


@given(st.integers(2, 30), st.floats(0.05, 0.95))
def test_the_share_that_is_known_is_met_to_the_row(n: int, known: float) -> None:
    rows = [(user, item) for user in range(10) for item in range(n)]
    users, items = zip(*rows, strict=True)
    test = held_out(split.strong(Interactions.from_arrays(users, items), test=0.2, valid=0, known=known).test)
    wanted = min(max(int(np.floor(known * n + 0.5)), 1), n - 1)
    assert np.unique(test.known.users, return_counts=True)[1].tolist() == [wanted] * 2


def test_the_same_seed_gives_the_same_split_and_another_another() -> None:
    one, same, other = (split.strong(ratings(), seed=seed) for seed in (1, 1, 2))
    assert keys(one.test) == keys(same.test)
    assert keys(held_out(one.test).known) == keys(held_out(same.test).known)
    assert keys(one.test) != keys(other.test)
    assert dict(one.protocol) == {"split": "strong", "test": 0.1, "valid": 0.1, "known": 0.8, "seed": 1}


def test_items_that_nobody_in_train_met_are_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    users = [user for user in range(10) for _ in range(3)]
    items = [item for user in range(10) for item in (0, 1, 100 + user)]
    parts = split.strong(Interactions.from_arrays(users, items), test=0.2, valid=0.1)
    assert parts.protocol["left_out"] == 3
    assert "3 rows of held-out users are left out" in caplog.text


def test_users_of_one_row_stay_in_train() -> None:
    log = Interactions.from_arrays([0, 1, 2, 3, 4, 4, 4], [0, 1, 2, 3, 0, 1, 2])
    parts = split.strong(log, test=0.5, valid=0)
    assert set(parts.test.users.tolist()) == {4}


def test_a_part_follows_when_the_split_is_cut_or_fades() -> None:
    log = replace(ratings(), times=np.arange(700) * 86_400)
    parts = split.strong(log, test=0.3, valid=0.2)
    fewer = subsample(parts, users=0.5)
    assert 0 < len(np.unique(fewer.test.users)) < len(np.unique(parts.test.users))
    faded = held_out(decay(parts, half_life=100).valid)
    assert faded.whole().weights is not None
    assert len(faded.whole()) == len(faded) + len(faded.known)


def test_bad_fractions_and_parts_are_refused() -> None:
    log = ratings()
    with pytest.raises(SettingsError, match="known must be a fraction above 0 and below 1, got 1"):
        split.strong(log, known=1.0)
    with pytest.raises(SettingsError, match="test must be above 0"):
        split.strong(log, test=0)
    with pytest.raises(DataError, match="leaves test empty"):
        split.strong(log, test=0.001)
    parts = split.strong(log)
    test = held_out(parts.test)
    with pytest.raises(DataError, match="6 held-out users have rows in train, the first is"):
        Split(parts.train.union(test.known), None, test, {})
    with pytest.raises(DataError, match="held-out users have no known row, the first is"):
        HeldOutUsers(**columns_of(test), known=test.known.select(np.arange(1)))
    with pytest.raises(DataError, match="have other users or items than the part"):
        HeldOutUsers(**columns_of(test), known=test.known.compact())
