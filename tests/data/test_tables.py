"""Logs from tables and matrices in memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from fillrank.data import IdMap, Interactions
from fillrank.errors import BadRowsError, DataError, DuplicateError, SettingsError

COLUMNS = {"uid": ["b", "a", "b"], "movieId": [7, 7, 3], "stars": [1.0, 0.0, 5.0], "ts": [30, 20, 10]}
EXPECTED = [("a", 7, 0.0, 20), ("b", 3, 5.0, 10), ("b", 7, 1.0, 30)]
MAKERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "polars lazy": lambda columns: pl.DataFrame(columns).lazy(),
    "pyarrow": lambda columns: pytest.importorskip("pyarrow", reason="makes Arrow tables").table(columns),
}
ANY_TABLE = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@ANY_TABLE
def test_tables_of_every_kind_give_the_same_log(make: Callable[[dict[str, Any]], Any]) -> None:
    assert Interactions.from_frame(make(COLUMNS)).to_frame().rows() == EXPECTED


@ANY_TABLE
def test_bad_rows_are_counted_from_one(make: Callable[[dict[str, Any]], Any]) -> None:
    table = make(COLUMNS | {"stars": [1.0, float("nan"), float("inf")], "uid": [None, "a", "b"]})
    with pytest.raises(
        BadRowsError, match=r"3 of 3 rows of the table cannot be read: row 1: no user; row 2: .*; row 3: v"
    ):
        Interactions.from_frame(table)


def test_pandas_in_its_less_tidy_moods() -> None:
    table = pd.DataFrame(
        {
            "user": [uuid.UUID(int=1), uuid.UUID(int=2), None],
            "item": [1.0, np.nan, 2.0],
            "date": pd.to_datetime(["1970-01-02", "1970-01-03", "1970-01-04"], utc=True),
            "junk": [{}, [], None],
        },
        index=[5, 5, 5],
    )
    log = Interactions.from_frame(table, on_bad="skip")
    assert log.to_frame().rows() == [(str(uuid.UUID(int=1)), 1, 86_400)]


def test_categories_keep_their_names() -> None:
    table = pd.DataFrame({"user": pd.Categorical(["z", "a", "z"]), "item": [1, 1, 2]})
    assert Interactions.from_frame(table).to_frame()["user_id"].to_list() == ["a", "z", "z"]


@pytest.mark.parametrize(
    ("table", "error", "words"),
    [
        ([1, 2], DataError, "a pandas, polars or pyarrow table was wanted, got list"),
        (
            pl.DataFrame({"user": [[1]], "item": [1]}),
            DataError,
            r"the column 'user': List\(Int64\) in place of ids; ids are whole",
        ),
        (
            pl.DataFrame({"user": [1], "item": [1], "value": [[2]]}),
            DataError,
            "'value' holds List.*; values are numbers",
        ),
        (pl.DataFrame({"user": [], "item": []}), DataError, "holds no rows"),
        (pl.DataFrame({"user": [1, 1], "item": [1, 1]}), DuplicateError, "stand more than once"),
    ],
)
def test_tables_that_are_no_logs(table: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Interactions.from_frame(table)


def test_options_of_files_have_no_place_with_a_table() -> None:
    with pytest.raises(SettingsError, match="there is no option 'separator'; known: duplicates, on_bad, relevant_from"):
        Interactions.from_frame(pl.DataFrame(COLUMNS), separator=",")


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok"])
@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csr_array])
def test_matrices_of_every_kind(kind: Any, form: str) -> None:
    matrix = kind(np.array([[0.0, 2.0, 0.0], [1.5, 0.0, 0.0]])).asformat(form)
    log = Interactions.from_csr(matrix, item_labels=["x", "y", None], relevant_from=2, name="m")
    assert log.to_frame().rows() == [(0, 1, 2.0), (1, 0, 1.5)]
    assert (log.n_users, log.n_items, log.name, len(log.relevant())) == (2, 3, "m", 1)
    assert log.item_ids.label(1) == "y"


@given(
    st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 6)), st.integers(-3, 3), max_size=20),
    st.permutations(range(5)),
)
def test_a_matrix_comes_back_with_its_zeros(cells: dict[tuple[int, int], int], user_ids: list[int]) -> None:
    rows, columns = ([cell[axis] for cell in cells] for axis in (0, 1))
    matrix = sp.coo_array((np.array(list(cells.values()), dtype=float), (rows, columns)), shape=(5, 7))
    log = Interactions.from_csr(matrix, user_ids=user_ids)
    assert len(log) == len(cells)
    np.testing.assert_array_equal(log.csr[log.user_ids.encode(user_ids)].toarray(), matrix.toarray())


def test_cells_stored_twice_are_summed_as_scipy_does_or_as_asked() -> None:
    matrix = sp.coo_array(([1.0, 4.0], ([0, 0], [0, 0])), shape=(1, 1))
    assert Interactions.from_csr(matrix).values.tolist() == [5.0]  # type: ignore[union-attr]
    assert Interactions.from_csr(matrix, duplicates="last").values.tolist() == [4.0]  # type: ignore[union-attr]
    with pytest.raises(DuplicateError, match="stand more than once"):
        Interactions.from_csr(matrix, duplicates="error")


def test_ids_of_a_matrix_may_be_a_map() -> None:
    matrix = sp.eye_array(2).tocsr()
    assert Interactions.from_csr(matrix, user_ids=IdMap(["a", "b"]).ids).to_frame()["user_id"].to_list() == ["a", "b"]


@pytest.mark.parametrize(
    ("matrix", "options", "words"),
    [
        (np.eye(2), {}, "a scipy sparse matrix was wanted, got ndarray; in a dense one nothing tells which cells"),
        (sp.eye_array(2).tocsr(), {"user_ids": ["a"]}, "1 user ids came for a matrix with 2 of them"),
        (sp.eye_array(2).tocsr() * np.nan, {}, "2 values are NaN, infinite or too large"),
        (sp.eye_array(2).tocsr() * 1e39, {}, "2 values are NaN, infinite or too large for 32 bits"),
    ],
)
def test_what_is_no_matrix_of_values(matrix: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Interactions.from_csr(matrix, **options)
