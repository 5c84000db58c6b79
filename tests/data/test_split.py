"""Splits: disjoint, complete, repeatable, and each true to its name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fillrank.data import IdMap, Interactions, Split, split
from fillrank.errors import ArgumentError, DataError, SettingsError

ROWS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 30), st.integers(0, 20)),
    min_size=40,
    max_size=120,
    unique_by=lambda row: row[:2],
)
SPLITS: dict[str, Callable[[Interactions, int], Split]] = {
    "random": lambda log, seed: split.random(log, test=0.2, valid=0.2, seed=seed),
    "per_user": lambda log, seed: split.per_user(log, test=0.3, valid=0.3, seed=seed),
    "leave_last_out": lambda log, _seed: split.leave_last_out(log, n=2, valid=1),
    "by_time": lambda log, _seed: split.by_time(log, test=0.2, valid=0.2),
    "published": lambda log, seed: split.published(
        log.select(np.arange(len(log)) % 4 > 0), log.select(np.arange(len(log)) % 4 == 0), valid=0.2, seed=seed
    ),
}
ALL = pytest.mark.parametrize("made", SPLITS.values(), ids=SPLITS)
SEEDED = pytest.mark.parametrize("name", ["random", "per_user", "published"])


def log_of(rows: list[tuple[int, int, int]]) -> Interactions:
    users, items, times = zip(*rows, strict=True)
    return Interactions.from_arrays(users, items, range(len(rows)), times)


def pairs(log: Interactions | None) -> set[tuple[int, int]]:
    return set() if log is None else set(log.to_frame().select("user_id", "item_id").rows())


@ALL
@given(rows=ROWS, seed=st.integers(0, 5))
def test_the_parts_are_disjoint_and_together_everything(
    made: Callable[[Interactions, int], Split], rows: list[tuple[int, int, int]], seed: int
) -> None:
    log = log_of(rows)
    parts = made(log, seed)
    assert parts.valid is not None
    three = [parts.train, parts.valid, parts.test]
    assert sum(map(len, three)) == len(log)
    assert set.union(*map(pairs, three)) == pairs(log)
    for part in three:
        assert part.user_ids == log.user_ids
        assert part.item_ids == log.item_ids


@ALL
@given(rows=ROWS, seed=st.integers(0, 5))
def test_the_same_seed_gives_the_same_split(
    made: Callable[[Interactions, int], Split], rows: list[tuple[int, int, int]], seed: int
) -> None:
    one, other = (made(log_of(order), seed) for order in (rows, rows))
    assert pairs(one.train) == pairs(other.train)
    assert pairs(one.test) == pairs(other.test)
    assert one.protocol == other.protocol


@SEEDED
def test_another_seed_gives_another_split(name: str) -> None:
    log = log_of([(user, item, 0) for user in range(10) for item in range(20)])
    parts = [SPLITS[name](log, seed) for seed in (0, 1)]
    assert pairs(parts[0].valid) != pairs(parts[1].valid)


def test_fractions_of_all_rows() -> None:
    log = log_of([(user, item, 0) for user in range(10) for item in range(20)])
    parts = split.random(log, test=0.25, valid=0.1)
    assert (len(parts.train), len(parts.valid or ()), len(parts.test)) == (130, 20, 50)
    assert split.random(log, valid=0).valid is None


def test_the_protocol_tells_how_and_cannot_be_changed() -> None:
    parts = split.random(log_of([(0, item, 0) for item in range(20)]), test=0.2, valid=0.1, seed=3)
    assert dict(parts.protocol) == {"split": "random", "test": 0.2, "valid": 0.1, "seed": 3}
    with pytest.raises(TypeError, match="does not support item assignment"):
        parts.protocol["seed"] = 4  # type: ignore[index]


@given(st.lists(st.integers(1, 30), min_size=3, max_size=8), st.integers(0, 3))
def test_each_user_gives_a_fraction_and_keeps_a_row(counts: list[int], seed: int) -> None:
    counts = [*counts, 10]
    log = log_of([(user, item, 0) for user, n in enumerate(counts) for item in range(n)])
    parts = split.per_user(log, test=0.5, valid=0.2, seed=seed)
    assert parts.valid is not None
    assert (parts.train.user_counts >= 1).all()
    held = parts.valid.user_counts + parts.test.user_counts
    assert parts.test.user_counts.tolist() == [min(int(0.5 * n + 0.5), n - 1) for n in counts]
    assert held.tolist() == [min(int(0.7 * n + 0.5), n - 1) for n in counts]


@given(ROWS)
def test_the_last_rows_of_each_user_go_out(rows: list[tuple[int, int, int]]) -> None:
    """Against the definition, user by user; of one moment the greater item is the later."""
    parts = split.leave_last_out(log_of(rows), n=2, valid=1)
    for user in {row[0] for row in rows}:
        latest = sorted((row for row in rows if row[0] == user), key=lambda row: (-row[2], -row[1]))
        keep_one = len(latest) - 1
        assert {p for p in pairs(parts.test) if p[0] == user} == {row[:2] for row in latest[: min(2, keep_one)]}
        assert {p for p in pairs(parts.valid) if p[0] == user} == {row[:2] for row in latest[2 : min(3, keep_one)]}


@given(ROWS)
def test_by_time_nothing_learned_from_is_later_than_what_is_tested(rows: list[tuple[int, int, int]]) -> None:
    assume(len({time for _, _, time in rows}) > 2)
    parts = split.by_time(log_of(rows), test=0.25, valid=0.25)
    assert parts.valid is not None
    ends = [(part.times.min(), part.times.max()) for part in (parts.train, parts.valid, parts.test)]  # type: ignore[union-attr]
    assert ends[0][1] < ends[1][0] <= ends[1][1] < ends[2][0]


@given(ROWS, st.floats(0.01, 0.99))
def test_by_time_gives_the_nearest_fraction_that_parts_no_moment(
    rows: list[tuple[int, int, int]], fraction: float
) -> None:
    """Against the definition: of all cuts between two moments, the one nearest to what was asked."""
    moments = sorted({time for _, _, time in rows})
    if len(moments) < 2:
        with pytest.raises(DataError, match="the log has rows at 1 moment, and rows of one moment are not parted"):
            split.by_time(log_of(rows), test=fraction, valid=0)
        return
    sizes = [sum(time >= moment for _, _, time in rows) for moment in moments[1:]]
    found = len(split.by_time(log_of(rows), test=fraction, valid=0).test)
    assert found in sizes
    assert abs(found - fraction * len(rows)) == pytest.approx(min(abs(n - fraction * len(rows)) for n in sizes))


def test_by_time_wants_as_many_moments_as_parts() -> None:
    log = Interactions.from_arrays([1] * 4, [1, 2, 3, 4], times=[5, 5, 5, 9])
    assert split.by_time(log, test=0.9, valid=0).test.items.tolist() == [3], "train gets a moment too"
    with pytest.raises(DataError, match=r"rows at 2 moments, .* nothing is left for test beside the other parts"):
        split.by_time(log)


@pytest.mark.parametrize(
    "moment",
    [
        "1970-01-03",
        date(1970, 1, 3),
        datetime(1970, 1, 3, tzinfo=UTC),
        np.datetime64("1970-01-03"),
        "1970-01-03T01:00:00+01:00",
        172_800,
    ],
    ids=repr,
)
def test_by_time_at_a_moment(moment: str | date | int) -> None:
    log = Interactions.from_arrays([1] * 4, [1, 2, 3, 4], times=[0, 90_000, 172_799, 172_800])
    parts = split.by_time(log, test=moment, valid="1970-01-02")
    assert [part.items.tolist() for part in (parts.train, parts.valid, parts.test)] == [[0], [1, 2], [3]]  # type: ignore[union-attr]


def test_published_parts_with_ids_of_their_own_get_shared_ones() -> None:
    train = Interactions(np.array([0]), np.array([0]), None, None, IdMap(["b"]), IdMap([2], labels=["two"]))
    test = Interactions.from_arrays(["a", "b"], [1, 1])
    parts = split.published(train, test)
    assert parts.valid is None
    assert pairs(parts.train) == {("b", 2)}
    assert pairs(parts.test) == {("a", 1), ("b", 1)}
    assert parts.train.n_users == parts.test.n_items == 2
    assert [parts.test.item_ids.label(place) for place in (0, 1)] == ["1", "two"]


def test_published_test_rows_that_no_model_can_know_are_kept_or_left_out() -> None:
    train = Interactions.from_arrays(["b", "c"], [1, 3])
    test = Interactions.from_arrays(["a", "b", "b"], [1, 3, 2])
    assert pairs(split.published(train, test, unknown="keep").test) == pairs(split.published(train, test).test)
    assert pairs(split.published(train, test, unknown="keep").test) == {("a", 1), ("b", 3), ("b", 2)}
    out = split.published(train, test, unknown="leave out")
    assert pairs(out.test) == {("b", 3)}
    assert out.protocol["left_out"] == 2
    with pytest.raises(ArgumentError, match=r"unknown.*'keep'.*'leave out'"):
        split.published(train, test, unknown="subsample")  # type: ignore[arg-type]


LOG = Interactions.from_arrays([1] * 5, range(5), times=range(5))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (
            lambda: split.random(LOG, test=1.2),
            SettingsError,
            "test must be a fraction from 0 up to, but not including, 1",
        ),
        (lambda: split.random(LOG, test=0), SettingsError, "test must be above 0"),
        (
            lambda: split.per_user(LOG, test=0.6, valid=0.4),
            SettingsError,
            "leave nothing to train on; their sum must be",
        ),
        (lambda: split.random(LOG, valid=True), SettingsError, "valid must be a number, got True"),
        (lambda: split.random(LOG, test=0.05, valid=0), DataError, "of 5 rows .* leaves test empty; take more rows"),
        (lambda: split.random(LOG, test=0.7, valid=0.29), DataError, "leaves train empty"),
        (lambda: split.leave_last_out(LOG, n=0), SettingsError, "needs n of 1 or more"),
        (
            lambda: split.leave_last_out(Interactions.from_arrays([1], [1])),
            DataError,
            "needs times, and this log has none",
        ),
        (lambda: split.by_time(Interactions.from_arrays([1], [1])), DataError, "by_time needs times"),
        (
            lambda: split.by_time(LOG, test="soon"),
            SettingsError,
            "test='soon' is not a date; write it like '2003-02-01'",
        ),
        (lambda: split.by_time(LOG, test=1.5), SettingsError, "test must be a fraction"),
        (lambda: split.by_time(LOG, test=1, valid=3), SettingsError, "valid begins at 3, after the part that should"),
        (
            lambda: split.by_time(LOG, test="1969-01-01", valid=0),
            DataError,
            "test begins at 1969-01-01, before all rows, and leaves train empty; the log runs from 1970-01-01T",
        ),
        (lambda: split.by_time(LOG, test="1999-01-01"), DataError, "begins at 1999-01-01, after all rows, and leaves"),
        (lambda: split.published(LOG, LOG), DataError, r"train and test have 5 \(user, item\) pairs in common"),
        (
            lambda: split.published(LOG, Interactions.from_arrays(["a"], [1])),
            DataError,
            "user ids are Int64 in train and",
        ),
    ],
)
def test_what_cannot_be_split_is_refused(make: Callable[[], Split], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
