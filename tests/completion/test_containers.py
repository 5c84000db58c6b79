"""What is a hole, and what a number, in every kind of table that may come."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from fillrank import Interactions
from fillrank.completion import MatrixCompletion, MatrixCompletionCV
from fillrank.errors import DataError, SettingsError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few rounds: fast

WHOLE = np.outer([1.0, 2, 3, 4], [2.0, 3, 5])
HOLE = np.zeros(WHOLE.shape, dtype=bool)
HOLE[1, 2] = True  # a 10 that is not known
KNOWN = np.where(HOLE, np.nan, WHOLE)


def filled(X: Any, missing: Any = None, **options: Any) -> Any:
    model = MatrixCompletion(1, bias=False, regularization=0, missing_values=missing)
    return model.fit_transform(X, **options)


def with_hole(value: Any, dtype: Any = np.float64) -> Any:
    return np.where(HOLE, value, WHOLE.astype(object) if dtype is object else WHOLE).astype(dtype)


def masked_rows() -> Any:
    return [np.ma.masked_array(row, hidden) for row, hidden in zip(with_hole(0), HOLE, strict=True)]


TABLES: dict[str, Callable[[], Any]] = {
    "masked array": lambda: np.ma.masked_array(with_hole(0), HOLE),
    "masked integers": lambda: np.ma.masked_array(with_hole(0, int), HOLE),
    "masked objects": lambda: np.ma.masked_array(with_hole("rubbish", object), HOLE),
    "masked infinity": lambda: np.ma.masked_array(with_hole(np.inf), HOLE),
    "rows of masked arrays": masked_rows,
    "lists with None": lambda: [
        [None if hole else int(cell) for cell, hole in zip(*both, strict=True)]
        for both in zip(WHOLE, HOLE, strict=True)
    ],
    "lists with the masked constant": lambda: [[2, 3, 5], [4, 6, np.ma.masked], [6, 9, 15]],
    "objects with NA": lambda: with_hole(pd.NA, object),
    "objects with NaT": lambda: with_hole(pd.NaT, object),
    "pandas objects with NA": lambda: pd.DataFrame(with_hole(pd.NA, object)),
    "pandas Int64": lambda: pd.DataFrame(KNOWN).astype("Int64"),
    "pandas Float32": lambda: pd.DataFrame(KNOWN).astype("Float32"),
    "pandas over arrow": lambda: pd.DataFrame(KNOWN).astype("int64[pyarrow]"),
    "pandas category": lambda: pd.DataFrame(KNOWN).astype({2: "category"}),
    "pandas sparse": lambda: pd.DataFrame(KNOWN).astype(pd.SparseDtype("float64", np.nan)),
    "pandas Decimal": lambda: pd.DataFrame(KNOWN).map(lambda cell: None if cell != cell else decimal.Decimal(cell)),
    "pandas mixed": lambda: pd.DataFrame(
        {0: pd.array([2, 4, 6, 8], dtype="Int64"), 1: ["3", 6, 9.0, "12"], 2: [5, None, decimal.Decimal(15), 20]}
    ),
    "polars integers": lambda: pl.DataFrame({"a": [2, 4, 6], "b": [3, 6, 9], "c": [5, None, 15]}),
    "polars Decimal": lambda: pl.DataFrame({"a": [2, 4, 6], "b": [3, 6, 9], "c": [5, None, 15]}).cast(pl.Decimal(9, 2)),
    "arrow": lambda: pa.table({"a": [2, 4, 6], "b": [3, 6, 9], "c": [5.0, None, 15.0]}),
    "arrow Decimal": lambda: pa.table(
        {"a": [2, 4, 6], "b": [3, 6, 9], "c": pa.array([5, None, 15], pa.decimal128(9, 2))}
    ),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_hole_is_a_hole_in_every_kind_of_table(kind: str) -> None:
    answer = filled(TABLES[kind]())
    assert isinstance(answer, np.ndarray)
    assert answer[1, 2] == pytest.approx(10, rel=1e-6)
    np.testing.assert_array_equal(np.delete(answer, 1, axis=0), np.delete(WHOLE[: len(answer)], 1, axis=0))


def test_records_are_columns() -> None:
    records = np.array([(1, 2), (2, np.nan), (3, 6)], dtype=[("a", "i4"), ("b", "f8")])
    np.testing.assert_array_equal(filled(records), filled(np.array([[1, 2], [2, np.nan], [3, 6]])))


def test_new_rows_may_be_masked_too() -> None:
    model = MatrixCompletion(1, bias=False, regularization=0).fit(WHOLE)
    new = np.ma.masked_array([[10.0, 0, 0]], [[False, True, True]])
    np.testing.assert_allclose(model.transform(new), [[10, 15, 25]])
    assert MatrixCompletionCV((1,), bias=False, missing_values=0).fit(with_hole(0)).transform(with_hole(0))[1, 2] != 0


def test_a_mask_and_a_masked_array_say_both_what_is_missing() -> None:
    known = np.ones(WHOLE.shape, dtype=bool)
    known[3, 0] = False
    table = np.where(known, WHOLE, 777.0)
    answer = filled(np.ma.masked_array(np.where(HOLE, 888.0, table), HOLE), mask=known)
    np.testing.assert_allclose(answer, WHOLE)


@pytest.mark.parametrize("code", [0, -1, 99, -9.99, np.inf])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, object])
def test_numbers_that_mean_missing(code: float, kind: Any) -> None:
    assert filled(with_hole(code, kind), missing=code)[1, 2] == pytest.approx(10, rel=1e-3)
    assert filled(with_hole(code, kind), missing=(12345, code))[1, 2] == pytest.approx(10, rel=1e-3)
    assert filled(pd.DataFrame(with_hole(code, kind)), missing=[code])[1, 2] == pytest.approx(10, rel=1e-3)


def test_words_that_mean_missing() -> None:
    table = pd.DataFrame(with_hole(" ? ", object))
    assert filled(table, missing=("?", "-"))[1, 2] == pytest.approx(10)
    assert filled(pd.DataFrame(with_hole("99", object)), missing=99)[1, 2] == pytest.approx(10)
    with pytest.raises(
        DataError, match=r"row 1, column 2: ' \? ' is no number; .* name what stands for a missing value"
    ):
        filled(table)
    with pytest.raises(SettingsError, match=r"missing_values must be a number, a word, or a list of them, got \{\}"):
        filled(WHOLE, missing={})


DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("code", [float("nan"), -999])
def test_a_tensor_comes_back_in_its_dtype(dtype: torch.dtype, code: float) -> None:
    tensor = torch.tensor(with_hole(code)).to(dtype)  # bfloat16 rounds -999 to -1000
    answer = filled(tensor, missing=-999)
    assert answer.dtype == dtype
    assert float(answer[1, 2]) == pytest.approx(10, rel=1e-2)
    assert torch.equal(answer[~torch.tensor(HOLE)], tensor[~torch.tensor(HOLE)])


def test_what_is_filled_into_float16_stays_finite() -> None:
    tensor = torch.tensor(np.outer([1, 300, 10, 100], [1, 300, 30])).to(torch.float16)
    assert torch.isinf(tensor[1, 1])  # 90,000 is more than it can hold
    answer = filled(tensor, missing=float("inf"))
    assert float(answer[1, 1]) == torch.finfo(torch.float16).max


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.uint8])
def test_integers_come_back_as_float64(dtype: torch.dtype) -> None:
    answer = filled(torch.tensor(with_hole(0)).to(dtype), missing=0)
    assert (answer.dtype, float(answer[1, 2])) == (torch.float64, pytest.approx(10))
    assert filled(with_hole(0, np.int16), missing=0).dtype == np.float64


def test_booleans_are_one_and_zero() -> None:
    answer = filled(pd.DataFrame({"a": [True, True, False], "b": pd.array([True, None, False], dtype="boolean")}))
    np.testing.assert_allclose(answer, [[1, 1], [1, 1], [0, 0]], atol=1e-9)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, -np.inf]}),
            r"1 cell is infinite, the first in row 1, column 1 \('b'\)",
        ),
        (pd.DataFrame({"a": [1.0], "b": [1e200]}), r"the largest value, in row 0, column 1 \('b'\), is 1e\+200"),
        (torch.tensor([[float("inf")]]), "1 cell is infinite, the first in row 0, column 0"),
        (
            pd.DataFrame({"who": ["ann", "bob"], "b": [1, 2]}),
            "row 0, column 'who': 'ann' is no number; leave the column",
        ),
        (
            pd.DataFrame({"day": pd.to_datetime(["2020-01-01", None]), "b": [1, 2]}),
            "column 'day' holds dates or durations",
        ),
        (np.array([["2020-01-01", "NaT"]], dtype="M8[s]"), "column 0 holds dates"),
        (pl.DataFrame({"day": [dt.date(2020, 1, 1)], "b": [1]}), "row 0, column 'day': 2020-01-01 is a date"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns are called 'a'; rename one"),
        (pl.LazyFrame({"a": [1]}), r"the table is lazy: collect\(\) it first"),
        (torch.eye(3).to_sparse(), r"the tensor is sparse \(torch.sparse_coo\).* give its .to_dense\(\)"),
        ([[10**400, 1]], "row 0, column 0: 100000.* is too large for a float64"),
        ("table.csv", "X is 'table.csv', and must be a table of numbers; for a table in a file: fillrank complete"),
        (Path("table.csv"), "must be a table of numbers"),
        ({"a": [1, 2]}, r"must be a table of numbers, got \{'a': \[1, 2\]\} \(dict\); pandas.DataFrame"),
        (None, "must be a table of numbers, got None"),
        ((row for row in [[1, 2]]), "must be a table of numbers, got a generator"),
        (Interactions.from_arrays([1], [2]), r"got an Interactions; a log goes to a model for logs, such as fr.ALS"),
    ],
)
def test_what_is_no_table_of_numbers(table: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        filled(table)


def test_a_mask_belongs_to_its_table() -> None:
    table = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    with pytest.raises(DataError, match="the columns of mask are not those of X, or in another order"):
        filled(table, mask=table.notna()[["b", "a"]])
    np.testing.assert_array_equal(filled(table, mask=table.notna()), table)
