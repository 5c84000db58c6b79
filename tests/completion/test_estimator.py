"""What ``MatrixCompletion`` promises whatever the solver: holes only, any container, honest errors."""

from __future__ import annotations

import logging
import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import fillrank as fr
from fillrank.completion import MatrixCompletion, MatrixCompletionCV
from fillrank.completion.settings import ROUTES
from fillrank.completion.table import hidden_parts
from fillrank.errors import DataError, SettingsError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few rounds: fast

SOLVERS = tuple(ROUTES)
NAN = np.nan


def ratings(m: int = 30, n: int = 20, *, seed: int = 0) -> Any:
    """Values of 1 to 5 with effects of rows, columns and both; four in ten are missing."""
    rng = np.random.default_rng(seed)
    table = 3 + rng.standard_normal(m)[:, None] * 0.5 + rng.standard_normal(n) * 0.5
    table += rng.standard_normal((m, 2)) @ rng.standard_normal((2, n)) * 0.4
    table = np.clip(table, 1, 5)
    table[rng.random((m, n)) < 0.4] = NAN
    return table


def model(solver: str = "als", **options: Any) -> MatrixCompletion:
    strength = "auto" if solver in {"als", "gibbs"} else 0.1  # choosing is tested for each in test_choosing.py
    return MatrixCompletion(**{"rank": 2, "solver": solver, "regularization": strength, "max_iter": 40, **options})


