"""What no estimator of tables should choke on: settings of the wrong kind, and tables that are hardly tables."""

from __future__ import annotations

# ruff: noqa: E501 (tables of values, which are read line by line)
import re
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch

from fillrank import MatrixCompletion, MatrixCompletionCV
from fillrank.errors import FillrankError

TABLE = np.array([[1.0, 2.0, np.nan], [2.0, np.nan, 6.0], [3.0, 6.0, 9.0], [1.0, 1.0, 2.0]])
SOLVERS = ("als", "gd", "sgd", "adam", "svd", "soft-impute", "nmf", "gibbs")
VALUES: dict[str, Any] = {
    "None": None, "a word": "x", "no word": "", "auto": "auto", "-1": -1, "0": 0, "2**31": 2**31, "2**63": 2**63, "1e308": 1e308,
    "nan": float("nan"), "inf": float("inf"), "[]": [], "{}": {}, "object": object(), "int64": np.int64(2), "float32": np.float32(0.5),
    "True": True, "letters": ["a", "b"], "numbers": [1, 2], "bytes": b"x", "10**400": 10**400, "complex": 1j, "function": len,
    "a frame": pl.DataFrame({"a": [1]}), "a matrix": np.ones((2, 2)), "a tensor": torch.ones(3), "pair": (0, 1), "back to front": (5, 1),
}  # fmt: skip
TABLES: dict[str, Any] = {
    "booleans": TABLE > 1, "texts": np.array([["a", "b"], ["c", "d"]]), "numbers as text": [["1", "2"], ["3", ""]],
    "dates": np.array([["2020-01-01", "2020-01-02"]] * 2, dtype="datetime64[D]"), "datetimes": [[datetime(2020, 1, 1, tzinfo=UTC)]],
    "no rows": np.zeros((0, 3)), "no columns": np.zeros((3, 0)), "nothing": np.zeros((0, 0)), "all missing": np.full((3, 3), np.nan),
    "a missing row": np.vstack([TABLE, np.full(3, np.nan)]), "a missing column": np.hstack([TABLE, np.full((4, 1), np.nan)]),
    "infinite": np.where(TABLE == 9, np.inf, TABLE), "huge": np.where(TABLE == 9, 1e308, TABLE), "one cell": [[1.0]], "one row": [[1.0, 2.0, np.nan]],
    "complex": TABLE.astype(complex), "objects": np.array([[object(), 1]]), "a vector": [1.0, 2.0], "deep": np.ones((2, 2, 2)), "a number": 3.0,
    "None": None, "a word": "x", "a mapping": {"a": [1]}, "ragged": [[1.0], [1.0, 2.0]], "sparse": sp.csr_array(np.eye(3)), "masked": np.ma.masked_invalid(TABLE),
    "a frame of texts": pl.DataFrame({"a": ["x", "y"], "b": [1, 2]}), "a frame of dates": pd.DataFrame({"a": pd.to_datetime(["2020-01-01"] * 2), "b": [1, 2]}),
    "pandas": pd.DataFrame(TABLE), "nullable": pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [1, 2]}), "halves": torch.tensor(TABLE).bfloat16(),
    "lists within": [[[1], [2]], [[3], [4]]], "a constant": np.full((3, 3), 2.0), "zeros": np.zeros((3, 3)), "negative": -np.abs(TABLE), "big integers": [[10**400, 1], [1, 2]],
}  # fmt: skip


def complaint(call: Callable[[], Any], *names: str) -> str:
    """What is wrong with an answer: no error of fillrank's, none that names what it is about, or no whole table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = call()
        except FillrankError as error:
            said = str(error)
            return "" if any(re.search(rf"\b{re.escape(name)}\b", said) for name in names) else f"names nothing: {said}"
        except Exception as error:  # noqa: BLE001 (whatever it is, it is what this test looks for)
            return f"{type(error).__name__}: {error}"
    found = found.float() if isinstance(found, torch.Tensor) else found
    whole = np.asarray(found, dtype=float) if found is not None else np.zeros(1)
    return "" if np.isfinite(whole).all() else "the answer has holes"


def settings() -> list[tuple[type, str]]:
    return [(kind, name) for kind in (MatrixCompletion, MatrixCompletionCV) for name in kind().get_params()]


@pytest.mark.parametrize(("kind", "name"), settings())
def test_a_setting_of_any_kind_is_taken_or_named(kind: type, name: str) -> None:
    quick = (
        {"max_iter": 5, "ranks": [1, 2], "regularizations": [0.1]} if kind is MatrixCompletionCV else {"max_iter": 5}
    )
    quick |= {"n_folds": 2} if kind is MatrixCompletionCV else {"rank": 1}
    wrong = []
    for named, value in VALUES.items():
        model = kind(**{**quick, name: value})  # as scikit-learn wants it, a constructor takes everything
        if said := complaint(lambda model=model: model.fit_transform(TABLE), name):
            wrong.append(f"{named}: {said[:160]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_any_kind_is_completed_or_refused_in_words(solver: str, name: str) -> None:
    model = MatrixCompletion(1, solver=solver, max_iter=5, regularization="auto" if solver == "gibbs" else 0.1)
    words = ("X", "table", "cells", "cell", "row", "rows", "column", "columns", "values", "matrix", "nmf")
    assert not complaint(lambda: model.fit_transform(TABLES[name]), *words)


@pytest.mark.parametrize("argument", ["mask", "sample_weight"])
@pytest.mark.parametrize("method", ["fit", "fit_transform", "transform", "score"])
def test_masks_and_weights_of_any_kind_are_taken_or_named(argument: str, method: str) -> None:
    model = MatrixCompletion(1, tol=0.1, regularization=0.1).fit(TABLE)
    if argument == "sample_weight" and method in {"transform", "score"}:
        pytest.skip("it takes none")
    wrong = []
    for named, value in {**VALUES, **TABLES}.items():

        def call(value: Any = value) -> Any:
            found = getattr(model, method)(TABLE, **{argument: value})
            return None if method in {"fit", "score"} else found

        if said := complaint(call, argument, "weights", "weight"):
            wrong.append(f"{named}: {said[:160]}")
    assert not wrong, "\n".join(wrong)
