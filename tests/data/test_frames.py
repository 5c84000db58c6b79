"""Tables whose columns are called or typed in ways that the usual ones are not."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from fillrank.data import Interactions
from fillrank.errors import BadRowsError, DataError

PAIRS = [("u1", "i1", 5.0), ("u2", "i1", 4.0), ("u1", "i2", 3.0)]
USUAL = pd.DataFrame(PAIRS, columns=["user", "item", "rating"])
EXPECTED = [("u1", "i1", 5.0), ("u1", "i2", 3.0), ("u2", "i1", 4.0)]


def rows(frame: Any, **columns: Any) -> list[tuple[Any, ...]]:
    return Interactions.from_frame(frame, **columns).to_frame().rows()


def test_where_columns_are_named_by_whole_numbers_a_number_is_a_name() -> None:
    frame = pd.DataFrame(PAIRS, columns=[1, 2, 3])
    assert rows(frame, user=1, item=2, value=3) == EXPECTED
    assert rows(frame, user=np.int64(1), item="2", value=3) == EXPECTED
    with pytest.raises(DataError, match="user=0: there is no such column; the columns are 1, 2, 3"):
        rows(frame, user=0, item=1)
    assert rows(pd.DataFrame(PAIRS), user=0, item=1, value=2) == EXPECTED


def test_batches_of_arrow_are_tables() -> None:
    batch = pa.RecordBatch.from_pandas(USUAL, preserve_index=False)
    assert rows(batch) == EXPECTED
    assert rows(pa.RecordBatchReader.from_batches(batch.schema, [batch.slice(0, 2), batch.slice(2)])) == EXPECTED


def test_where_they_are_named_by_texts_a_number_is_a_place() -> None:
    assert rows(USUAL.set_axis(["a", "b", "c"], axis=1), user=0, item=1, value=2) == EXPECTED


def test_two_columns_of_one_name_are_an_error_only_where_they_are_meant() -> None:
    frame = USUAL.assign(x=1, y=2).set_axis(["user", "item", "rating", "note", "note"], axis=1)
    assert rows(frame) == EXPECTED
    twice = USUAL.assign(other=7).set_axis(["user", "item", "rating", "item"], axis=1)
    for columns in ({}, {"item": "item"}):
        with pytest.raises(DataError, match=r"2 columns are called .*rename all but one"):
            rows(twice, **columns)
    assert rows(twice, item=1) == EXPECTED


def test_two_columns_of_one_name_in_pyarrow() -> None:
    arrow = pytest.importorskip("pyarrow", reason="makes Arrow tables")
    columns = [arrow.array(list(column)) for column in zip(*PAIRS, strict=True)]
    twice = arrow.table([*columns, columns[1]], names=["user", "item", "rating", "item"])
    with pytest.raises(DataError, match="2 columns are called 'item'; rename"):
        rows(twice)
    assert rows(twice, item=3) == EXPECTED


def test_columns_with_several_levels_are_known_by_their_last() -> None:
    levels = pd.MultiIndex.from_tuples([("user", ""), ("item", ""), ("mean", "rating")])
    assert rows(USUAL.set_axis(levels, axis=1)) == EXPECTED
    assert rows(USUAL.set_axis(levels, axis=1), value=("mean", "rating")) == EXPECTED


def test_an_index_with_a_name_stands_in_for_a_column_that_is_absent() -> None:
    assert rows(USUAL.set_index("user")) == EXPECTED
    assert rows(USUAL.set_index(["user", "item"])) == EXPECTED
    assert rows(USUAL.set_index("user").rename_axis("who"), user="who") == EXPECTED
    both = USUAL.set_index(pd.Index(["x", "y", "z"], name="user"))
    assert rows(both) == EXPECTED
    with pytest.raises(DataError, match="no column is recognised as the user"):
        rows(USUAL.drop(columns="user"))


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        (pd.arrays.SparseArray([1, 0, 1]), [0, 1]),
        (pd.arrays.SparseArray(["b", "a", "b"]), ["a", "b"]),
        (pd.Categorical(["b", "a", "b"]), ["a", "b"]),
        (pd.Categorical([7, 3, 7]), [3, 7]),
        (pd.array([2, 1, 2], dtype="Int64"), [1, 2]),
        (pd.array([True, False, True], dtype="boolean"), ["False", "True"]),
        (pd.array(["b", "a", "b"], dtype="string"), ["a", "b"]),
        (pd.IntervalIndex.from_tuples([(1, 2), (0, 1), (1, 2)]), ["(0, 1]", "(1, 2]"]),
        (pd.PeriodIndex(["2021-01", "2020-01", "2021-01"], freq="M"), ["2020-01", "2021-01"]),
        ([dt.date(2021, 1, 1), dt.date(2020, 1, 1), dt.date(2021, 1, 1)], ["2020-01-01", "2021-01-01"]),
        ([b"b", b"a", b"b"], ["a", "b"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_ids_in_columns_of_every_type(column: Any, ids: list[Any]) -> None:
    log = Interactions.from_frame(USUAL.assign(user=column))
    assert log.user_ids.ids.to_list() == ids
    assert log.user_ids.encode(log.user_ids.ids).tolist() == [0, 1]
    assert log.user_ids.encode(list(pd.Series(column))).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    "ratings",
    [
        pd.arrays.SparseArray([5.0, 4.0, 3.0]),
        pd.array([5, 4, 3], dtype="Int8"),
        pd.array([5.0, 4.0, 3.0], dtype="Float32"),
        pd.Series([5, 4, 3], dtype=object),
        pd.Categorical([5, 4, 3]),
        ["5", " 4", "3.0"],
        np.array([5, 4, 3], dtype=np.float16),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_in_columns_of_every_type(ratings: Any) -> None:
    assert rows(USUAL.assign(rating=ratings)) == EXPECTED


def test_missing_values_in_nullable_and_sparse_columns_are_bad_rows() -> None:
    for column in (pd.array([5, None, 3], dtype="Int64"), pd.arrays.SparseArray([5.0, np.nan, 3.0])):
        with pytest.raises(BadRowsError, match=r"row 2: no value|row 2: value 'NaN'"):
            rows(USUAL.assign(rating=column))


MOMENTS = ["2020-01-31 10:00:00", "2020-01-31 11:00:00", "2020-01-31 12:00:00"]
SECONDS = [1580464800, 1580468400, 1580472000]


@pytest.mark.parametrize(
    "times",
    [
        pd.to_datetime(MOMENTS),
        pd.to_datetime(MOMENTS).tz_localize("UTC").tz_convert("Europe/Berlin"),
        np.array(MOMENTS, dtype="datetime64[s]"),
        np.array(MOMENTS, dtype="datetime64[ns]"),
        [dt.datetime.fromisoformat(moment) for moment in MOMENTS],
        [dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC) for moment in MOMENTS],
        [pd.Timestamp(moment) for moment in MOMENTS],
        [np.datetime64(moment) for moment in MOMENTS],
        MOMENTS,
        SECONDS,
        [float(second) for second in SECONDS],
        [str(second) for second in SECONDS],
        [second * 1000 for second in SECONDS],
        np.array(SECONDS) * 1_000_000,
        pl.Series(SECONDS) * 1_000_000_000,
        (second for second in SECONDS),
    ],
)
def test_times_of_arrays_are_read_as_those_of_tables(times: Any) -> None:
    times = list(times) if type(times).__name__ == "generator" else times
    of_arrays = Interactions.from_arrays([1, 2, 3], [1, 1, 1], times=times)
    of_frame = Interactions.from_frame(pd.DataFrame({"user": [1, 2, 3], "item": 1, "timestamp": times}))
    assert of_arrays.times is not None
    assert of_frame.times is not None
    assert of_arrays.times.tolist() == of_frame.times.tolist() == SECONDS


@pytest.mark.parametrize("times", [[1, None], ["soon", "later"], pd.to_datetime(["2020-01-01", None]), [1, np.nan]])
def test_times_that_are_none_are_named_by_their_rows(times: Any) -> None:
    with pytest.raises(BadRowsError, match=r"rows of the arrays cannot be read: row \d: "):
        Interactions.from_arrays([1, 2], [1, 1], times=times)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1, 2], [1]), "columns of one length are wanted, got 'users' with 2, 'items' with 1"),
        (("ab", [1, 2]), "users must be a list, got 'ab'"),
        (([1], [[1]]), "the column 'items'.*|a single value was wanted"),
        (([None, 1], [1, 1]), "row 1: no user"),
        (([1, 1], [1, 2], [1, float("inf")]), "row 2: value 'inf' is not a finite number"),
        (([1], [1], [1], [{}]), "a single value was wanted"),
    ],
)
def test_arrays_that_are_no_log(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Interactions.from_arrays(*arguments)


def test_series_with_names_generators_and_sets_are_columns() -> None:
    log = Interactions.from_arrays(USUAL["item"], (one for one in USUAL["user"]), USUAL["rating"].rename("x"))
    assert log.item_ids.ids.to_list() == ["u1", "u2"]
    assert log.user_ids.ids.name == "id"


def test_an_empty_log_may_be_made_of_arrays() -> None:
    log = Interactions.from_arrays([], [], values=[], times=[])
    assert len(log) == log.n_users == 0
