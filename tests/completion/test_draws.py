"""Completions drawn from the posterior: multiple imputation."""

from __future__ import annotations

import numpy as np
import pytest

from fillrank.completion import MatrixCompletion
from fillrank.errors import SettingsError


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray, MatrixCompletion]:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 12)) + 0.3 * rng.normal(size=(60, 12))
    table = np.where(rng.random(truth.shape) < 0.3, np.nan, truth)
    return truth, table, MatrixCompletion(2, solver="gibbs", max_iter=90, scale="table").fit(table)


def test_draws_scatter_as_the_posterior_says(drawn: tuple[np.ndarray, np.ndarray, MatrixCompletion]) -> None:
    truth, table, model = drawn
    holes = np.isnan(table)
    tables = model.draws(table, 60)
    assert tables.shape == (60, *table.shape)
    np.testing.assert_array_equal(tables[:, ~holes], np.broadcast_to(table[~holes], (60, (~holes).sum())))
    np.testing.assert_allclose(tables.mean(axis=0)[holes], model.transform(table)[holes], atol=0.35)
    ratio = tables.std(axis=0)[holes] / model.predictive_std()[holes]
    assert 0.9 < ratio.mean() < 1.1
    inside = np.abs(truth - tables.mean(axis=0))[holes] < 1.645 * tables.std(axis=0)[holes]
    assert 0.82 < inside.mean() < 0.96


def test_the_same_seed_draws_the_same(drawn: tuple[np.ndarray, np.ndarray, MatrixCompletion]) -> None:
    _, table, model = drawn
    np.testing.assert_array_equal(model.draws(table, 3), model.draws(table, 3))
    assert (model.draws(table, 3, random_state=1) != model.draws(table, 3)).any()


def test_who_cannot_draw_says_so(drawn: tuple[np.ndarray, np.ndarray, MatrixCompletion]) -> None:
    _, table, model = drawn
    with pytest.raises(SettingsError, match="n must be from 1 to 60, got 61"):
        model.draws(table, 61)
    with pytest.raises(SettingsError, match="only solver='gibbs' can draw tables, and this is 'als'"):
        MatrixCompletion(1).fit(table).draws(table)
