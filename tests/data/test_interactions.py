"""Interactions: one order, one pair once, and matrices that agree with the rows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fillrank.data import IdMap, Interactions
from fillrank.errors import DataError, DuplicateError

PAIRS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9)), min_size=1, max_size=60, unique=True)


def log_of(pairs: list[tuple[int, int]], **options: float) -> Interactions:
    """Values and times that tell the pair they belong to."""
    users, items = zip(*pairs, strict=True)
    values = [100 * user + item for user, item in pairs]
    times = [1000 * user + item for user, item in pairs]
    return Interactions.from_arrays(users, items, values, times, **options)  # type: ignore[arg-type]


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(pairs: list[tuple[int, int]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = log_of(pairs), log_of(shuffled)
    assert one.to_frame().equals(other.to_frame())


@given(PAIRS)
def test_rows_stand_in_the_order_of_user_and_item_and_keep_their_values(pairs: list[tuple[int, int]]) -> None:
    frame = log_of(pairs).to_frame()
    assert frame.select("user_id", "item_id").rows() == sorted(pairs)
    assert frame["value"].to_list() == [100 * user + item for user, item in sorted(pairs)]
    assert frame["time"].to_list() == [1000 * user + item for user, item in sorted(pairs)]


@given(PAIRS)
def test_rows_and_columns_give_the_same_matrix(pairs: list[tuple[int, int]]) -> None:
    log = log_of(pairs)
    dense = np.zeros((log.n_users, log.n_items), dtype=np.float32)
    dense[log.users, log.items] = log.values
    np.testing.assert_array_equal(log.csr.toarray(), dense)
    np.testing.assert_array_equal(log.csc.toarray(), dense)
    assert log.csr.nnz == log.csc.nnz == len(log)
    assert log.item_counts.tolist() == np.bincount(log.items).tolist()
    assert log.user_counts.tolist() == np.bincount(log.users).tolist()


def test_a_value_of_zero_is_a_value() -> None:
    log = Interactions.from_arrays([1, 1], [1, 2], [0.0, 3.0])
    assert log.csr.nnz == log.csc.nnz == 2
    assert log.value_range == (0.0, 3.0)


@given(PAIRS, st.integers(0, 4), st.integers(0, 4))
def test_the_k_core_is_a_fixpoint(pairs: list[tuple[int, int]], per_user: int, per_item: int) -> None:
    core = log_of(pairs).filter(min_per_user=per_user, min_per_item=per_item)
    assert (core.user_counts >= max(per_user, 1)).all()
    assert (core.item_counts >= max(per_item, 1)).all()
    assert core.filter(min_per_user=per_user, min_per_item=per_item).to_frame().equals(core.to_frame())


@given(PAIRS, st.integers(0, 4), st.integers(0, 4))
def test_the_k_core_is_the_largest(pairs: list[tuple[int, int]], per_user: int, per_item: int) -> None:
    """Against the definition: take away one user or item at a time until nothing has to go."""
    rows = set(pairs)
    while True:
        users, items = ([row[axis] for row in rows] for axis in (0, 1))
        thin = {row for row in rows if users.count(row[0]) < per_user or items.count(row[1]) < per_item}
        if not thin:
            break
        rows -= {min(thin)} | {row for row in thin if row == min(thin)}
    core = log_of(pairs).filter(min_per_user=per_user, min_per_item=per_item)
    assert core.to_frame().select("user_id", "item_id").rows() == sorted(rows)


def test_filtering_by_value_keeps_ids_and_labels_of_what_stays() -> None:
    log = Interactions(
        users=np.array([0, 1]),
        items=np.array([0, 1]),
        values=np.array([1.0, 5.0]),
        times=None,
        user_ids=IdMap(["ann", "bob"]),
        item_ids=IdMap([6, 1214], labels=["Heat", "Alien"]),
    )
    high = log.filter(min_value=4)
    assert high.to_frame().rows() == [("bob", 1214, 5.0)]
    assert high.item_ids.label(0) == "Alien"
    assert len(log.filter(max_value=0)) == 0


def test_relevance_is_a_threshold_on_the_value() -> None:
    log = Interactions.from_arrays([1, 1, 2], [1, 2, 1], [4.0, 3.5, 5.0], relevant_from=4.0)
    assert log.relevant().values.tolist() == [4.0, 5.0]  # type: ignore[union-attr]
    assert log.relevant().n_items == log.n_items
    assert len(log.without_values().relevant()) == 3
    with pytest.raises(DataError, match="relevant_from=4 asks for values, and this log has none"):
        dataclasses.replace(log, values=None).relevant()


def test_the_log_cannot_be_changed_and_does_not_change_with_its_sources() -> None:
    users = np.array([0, 1], dtype=np.int32)
    log = Interactions(users, np.array([0, 0]), None, None, IdMap([1, 2]), IdMap([1]))
    users[0] = 1
    assert log.users.tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        log.users[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        log.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"items": np.array([0])}, "items has 1 rows where users has 2"),
        ({"items": np.array([0, 9])}, "item indices run from 0 to 9, but there are 2 item ids"),
        (
            {"values": np.array([1.0, np.nan])},
            "1 values are NaN, infinite or too large for 32 bits, the first that of user .* and item .*: nan",
        ),
        (
            {"values": np.array([1e39, 1.0])},
            "1 values are NaN, infinite or too large for 32 bits, the first that of user .* and item .*: 1e\\+39",
        ),
    ],
)
def test_what_is_no_log_is_refused(columns: dict[str, object], words: str) -> None:
    good: dict[str, object] = {"users": np.array([0, 1]), "items": np.array([0, 1]), "values": None, "times": None}
    good |= {"user_ids": IdMap([1, 2]), "item_ids": IdMap([1, 2])}
    with pytest.raises(DataError, match=words):
        Interactions(**good | columns)  # type: ignore[arg-type]


def test_a_pair_that_stands_twice_is_named_by_its_ids() -> None:
    with pytest.raises(DuplicateError, match=r"1 \(user, item\) pairs stand more than once, the first is \('ann', 7\)"):
        Interactions.from_arrays(["bob", "ann", "ann"], [7, 7, 7])


def test_the_summary_counts() -> None:
    log = Interactions.from_arrays(
        [1, 1, 2], [1, 2, 1], [1.0, 4.0, 4.0], [0, 86_400, 5], relevant_from=4.0, name="tiny"
    )
    figures = log.summary()
    assert (figures.n_users, figures.n_items, figures.n_interactions, figures.n_relevant) == (2, 2, 3, 2)
    assert (figures.density, figures.value_mean, figures.value_range) == (0.75, 3.0, (1.0, 4.0))
    assert (figures.first_time, figures.last_time) == (0, 86_400)
    assert str(figures).splitlines()[0] == "tiny: 3 interactions of 2 users with 2 items (75.000% of the matrix)"
    assert str(figures).endswith("from 1970-01-01 to 1970-01-02")
