"""Weights of rows: from a column, from types of events, fading with age; and that nothing loses them on the way."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fillrank as fr
from fillrank.data import Interactions, Split, decay, split, subsample
from fillrank.errors import BadRowsError, DataError, SettingsError
from fillrank.models.holding_out import held_out, joined, some_users

EVENTS = {"view": 1, "cart": 3, "purchase": 10, "hide": 0}
LOG = """who,what,action,n,day
ann,tea,view,2,2024-01-01
ann,tea,purchase,1,2024-01-03
ann,rum,view,1,2024-01-02
bob,tea,cart,1,2024-01-05
bob,rum,view,4,2024-01-04
bob,rum,hide,1,2024-01-06
"""
NAMES = {"user": "who", "item": "what", "time": "day"}


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    (tmp_path / "log.csv").write_text(LOG)
    return tmp_path / "log.csv"


def weights_of(log: Interactions) -> dict[tuple[Any, Any], float]:
    frame = log.to_frame()
    return {(user, item): w for user, item, w in frame.select("user_id", "item_id", "weight").rows()}


def test_events_weigh_what_they_are_said_to_and_add_up(log_file: Path) -> None:
    log = fr.read(log_file, event=EVENTS, **NAMES)
    assert weights_of(log) == {("ann", "tea"): 11, ("ann", "rum"): 1, ("bob", "tea"): 3, ("bob", "rum"): 0}
    assert log.values is None
    assert log.weights is not None
    assert log.weights.dtype == np.float32
    assert weights_of(fr.read(log_file, event=EVENTS, duplicates="first", **NAMES))["bob", "rum"] == 1
    both = fr.read(log_file, event=EVENTS, weight="n", **NAMES)
    assert weights_of(both)["ann", "tea"] == 12  # 2 views, and a purchase


def test_a_column_of_weights_has_to_be_named(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item,rating,weight\nann,tea,4,2\nbob,tea,3,0.5\n")
    log = fr.read(tmp_path / "log.csv", weight="weight", value="rating")
    assert weights_of(log) == {("ann", "tea"): 2, ("bob", "tea"): 0.5}
    assert log.values is not None
    assert log.values.tolist() == [4, 3]
    plain = fr.read(tmp_path / "log.csv", value="rating")
    assert plain.weights is None
    assert fr.data.scan(tmp_path / "log.csv", weight=3, value=False).columns["weight"] == "weight"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "feather"])
def test_every_format_has_them(ending: str, tmp_path: Path) -> None:
    frame = pl.read_csv(LOG.encode())
    file = tmp_path / f"log.{ending}"
    {"csv": frame.write_csv, "jsonl": frame.write_ndjson, "parquet": frame.write_parquet, "feather": frame.write_ipc}[
        ending
    ](file)
    expected = fr.read(file, event=EVENTS, weight="n", **NAMES)
    assert weights_of(expected)["ann", "tea"] == 12
    for table in (frame, frame.to_pandas(), frame.to_arrow(), pd.DataFrame(frame.to_dict(as_series=False))):
        log = Interactions.from_frame(table, event=EVENTS, weight="n", **NAMES)
        assert weights_of(log) == weights_of(expected)


def test_an_unknown_type_of_event_is_named_and_counted(log_file: Path) -> None:
    known = {"purchase": 10, "cart": 3}
    said = "event types without a weight: 'view' (3 rows), 'hide' (1 row); give each a weight"
    with pytest.raises(BadRowsError, match=re.escape(said)):
        fr.read(log_file, event=known, **NAMES)
    assert len(fr.read(log_file, event=known, on_bad="skip", **NAMES)) == 2
    bad = fr.data.scan(log_file, event=known, on_bad="skip", **NAMES).bad
    assert bad["reason"][0] == "event 'view' has no weight"


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("ann,tea,-1", "line 2: weight '-1' is not a finite number of 0 or more"),
        ("ann,tea,nan", "line 2: no weight: 'nan' stands for a missing one"),
        ("ann,tea,inf", "line 2: weight 'inf' is not a finite number of 0 or more"),
        ("ann,tea,1\nbob,tea,much", "line 3: weight 'much' is not a finite"),
        ("ann,tea,1\nbob,tea,", "line 3: no weight"),
    ],
)
def test_bad_weights_are_told_with_their_line(weights: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(f"user,item,w\n{weights}\n")
    with pytest.raises(BadRowsError, match=re.escape(said)):
        fr.read(tmp_path / "log.csv", weight="w")


def test_bad_weights_in_memory_are_told_with_their_row() -> None:
    with pytest.raises(BadRowsError, match=r"row 2: weight '-3.0' is not a finite number of 0 or more"):
        Interactions.from_arrays([1, 2], [1, 2], weights=[1, -3.0])
    with pytest.raises(DataError, match="'weights' with 3"):
        Interactions.from_arrays([1, 2], [1, 2], weights=[1, 2, 3])
    with pytest.raises(DataError, match="every weight in the arrays is 0"):
        Interactions.from_arrays([1, 2], [1, 2], weights=[0, 0])
    log = Interactions.from_arrays([1, 2], [1, 2])
    columns = {**vars(log), "weights": np.array([1, -1], dtype=np.float32)}
    with pytest.raises(DataError, match=r"1 weights are below 0, NaN, infinite .* user 2 and item 2: -1\.0"):
        Interactions(**{name: columns[name] for name in Interactions.__dataclass_fields__})


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({}, "event must be a table of a weight for each type of event"),
        ({"view": -1}, "the weight of event 'view' must be a number of 0 or more, got -1"),
        ({"view": float("nan")}, "the weight of event 'view' must be a number of 0 or more"),
        ({"view": 0}, "every weight in event is 0"),
    ],
)
def test_odd_weights_of_events_are_refused(event: Any, said: str, log_file: Path) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)):
        fr.read(log_file, event=event, **NAMES)


def test_the_column_of_types_is_named_or_recognised(log_file: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="event_column='action' holds types of events, and event gives none"):
        fr.read(log_file, event_column="action", **NAMES)
    assert fr.read(log_file, event=EVENTS, event_column="action", **NAMES).weights is not None
    (tmp_path / "other.csv").write_text("user,item,kind\nann,tea,view\n")
    with pytest.raises(DataError, match="no column is recognised as the type of event; name it: event_column="):
        fr.read(tmp_path / "other.csv", event={"view": 1})
    assert fr.read(tmp_path / "other.csv", event={"view": 1}, event_column="kind").weights is not None


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0.0, 0.5, 1.0, 7.0])), min_size=1, max_size=12))
def test_weights_fade_by_half_in_each_half_life(rows: list[tuple[int, float]]) -> None:
    days, weights = zip(*rows, strict=True)
    n = range(len(rows))
    times = np.array(days) * 86_400
    log = Interactions.from_arrays(n, n, times=times, weights=[*weights[:-1], max(weights[-1], 0.5)])
    assert log.weights is not None
    faded, by_hand = log.faded(half_life=10).weights, log.weights * 0.5 ** ((max(days) - np.array(days)) / 10)
    assert faded is not None
    np.testing.assert_allclose(faded, by_hand, rtol=1e-5)
    assert ((faded > 0) == (log.weights > 0)).all()


def test_what_counted_never_fades_to_nothing_and_now_may_be_said() -> None:
    log = Interactions.from_arrays([1, 1], [1, 2], times=["1970-01-01", "2024-01-01"])
    old, new = log.faded(half_life=0.1).weights  # type: ignore[misc]
    assert old > 0
    assert new == 1
    assert log.faded(half_life=1, now="2024-01-02").weights[1] == 0.5  # type: ignore[index]
    assert log.faded(half_life=1, now=0).weights.tolist() == [1, 1]  # type: ignore[union-attr]
    for half_life in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SettingsError, match="half_life must be a number"):
            log.faded(half_life=half_life)
    with pytest.raises(DataError, match="half_life asks for times, and this log has none"):
        Interactions.from_arrays([1], [1]).faded(half_life=1)


def test_the_fading_of_a_split_never_looks_at_the_moments_of_the_test() -> None:
    days = np.arange(20)
    log = Interactions.from_arrays(days % 5, days, times=days * 86_400)
    parts = split.by_time(log, test=0.2, valid=0.2)
    later = Split(parts.train, parts.valid, parts.test.faded(half_life=1), parts.protocol)
    for one in (parts, later):
        faded = decay(one, half_life=2)
        assert faded.valid is not None
        assert faded.valid.weights is not None
        assert faded.valid.weights.max() == 1  # the last moment that is learnt from
        assert faded.test is one.test
        assert faded.train.weights is not None
        last = faded.train.times == faded.train.times.max()  # type: ignore[union-attr]
        assert faded.train.weights[last] == pytest.approx(0.5 ** (4 / 2))
        assert faded.protocol["half_life"] == 2
        assert faded.protocol["now"] == 15 * 86_400


def weighted_log() -> Interactions:
    rng = np.random.default_rng(5)
    cells = rng.choice(30 * 20, 300, replace=False)
    users, items = np.divmod(cells, 20)
    return Interactions.from_arrays(
        [f"u{u}" for u in users],
        [f"i{i}" for i in items],
        values=rng.integers(1, 6, 300),
        times=rng.integers(0, 10**6, 300),
        weights=rng.choice([0.0, 0.5, 1.0, 3.0, 10.0], 300),
        relevant_from=3,
        name="shop",
    )


def parts_of(parts: Split) -> list[Interactions]:
    return [part for part in (parts.train, parts.valid, parts.test) if part is not None]


def two_halves(log: Interactions) -> tuple[Interactions, Interactions]:
    first = np.arange(len(log)) % 2 == 0
    return log.select(first), log.select(~first)


CARRIED: dict[str, Callable[[Interactions], list[Interactions]]] = {
    "Interactions.select": lambda log: [log.select(np.arange(7)), log.select(np.arange(len(log)) % 3 == 0)],
    "Interactions.relevant": lambda log: [log.relevant()],
    "Interactions.counted": lambda log: [log.counted()],
    "Interactions.union": lambda log: [two_halves(log)[0].union(two_halves(log)[1])],
    "Interactions.without_values": lambda log: [log.without_values()],
    "Interactions.filter": lambda log: [log.filter(min_per_user=8, min_value=2), log.filter(min_weight=1)],
    "Interactions.compact": lambda log: [log.select(np.arange(40)).compact()],
    "Interactions.from_frame": lambda log: [Interactions.from_frame(log.to_frame(), weight="weight")],
    "Interactions.from_arrays": lambda log: [
        Interactions.from_arrays(*log.to_frame()["user_id", "item_id"], weights=log.weights)
    ],
    "split.random": lambda log: parts_of(split.random(log)),
    "split.per_user": lambda log: parts_of(split.per_user(log)),
    "split.leave_last_out": lambda log: parts_of(split.leave_last_out(log)),
    "split.by_time": lambda log: parts_of(split.by_time(log)),
    "split.strong": lambda log: parts_of(split.strong(log, test=0.2, valid=0.2)),
    "split.published": lambda log: [
        *parts_of(split.published(*two_halves(log), valid=0.2)),
        *parts_of(split.published(*(half.compact() for half in two_halves(log)))),
        *parts_of(split.published(*(half.compact() for half in two_halves(log)), unknown="leave out")),
    ],
    "data.subsample": lambda log: parts_of(subsample(split.random(log), users=0.5, rows=0.5)),
    "models.held_out": lambda log: list(held_out(log, seed=0)),
    "models.joined": lambda log: [joined(*two_halves(log), everything=True)],
    "models.some_users": lambda log: [some_users(log, 5, seed=0)],
}
ELSEWHERE = {
    "Interactions.faded": "changes them",
    "Interactions.with_features": "tests/data/test_features.py",
    "Interactions.without_weights": "takes them away",
    "Interactions.from_csr": "knows none",
    "data.read": "tested above",
    "data.open_store": "tests/data/test_disk.py",
    "data.load": "knows none",
    "data.load_split": "knows none",
    "data.decay": "changes them",
    "data.checkerboard": "knows none",
}


@pytest.mark.parametrize("name", CARRIED)
def test_weights_stay_with_their_rows(name: str) -> None:
    log = weighted_log()
    before = weights_of(log)
    for found in CARRIED[name](log):
        assert len(found)
        after = weights_of(found)
        assert after == {pair: before[pair] for pair in after}


def test_no_public_way_to_a_log_is_forgotten_above() -> None:
    rooms = {"data": fr.data, "split": split}
    ways = {f"{room}.{name}": getattr(place, name) for room, place in rooms.items() for name in place.__all__}
    ways |= {f"Interactions.{name}": getattr(Interactions, name) for name in vars(Interactions) if name[0] != "_"}
    returning = {
        name
        for name, way in ways.items()
        if callable(way)
        and not isinstance(way, type)
        and str(inspect.signature(way).return_annotation).rpartition(".")[2] in {"Interactions", "Self", "Split"}
    }
    assert {name for name in returning if name not in CARRIED} <= ELSEWHERE.keys()
    assert {name for name in CARRIED if name.partition(".")[0] != "models"} <= returning


def test_a_log_with_weights_and_one_without_cannot_be_joined() -> None:
    one, other = two_halves(weighted_log())
    with pytest.raises(DataError, match="one of the two logs has weights and the other has not"):
        one.union(other.without_weights())


def test_rows_of_weight_0_are_met_but_not_relevant() -> None:
    log = Interactions.from_arrays(["a", "a", "b"], [1, 2, 1], values=[5, 5, 2], weights=[1, 0, 2], relevant_from=4)
    assert log.relevant().items.tolist() == [0]
    assert log.csr.nnz == 3
    assert log.weighted_csr.toarray().tolist() == [[1, 0], [2, 0]]
    assert log.weighted_csr.nnz == 2
    assert log.without_weights().weighted_csr.toarray().tolist() == [[1, 1], [1, 0]]
    said = str(log.summary())
    assert "weights 0 to 2; 1 rows weigh 0 and say nothing" in said
    with pytest.raises(DataError, match="min_weight asks for weights"):
        log.without_weights().filter(min_weight=1)