@pytest.mark.parametrize("solver", SOLVERS)
def test_only_holes_are_filled_and_by_the_reconstruction(solver: str) -> None:
    table = ratings()
    holes, before = np.isnan(table), table.copy()
    completion = model(solver)
    filled = completion.fit_transform(table)
    assert filled[~holes].tobytes() == table[~holes].tobytes()
    np.testing.assert_array_equal(table, before)  # the input is left as it was
    np.testing.assert_allclose(filled[holes], completion.reconstruct()[holes], atol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_row_gets_the_same_answer_alone(solver: str) -> None:
    completion = model(solver).fit(ratings())
    fresh = ratings(seed=1)
    together = completion.transform(fresh)
    alone = np.concatenate([completion.transform(fresh[[i]]) for i in range(len(fresh))])
    np.testing.assert_allclose(alone, together, rtol=1e-8)  # nmf settles to 1e-10 of the largest entry


@pytest.mark.parametrize("solver", [solver for solver in SOLVERS if solver != "gibbs"])
def test_the_attributes_make_up_the_reconstruction(solver: str) -> None:
    completion = model(solver).fit(ratings())
    low_rank = completion.row_factors_ @ completion.components_
    whole = completion.offset_ + low_rank + completion.row_bias_[:, None] + completion.column_bias_
    np.testing.assert_allclose(whole, completion.reconstruct(), atol=1e-9)
    assert (completion.row_factors_.shape, completion.components_.shape) == ((30, 2), (2, 20))
    assert completion.n_iter_ == len(completion.loss_curve_) <= 40
    assert completion.loss_curve_[-1] <= completion.loss_curve_[0]


def test_the_factors_of_gibbs_come_close_to_its_mean() -> None:
    completion = model("gibbs").fit(ratings())
    low_rank = completion.row_factors_ @ completion.components_
    whole = completion.offset_ + low_rank + completion.row_bias_[:, None] + completion.column_bias_
    assert np.sqrt(np.mean((whole - completion.reconstruct()) ** 2)) < 0.05


@pytest.mark.parametrize("solver", SOLVERS)
def test_units_do_not_matter(solver: str) -> None:
    table = ratings()
    filled, in_cents = (model(solver).fit_transform(scale * table) for scale in (1.0, 100.0))
    np.testing.assert_allclose(in_cents, 100 * filled, rtol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_each_solver_beats_the_mean(solver: str) -> None:
    table = ratings(60, 40)
    kept_back = ~np.isnan(table) & (np.random.default_rng(0).random(table.shape) < 0.1)
    filled = model(solver).fit(np.where(kept_back, NAN, table)).reconstruct()
    error = np.sqrt(np.mean((filled - table)[kept_back] ** 2))
    assert error < 0.8 * table[kept_back].std()


def test_zero_is_a_value() -> None:
    table = np.outer([0.0, 1, 2, 3], [1.0, 2, 3])
    table[3, 2] = NAN
    filled = MatrixCompletion(1, regularization=0, bias=False).fit_transform(table)
    assert filled[3, 2] == pytest.approx(9, rel=1e-6)
    assert not filled[0].any()


def test_a_mask_says_what_is_known() -> None:
    table = ratings()
    known = ~np.isnan(table)
    rubbish = np.where(known, table, 777.0)
    expected = model().fit_transform(table)
    np.testing.assert_array_equal(model().fit_transform(rubbish, mask=known), expected)
    np.testing.assert_array_equal(model().fit_transform(rubbish, mask=known.astype(int).tolist()), expected)
    np.testing.assert_array_equal(model().fit(table).transform(rubbish, mask=torch.from_numpy(known)), expected)
    infinite = np.where(known, table, np.inf)
    np.testing.assert_array_equal(model().fit_transform(infinite, mask=known), expected)


@pytest.mark.parametrize("container", ["pandas", "polars", "pyarrow", "list"])
def test_any_container_will_do(container: str) -> None:
    table = ratings()
    names = [f"film {j}" for j in range(20)]
    frame = {
        "pandas": lambda: pd.DataFrame(table, columns=names),
        "polars": lambda: pl.DataFrame(table, schema=names).fill_nan(None),
        "pyarrow": lambda: pa.Table.from_arrays(
            [pa.array([None if v != v else v for v in column]) for column in table.T], names=names
        ),
        "list": table.tolist,
    }[container]()
    np.testing.assert_array_equal(model().fit_transform(frame), model().fit_transform(table))


@pytest.mark.parametrize(("container", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_frames_out_where_they_are_asked_for(container: str, kind: type) -> None:
    frame = pd.DataFrame(ratings(), columns=[f"film {j}" for j in range(20)], index=[f"user {i}" for i in range(30)])
    filled = model().set_output(transform=container).fit_transform(frame)
    assert isinstance(filled, kind)
    assert list(filled.columns) == list(frame.columns)
    if container == "pandas":
        assert filled.index.equals(frame.index)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_tensor_comes_back_as_a_tensor(dtype: torch.dtype) -> None:
    tensor = torch.from_numpy(ratings()).to(dtype)
    filled = model().fit_transform(tensor)
    known = ~torch.isnan(tensor)
    assert filled.dtype == dtype
    assert torch.equal(filled[known], tensor[known])
    assert not torch.isnan(filled).any()


def test_bounds_hold_for_what_is_filled_only() -> None:
    table = ratings()
    table[0, 0] = 9.0
    completion = model(bounds=(2, 4))
    filled = completion.fit_transform(table)
    holes = np.isnan(table)
    assert filled[0, 0] == 9
    assert filled[holes].min() >= 2
    assert filled[holes].max() <= 4
    assert model().fit_transform(table)[holes].max() > 4  # there was something to clip
    assert completion.reconstruct().max() <= 4


def test_the_score_is_minus_the_error_on_cells_hidden_from_their_rows() -> None:
    table = ratings()
    completion = model().fit(table)
    known, parts = ~np.isnan(table), hidden_parts(~np.isnan(table))
    predicted = np.full(table.shape, NAN)
    for part in range(5):
        filled = completion.transform(np.where(parts == part, NAN, table))
        predicted[parts == part] = filled[parts == part]
    error = np.sqrt(np.mean((predicted - table)[known] ** 2))
    assert completion.score(table) == pytest.approx(-error)
    assert completion.score(np.nan_to_num(table), mask=known) == pytest.approx(-error)


def test_rows_of_no_weight_are_not_learned_from() -> None:
    table = ratings()
    weights = np.r_[np.zeros(10), np.ones(20)]
    weighted = model().fit(table, sample_weight=weights)
    rest = model().fit(table[10:])
    np.testing.assert_allclose(weighted.transform(table), rest.transform(table), rtol=1e-9)


def test_a_weight_of_two_is_the_row_twice() -> None:
    table = ratings()
    weighted = model().fit(table, sample_weight=np.r_[np.full(10, 2.0), np.ones(20)])
    twice = model().fit(np.concatenate([table, table[:10]]))
    np.testing.assert_allclose(weighted.transform(table), twice.transform(table), rtol=1e-8)


@pytest.mark.parametrize("solver", SOLVERS)
def test_only_the_ratios_of_weights_count(solver: str) -> None:
    weights = np.random.default_rng(0).uniform(0.5, 2, 30)
    one, other = (model(solver).fit(ratings(), sample_weight=scale * weights).reconstruct() for scale in (1, 1000))
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_standard_deviations_are_in_the_units_of_the_data() -> None:
    completion = model("gibbs").fit(100 * ratings())
    np.testing.assert_allclose(completion.predictive_std(), 100 * model("gibbs").fit(ratings()).predictive_std())
    with pytest.raises(SettingsError, match="only solver='gibbs' gives uncertainties, and this is 'als'"):
        model().fit(ratings()).predictive_std()


@pytest.mark.parametrize("option", [{"rank": 5}, {"regularization": 0.7}, {"bias": False}, {"random_state": 5}])
def test_each_setting_changes_the_answer(option: dict[str, Any]) -> None:
    assert not np.allclose(
        model(max_iter=3, **option).fit_transform(ratings()), model(max_iter=3).fit_transform(ratings())
    )


def test_it_is_copied_piped_and_pickled() -> None:
    table = ratings()
    completion = make_pipeline(clone(model("nmf"))).fit(table)
    again = pickle.loads(pickle.dumps(completion))  # noqa: S301
    np.testing.assert_array_equal(again.transform(table), completion.transform(table))


def test_random_state_may_be_a_generator_or_chance() -> None:
    table = ratings()
    for kind in (np.random.RandomState, np.random.default_rng):
        one, two = (model(max_iter=2, random_state=kind(4)).fit_transform(table) for _ in range(2))
        np.testing.assert_array_equal(one, two)
    one, two = (model(max_iter=1, random_state=None).fit_transform(table) for _ in range(2))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"rank": 0}, "rank must be a whole number of 1 or more, got 0"),
        ({"rank": 2.5}, r"rank must be a whole number of 1 or more, got 2\.5"),
        ({"solver": "svdd"}, "solver must be one of als, gd, .*gibbs, got 'svdd'"),
        ({"regularization": -1}, "regularization must be 0 or more or 'auto' for solver 'als', got -1"),
        ({"regularization": "strong"}, "regularization must be 0 or more or 'auto' for solver 'als', got 'strong'"),
        ({"solver": "soft-impute", "regularization": 2}, r"must be from 0 to 1 \(a fraction of the largest\)"),
        ({"solver": "gibbs", "regularization": 0.1}, "'gibbs' learns its regularization from the data; leave"),
        ({"solver": "nmf", "bias": True}, "solver 'nmf' has no biases; leave bias='auto'"),
        ({"bias": "yes"}, "bias must be True, False or 'auto', got 'yes'"),
        ({"learning_rate": 0.1}, "solver 'als' has no learning rate; leave learning_rate='auto'"),
        ({"solver": "sgd", "learning_rate": 0}, "learning_rate must be above 0 or 'auto', got 0"),
        ({"max_iter": 0}, "max_iter must be 1 or more, got 0"),
        ({"max_iter": 1.5}, r"max_iter must be a whole number and tol a number, got 1\.5 and 1e-05"),
        ({"tol": -1}, "tol must be 0 or more, got -1"),
        ({"bounds": (5, 1)}, r"the lower of the bounds must be below the upper one, got \(5, 1\)"),
        ({"bounds": 5}, r"bounds must be None or a pair of numbers such as \(1, 5\), got 5"),
        ({"random_state": -3}, "random_state must be a whole number of 0 or more, a generator or None, got -3"),
    ],
)
def test_settings_that_cannot_work(option: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        model(**option).fit(ratings())


# Hostile tables. Each of the answers and errors stands in docs/how-to/fill-a-table.md.


@pytest.mark.parametrize("estimator", [model(), MatrixCompletionCV(ranks=(1, 2))])
@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        (np.empty((0, 3)), {}, r"0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required"),
        (np.empty((3, 0)), {}, r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required"),
        (np.full((3, 4), NAN), {}, "."),
        ([[1.0, np.inf], [2.0, -np.inf]], {}, "2 cells are infinite, the first in row 0, column 1; put NaN where"),
        ([[1.0, -1e200]], {}, r"the largest value, in row 0, column 1, is -1e\+200, too large to be squared; divide"),
        ([[1.0, 2.0]], {"mask": [[True]]}, r"mask has the shape \(1, 1\) where X has \(1, 2\)"),
        ([[1.0, 2.0]], {"mask": [[1, 3]]}, "mask must hold only true"),
        ([[1.0, 2.0]], {"sample_weight": [1, 2]}, r"sample_weight has the shape \(2,\) where X has 1 rows"),
        ([[1.0, 2.0]], {"sample_weight": [-1]}, "sample_weight must hold finite numbers of 0 or more"),
        ([[1.0, 2.0]], {"sample_weight": [0]}, "every sample_weight is zero"),
        ([[NAN, NAN], [1.0, 2.0]], {"sample_weight": [1, 0]}, "."),
        ([["a", "b"]], {}, "row 0, column 0: 'a' is no number; leave the column out if it holds names, or name what"),
        ([1.0, 2.0], {}, "Expected 2D array"),
    ],
)
def test_tables_that_cannot_be_completed(estimator: Any, table: Any, options: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        clone(estimator).fit(table, **options)


def test_a_table_with_nothing_known_says_so() -> None:
    with pytest.raises(DataError, match=r"no cell of the 3×4 table is known .* nothing to learn from"):
        model().fit(np.full((3, 4), NAN))
    with pytest.raises(
        DataError, match=r"0 known cells cannot be divided into 5 parts; lower n_folds or give more cells"
    ):
        MatrixCompletionCV().fit(np.full((3, 4), NAN))
    with pytest.raises(DataError, match="no cell of X is known; there is nothing to compare with"):
        model().fit(ratings()).score(np.full((3, 20), NAN))


@pytest.mark.parametrize("solver", SOLVERS)
def test_one_known_cell_fills_the_table(solver: str) -> None:
    table = np.full((3, 4), NAN)
    table[1, 2] = 3.5
    filled = model(solver).fit_transform(table)
    assert filled[1, 2] == 3.5
    if ROUTES[solver].bias:
        assert (filled == 3.5).all()
    assert np.isfinite(filled).all()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("value", [0.0, 0.1, 7e5])
def test_a_constant_table_stays_constant(solver: str, value: float) -> None:
    table = np.full((6, 5), value)
    table[2, 3] = table[4] = NAN
    filled = model(solver).fit_transform(table)
    if ROUTES[solver].bias:
        assert (filled == value).all()
    assert np.isfinite(filled).all()


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_empty_row_gets_what_is_usual_and_an_empty_column_too(solver: str) -> None:
    table = ratings()
    table[4], table[:, 7] = NAN, NAN
    completion = model(solver)
    filled = completion.fit_transform(table)
    if solver not in {"nmf", "gibbs"}:
        np.testing.assert_allclose(filled[4], completion.offset_ + completion.column_bias_)
        assert completion.column_bias_[7] == 0
        np.testing.assert_allclose(filled[:, 7], completion.offset_ + completion.row_bias_)
    if solver == "nmf":  # no biases: nothing is known, and zero is its smallest value
        assert not filled[4].any()
        assert not filled[:, 7].any()
    assert np.isfinite(filled).all()


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_rank_above_the_table_is_lowered_which_is_said(solver: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="fillrank"):
        completion = model(solver, rank=50).fit(ratings(6, 4))
    assert completion.rank_ == 4
    assert "rank 50 is lowered to 4, as no table of 6 × 4 needs more" in caplog.messages
    np.testing.assert_array_equal(completion.reconstruct(), model(solver, rank=4).fit(ratings(6, 4)).reconstruct())


@pytest.mark.parametrize("solver", SOLVERS)
@settings(max_examples=25, deadline=None)
@given(
    table=arrays(
        np.float64,
        st.tuples(st.integers(1, 6), st.integers(1, 5)),
        elements=st.one_of(st.just(NAN), st.floats(-1e6, 1e6, allow_subnormal=False)),
    ),
    rank=st.integers(1, 7),
)
def test_whatever_comes_is_filled_or_refused(solver: str, table: Any, rank: int) -> None:
    table = np.abs(table) if solver == "nmf" else table
    completion = MatrixCompletion(rank, solver=solver, max_iter=8)
    if np.isnan(table).all():
        with pytest.raises(DataError, match="nothing to learn from"):
            completion.fit(table)
        return
    filled = completion.fit_transform(table)
    known = ~np.isnan(table)
    assert np.isfinite(filled).all()
    assert filled[known].tobytes() == table[known].tobytes()


def test_the_public_names_are_these() -> None:
    assert fr.MatrixCompletion is MatrixCompletion
    assert fr.MatrixCompletionCV is MatrixCompletionCV
