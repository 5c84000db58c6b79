"""Parts of a split keep what they should, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.data import Split, split, subsample, synthetic
from fillrank.errors import SettingsError


@pytest.fixture(scope="module")
def whole() -> Split:
    return split.random(synthetic(60, 30, 600, seed=3).interactions, seed=1)


def pairs(log) -> set[tuple[int, int]]:
    return set(zip(log.users.tolist(), log.items.tolist(), strict=True))


@settings(max_examples=30, deadline=None)
@given(small=st.floats(0.1, 1.0), large=st.floats(0.1, 1.0), seed=st.integers(0, 5))
def test_a_greater_share_keeps_all_that_a_smaller_one_does(whole: Split, small: float, large: float, seed: int) -> None:
    small, large = sorted((small, large))
    for word in ("users", "rows"):
        few, many = (subsample(whole, **{word: share}, seed=seed) for share in (small, large))
        assert pairs(few.train) <= pairs(many.train) <= pairs(whole.train)


def test_users_are_kept_with_all_that_they_did(whole: Split) -> None:
    part = subsample(whole, users=0.5)
    kept = np.unique(part.train.users)
    assert len(kept) <= 30
    for mine, theirs in ((part.train, whole.train), (part.valid, whole.valid), (part.test, whole.test)):
        assert pairs(mine) == {(u, i) for u, i in pairs(theirs) if u in set(kept)}
    assert part.protocol["kept"] == {"users": 0.5, "seed": 0}


def test_fewer_rows_leave_validation_and_test_alone(whole: Split) -> None:
    part = subsample(whole, rows=0.25)
    assert len(part.train) == round(0.25 * len(whole.train))
    assert part.test is whole.test
    assert part.valid is whole.valid
    assert subsample(whole) is whole


@pytest.mark.parametrize("shares", [{"users": 0}, {"rows": 1.5}, {"users": -1}, {"rows": float("nan")}])
def test_impossible_shares(whole: Split, shares: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=r"share above 0 and at most 1|must be a number, got nan"):
        subsample(whole, **shares)


def test_nothing_left(whole: Split) -> None:
    with pytest.raises(SettingsError, match="leave nothing to learn from"):
        subsample(whole, rows=1e-6)
