"""Columns in different units are scaled each by itself; a table in one unit is left as it is."""

from typing import Any

import numpy as np
import pytest

from fillrank.completion import MatrixCompletion, MatrixCompletionCV
from fillrank.errors import SettingsError


def in_units(units: Any, *, seed: int = 0) -> tuple[Any, Any, Any]:
    """A table of rank 2 whose columns are multiplied by ``units``; its holes, and the whole."""
    rng = np.random.default_rng(seed)
    whole = rng.standard_normal((120, 2)) @ rng.standard_normal((2, len(units))) + 0.3 * rng.standard_normal(
        (120, len(units))
    )
    whole = (whole + 3) * np.asarray(units)
    holes = rng.random(whole.shape) < 0.15
    return np.where(holes, np.nan, whole), holes, whole


def error(filled: Any, holes: Any, whole: Any) -> float:
    """In standard deviations of the columns: 1 is what their means reach."""
    return float(np.sqrt(np.mean(((filled - whole) / whole.std(axis=0))[holes] ** 2)))


UNITS = [1e-6, 1e-3, 1, 1, 10, 1e3, 1e4, 1e6]


@pytest.mark.parametrize("solver", ["als", "gibbs", "soft-impute", "nmf"])
def test_columns_in_other_units_do_not_spoil_one_another(solver: Any) -> None:
    table, holes, whole = in_units(UNITS)
    positive = (np.abs(table), holes, np.abs(whole)) if solver == "nmf" else (table, holes, whole)
    model = MatrixCompletion(2, solver=solver)
    assert error(model.fit_transform(positive[0]), *positive[1:]) < 0.95
    assert model.scaled_by_ == "columns"
    told = (
        model.offset_
        + model.column_bias_
        + model.scale_ * (model.row_factors_ @ model.components_ + model.row_bias_[:, None])
    )
    np.testing.assert_allclose(told / UNITS, model.reconstruct() / UNITS, atol=1e-2 if solver == "gibbs" else 1e-6)


def test_a_unit_changes_nothing() -> None:
    """The same table with columns in other units: the same filling, in those."""
    table, *_ = in_units(np.ones(8))
    one = MatrixCompletion(2, scale="columns", regularization=0.1).fit_transform(table)
    other = MatrixCompletion(2, scale="columns", regularization=0.1).fit_transform(table * UNITS)
    np.testing.assert_allclose(other, one * UNITS, rtol=1e-6)


def test_one_unit_is_left_as_it_is() -> None:
    rng = np.random.default_rng(0)
    table = rng.standard_normal((12, 2)) @ rng.standard_normal((2, 300)) + 0.5 * rng.standard_normal((12, 300))
    table[rng.random(table.shape) < 0.3] = np.nan
    model = MatrixCompletion().fit(table)
    assert model.scaled_by_ == "table"
    assert model.scale_.tolist() == [1.0] * 300


def test_noise_around_means_is_filled_with_them() -> None:
    rng = np.random.default_rng(0)
    whole = np.array([1, 10, 20, 35, 50, 70, 90, 120, 150, 200.0]) + 3 * rng.standard_normal((200, 10))
    holes = rng.random(whole.shape) < 0.2
    table = np.where(holes, np.nan, whole)
    means = error(np.where(holes, np.nanmean(table, axis=0), table), holes, whole)
    assert error(MatrixCompletion().fit_transform(table), holes, whole) < 1.01 * means


def test_a_column_of_one_value_stays_at_it() -> None:
    table, *_ = in_units(UNITS)
    table[:, 3] = np.where(np.isnan(table[:, 3]), np.nan, 7.0)
    assert set(MatrixCompletion().fit_transform(table)[:, 3]) == {7.0}


def test_cross_validation_and_scores_count_in_the_units_of_the_columns() -> None:
    table, holes, whole = in_units(UNITS)
    model = MatrixCompletionCV(ranks=(1, 2), regularizations=(0.1,)).fit(table)
    assert model.scaled_by_ == "columns"
    assert 0 < model.best_rmse_ < 1
    assert -1 < model.score(table) < 0
    assert error(model.transform(table), holes, whole) < 0.95


def test_a_scale_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="scale must be 'auto', 'table' or 'columns', got 'rows'"):
        MatrixCompletion(scale="rows").fit([[1.0, 2.0], [3.0, np.nan]])  # type: ignore[arg-type]
