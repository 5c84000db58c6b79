"""Columns and times: recognised, or an error that lists what there is."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pandas as pd
import polars as pl
import pytest

import fillrank as fr
from fillrank.data.io.columns import Columns
from fillrank.data.times import to_seconds
from fillrank.errors import DataError


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (["userId", "movieId", "rating", "timestamp"], {"user": 0, "item": 1, "value": 2, "time": 3}),
        (["Item ID", "USER_ID"], {"user": 1, "item": 0}),
        (["user_id:token", "item_id:token", "rating:float"], {"user": 0, "item": 1, "value": 2}),
        (["asin", "reviewerID", "overall", "title"], {"user": 1, "item": 0, "value": 2, "label": 3}),
        (["visitorid", "business_id", "ts", "stars"], {"user": 0, "item": 1, "time": 2, "value": 3}),
        (["customer_id", "product_id", "Count", "date"], {"user": 0, "item": 1, "value": 2, "time": 3}),
    ],
)
def test_the_usual_names_are_recognised(header: list[str], expected: dict[str, int]) -> None:
    assert Columns().choose(header) == expected


def test_what_is_named_goes_before_what_is_recognised() -> None:
    header = ["user", "item", "rating", "count", "when"]
    assert Columns(value="count", time="when").choose(header) == {"user": 0, "item": 1, "value": 3, "time": 4}
    assert Columns(value=False).choose(header) == {"user": 0, "item": 1}
    assert Columns(user=4, item=0, value=2).choose(header) == {"user": 4, "item": 0, "value": 2}


@pytest.mark.parametrize(
    ("columns", "header", "words"),
    [
        (
            Columns(),
            ["a", "b"],
            "no column is recognised as the user or the item; name it: user=…, item=…; .* 'a', 'b'",
        ),
        (Columns(), ["user", "thing"], "no column is recognised as the item; name it: item=…; the columns are 'user'"),
        (
            Columns(),
            ["user", "customer", "item"],
            "the user may be 'user' or 'customer'; name one: user=…; the columns",
        ),
        (Columns(), ["user", "item", "rating", "count"], "the value may be 'rating' or 'count'; .* or value=False"),
        (Columns(user="who"), ["user", "item"], "user='who': there is no such column; the columns are 'user', 'item'"),
        (Columns(user=5), ["user", "item"], "user=5 is no column: places run from 0 to 1"),
        (
            Columns(user="a"),
            ["a", "a", "item"],
            "user='a': 2 columns are called so; rename all but one, or give a place",
        ),
        (Columns(user="x", item="x"), ["x", "y"], "one column was named for two things: user='x', item='x'"),
        (Columns(user=False), ["user", "item"], "no column is recognised as the user"),
    ],
)
def test_columns_that_cannot_be_told(columns: Columns, header: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        columns.choose(header)


MOMENT = 1_260_759_144


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("form", ["integers", "strings"])
def test_the_unit_is_told_by_the_magnitude(unit: int, form: str) -> None:
    numbers = [MOMENT * unit, (MOMENT + 35) * unit]
    column = pl.Series(numbers if form == "integers" else list(map(str, numbers)))
    assert to_seconds(column).to_list() == [MOMENT, MOMENT + 35]


@pytest.mark.parametrize(
    ("number", "seconds"),
    [(10**11 - 1, 10**11 - 1), (10**11, 10**8), (10**14 - 1, 10**11 - 1), (10**14, 10**8), (10**17, 10**8)],
)
def test_the_limits_between_the_units(number: int, seconds: int) -> None:
    assert to_seconds(pl.Series([number])).to_list() == [seconds]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pl.Series([0.9, -0.1, float("nan"), float("inf"), None]), [0, -1, None, None, None]),
        (pl.Series([date(1970, 1, 2), None]), [86_400, None]),
        (pl.Series([datetime(1970, 1, 1, 0, 0, 1, 999_999)]), [1]),
        (pl.Series([datetime(1970, 1, 2, tzinfo=UTC)]).dt.convert_time_zone("Asia/Tokyo"), [86_400]),
        (pl.Series([" 1970-01-02 ", "1970-01-02 00:01", "1970-01-01T00:00:07.5"]), [86_400, 86_460, 7]),
        (pl.Series(["1970-01-01T02:00:00+02:00", "1970-01-01T00:00:05Z", "7", "", "never"]), [0, 5, 7, None, None]),
    ],
)
def test_moments_of_every_kind(column: pl.Series, expected: list[int | None]) -> None:
    assert to_seconds(column).to_list() == expected


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"the column 'when' holds List.*; times are numbers, dates or ISO 8601 strings"
    ):
        to_seconds(pl.Series("when", [[1, 2]]))


@pytest.mark.parametrize(
    ("times", "what"),
    [([2019, 2020], "years"), ([201912, 202001], "months"), ([43861, 43862], "days of a spreadsheet")],
)
def test_numbers_that_are_hardly_seconds_are_said(
    times: list[int], what: str, caplog: pytest.LogCaptureFixture
) -> None:
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 1], "date": times})
    read = fr.Interactions.from_frame(frame).times
    assert read is not None
    assert read.tolist() == times
    assert f"{times[0]} to {times[1]}, are read as seconds since 1970; if they are {what}, write them as" in caplog.text
    caplog.clear()
    fr.Interactions.from_frame(frame, time_unit="s")
    fr.Interactions.from_frame(frame.assign(date=[1, 2000]))
    fr.Interactions.from_frame(frame.assign(date=[201913, 201914]))
    assert not caplog.text
