"""What mathematics promises of every dense solver, and of each in particular."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.errors import DataError, SettingsError, TrainingError
from fillrank.solvers.dense import Cells, Stop, als, descend, gibbs, iterated_svd, nmf, soft_impute, soft_impute_path
from fillrank.solvers.dense.filling import top_triplets

Make = Callable[..., Any]
Solve = Callable[..., Any]


def seeded(solve: Solve, **options: Any) -> Solve:
    return lambda *given, **more: solve(*given, **options, **more, rng=np.random.default_rng(3))


SOLVERS: dict[str, Solve] = {
    "als": seeded(als),
    "gd": seeded(descend, method="gd"),
    "sgd": seeded(descend, method="sgd"),
    "adam": seeded(descend, method="adam"),
    "svd": iterated_svd,
    "soft-impute": soft_impute,
    "nmf": seeded(nmf),
}
NEVER_RISE = ("als", "gd", "svd", "soft-impute", "nmf")


def hole_error(known: Any, solution: Any) -> float:
    error = solution.answer(known.cells).table - known.truth
    return float(np.sqrt(np.mean(np.square(error[known.holes]))))


@pytest.mark.parametrize("name", SOLVERS)
def test_a_noiseless_low_rank_table_is_recovered(name: str, known: Make) -> None:
    """Enough cells and next to no penalty: the holes are determined, and every solver finds them."""
    task = known(positive=name == "nmf")
    options = {} if name == "nmf" else {"bias": False}
    solution = SOLVERS[name](task.cells, 2, regularization=1e-8, stop=Stop(3000, 1e-9), **options)
    assert hole_error(task, solution) < 2e-3 * task.truth.std()


@pytest.mark.parametrize("name", [name for name in SOLVERS if name != "nmf"])
def test_row_and_column_effects_are_recovered_by_biases(name: str) -> None:
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(20)[:, None] + rng.standard_normal(15)
    holes = rng.random(truth.shape) < 0.4
    cells = Cells.observed(np.where(holes, np.nan, truth))
    solution = SOLVERS[name](cells, 1, regularization=1e-8, stop=Stop(3000, 1e-10))
    rest = solution.answer(cells).table - truth
    assert np.sqrt(np.mean(rest[~holes] ** 2)) < 1e-2
    if name in {"svd", "soft-impute"}:  # these begin at zero, so the biases come first and take it all
        assert np.abs(rest).max() < 1e-2


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", NEVER_RISE)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), rank=st.integers(1, 5), strength=st.sampled_from([0.0, 0.02, 0.3]))
def test_the_objective_never_rises(name: str, bias: bool, seed: int, rank: int, strength: float) -> None:
    rng = np.random.default_rng(seed)
    m, n = rng.integers(5, 14, 2)
    values = np.abs(rng.standard_normal((m, n))) if name == "nmf" else rng.standard_normal((m, n))
    cells = Cells(values, rng.integers(0, 3, (m, n)) * 1.0)
    cells.weights[0, 0] = 1.0
    options = {} if name == "nmf" else {"bias": bias}
    losses = SOLVERS[name](cells, min(rank, m, n), regularization=strength, stop=Stop(25, 0), **options).losses
    assert np.diff(losses).max() <= 1e-9  # the data have unit spread; the rest is rounding


@pytest.mark.parametrize("name", ["als", "gd", "sgd", "adam"])
def test_four_ways_down_the_same_objective(name: str, known: Make) -> None:
    task = known(noise=0.3)
    lowest = SOLVERS["als"](task.cells, 2, regularization=0.1, stop=Stop(500, 1e-12))
    other = SOLVERS[name](task.cells, 2, regularization=0.1, stop=Stop(500, 1e-9))
    assert other.losses[-1] == pytest.approx(lowest.losses[-1], rel=0.02)
    assert hole_error(task, other) == pytest.approx(hole_error(task, lowest), rel=0.05)


@pytest.mark.parametrize("name", SOLVERS)
def test_the_known_part_of_a_new_row_is_enough(name: str, known: Make) -> None:
    """A row from the same subspace that was not learned from is completed as well as those that were."""
    task = known(positive=name == "nmf")
    options = {} if name == "nmf" else {"bias": False}
    old, new = (Cells(*(part[rows] for part in task.cells)) for rows in (slice(0, 35), slice(35, None)))
    solution = SOLVERS[name](old, 2, regularization=1e-8, stop=Stop(3000, 1e-9), **options)
    error = solution.answer(new).table - task.truth[35:]
    assert np.sqrt(np.mean(np.square(error))) < 1e-2 * task.truth.std()


@pytest.mark.parametrize("name", SOLVERS)
def test_rows_and_columns_without_a_cell_leave_no_trace(name: str, known: Make) -> None:
    task = known(m=12, n=10, positive=name == "nmf", noise=0.1 if name != "nmf" else 0)
    task.cells.weights[3] = 0
    task.cells.weights[:, 4] = 0
    answer = SOLVERS[name](task.cells, 2, stop=Stop(50)).answer(task.cells)
    assert not answer.rows.factors[3].any()
    assert answer.rows.bias[3] == 0
    assert np.isfinite(answer.table).all()


def test_a_weight_of_two_is_the_row_twice(known: Make) -> None:
    cells = known(m=8, n=6, noise=0.2).cells
    twice = Cells(*(np.concatenate([part, part[:3]]) for part in cells))
    cells.weights[:3] *= 2
    weighted = als(cells, 2, rng=np.random.default_rng(0))
    repeated = als(twice, 2, rng=np.random.default_rng(0))
    np.testing.assert_allclose(weighted.answer(cells).table, repeated.answer(twice).table[:8], atol=1e-10)


def test_als_at_full_rank_without_penalty_gives_back_the_data(known: Make) -> None:
    task = known(m=9, n=7, rank=7, known=0.8)
    table = als(task.cells, 7, regularization=0, bias=False, rng=np.random.default_rng(0)).answer(task.cells).table
    np.testing.assert_allclose(table[~task.holes], task.truth[~task.holes], atol=1e-8)


def test_als_on_a_full_table_is_the_truncated_svd(known: Make) -> None:
    task = known(m=12, n=9, rank=9, known=1.1)
    table = als(task.cells, 3, regularization=0, bias=False, stop=Stop(2000, 0), rng=np.random.default_rng(0))
    U, s, Vt = np.linalg.svd(task.truth)
    np.testing.assert_allclose(table.answer(task.cells).table, (U[:, :3] * s[:3]) @ Vt[:3], atol=1e-6)


def test_iterated_svd_on_a_full_table_is_the_truncated_svd_shrunk(known: Make) -> None:
    task = known(m=12, n=9, rank=9, known=1.1)
    found = iterated_svd(task.cells, 3, regularization=0.25, bias=False, stop=Stop(500, 0))
    U, s, Vt = np.linalg.svd(task.truth)
    np.testing.assert_allclose(found.answer(task.cells).table, (U[:, :3] * s[:3]) @ Vt[:3] / 1.25, atol=1e-8)


@pytest.mark.parametrize("name", ["svd", "soft-impute"])
def test_where_filling_settles_is_where_rows_are_folded_in(name: str, known: Make) -> None:
    """The objective of the iteration is that of the rows solved for at its end: the two agree on what is best."""
    cells = known(noise=0.3).cells
    found = SOLVERS[name](cells, 3, regularization=0.2, stop=Stop(5000, 1e-14))
    answer, strength = found.answer(cells), found.ridge.constant
    parts = [answer.rows.factors, answer.rows.bias, found.columns.bias]
    parts += [found.columns.factors] if name == "soft-impute" else []  # 2|L|_* is |A|² + |B|²
    penalty = strength * sum(float(np.square(part).sum()) for part in parts)
    objective = (cells.squared_error(answer.table) + penalty) / cells.total_weight
    assert objective == pytest.approx(found.losses[-1], rel=1e-6)


def test_soft_impute_satisfies_the_conditions_of_its_optimum(known: Make) -> None:
    """The residual R obeys ``RV = λU`` on the kept directions and ``|R|₂ ≤ λ``: a proof of the optimum."""
    task = known(noise=0.3)
    found = soft_impute(task.cells, 30, regularization=0.3, bias=False, stop=Stop(5000, 1e-15))
    table = found.answer(task.cells).table
    residual = task.cells.weights * (task.cells.values - table)
    strength = 0.3 * np.linalg.norm(task.cells.values * task.cells.weights, 2)
    U, s, Vt = np.linalg.svd(table)
    r = int((s > 1e-6 * s[0]).sum())
    assert 1 <= r < 30
    np.testing.assert_allclose(residual @ Vt[:r].T, strength * U[:, :r], atol=1e-4 * strength)
    assert np.linalg.norm(residual, 2) <= strength * (1 + 1e-4)


def test_soft_impute_without_penalty_interpolates(known: Make) -> None:
    task = known(noise=0.5)
    table = soft_impute(task.cells, 30, regularization=0, stop=Stop(500, 1e-12)).answer(task.cells).table
    np.testing.assert_allclose(table[~task.holes], task.noisy[~task.holes], atol=1e-3)


def test_the_path_of_soft_impute_begins_with_nothing_and_gains_directions(known: Make) -> None:
    task = known(noise=0.3)
    path = soft_impute_path(task.cells, 30, [1.0, 0.5, 0.2, 0.1], bias=False)
    ranks = [int((np.abs(found.columns.factors).max(axis=0) > 0).sum()) for found in path]
    assert ranks[0] == 0
    assert ranks == sorted(ranks)
    assert ranks[-1] > 2


def test_a_fraction_above_one_is_refused(known: Make) -> None:
    with pytest.raises(SettingsError, match=r"a fraction of the largest, from 0 to 1; got 1\.5"):
        soft_impute(known().cells, 2, regularization=1.5)


def test_nmf_keeps_everything_at_zero_or_more(known: Make) -> None:
    task = known(positive=True)
    found = nmf(task.cells, 3, rng=np.random.default_rng(0))
    answer = found.answer(task.cells)
    assert min(found.columns.factors.min(), answer.rows.factors.min()) >= 0
    assert answer.table.min() >= 0


def test_nmf_rows_are_the_non_negative_least_squares(known: Make) -> None:
    from scipy.optimize import nnls

    task = known(m=15, positive=True)
    shifted = task.cells._replace(values=np.abs(task.cells.values - 0.4) * task.cells.weights)
    found = nmf(shifted, 3, regularization=0, rng=np.random.default_rng(0))
    rows = found.answer(shifted).rows.factors
    for row, values, weights in zip(rows, *shifted, strict=True):
        seen = weights > 0
        np.testing.assert_allclose(row, nnls(found.columns.factors[seen], values[seen])[0], atol=1e-6)


def test_nmf_refuses_negative_values(known: Make) -> None:
    with pytest.raises(DataError, match=r"Negative values in data: .* shift them, or take another solver"):
        nmf(known().cells, 2, rng=np.random.default_rng(0))


@pytest.mark.parametrize("method", ["sgd", "adam"])
def test_steps_that_are_too_long_end_with_advice(method: Any, known: Make) -> None:
    rate = {"sgd": 5.0, "adam": 1e200}[method]
    with pytest.raises(TrainingError, match=rf"round \d+; try learning_rate={re.escape(f'{rate / 4:g}')}"):
        descend(known(noise=0.2).cells, 3, method=method, learning_rate=rate, rng=np.random.default_rng(0))


def test_gd_needs_no_luck_with_its_rate(known: Make) -> None:
    cells = known(noise=0.2).cells
    ends = [
        descend(cells, 2, method="gd", learning_rate=rate, stop=Stop(500), rng=np.random.default_rng(0)).losses[-1]
        for rate in (1e-3, 0.5, 1e4)
    ]
    assert max(ends) <= min(ends) * 1.05


def test_an_unknown_method_is_named(known: Make) -> None:
    with pytest.raises(SettingsError, match="method must be 'gd', 'sgd' or 'adam', got 'momentum'"):
        descend(known().cells, 2, method="momentum", rng=np.random.default_rng(0))  # type: ignore[arg-type]


def test_the_compiled_pass_is_the_plain_one(known: Make) -> None:
    from fillrank.solvers.dense.sgd_kernel import pass_over_cells, plain_pass_over_cells

    cells, rng = known(m=9, n=7).cells, np.random.default_rng(1)
    i, j = np.nonzero(cells.weights)
    order = rng.permutation(len(i))
    log = (i[order], j[order], cells.values[i, j][order], rng.uniform(0.5, 2, len(i)))
    free = (np.array([1.0, 1, 1, 0]), np.array([1.0, 1, 0, 1]))
    results = []
    start = rng.standard_normal((9, 4)), rng.standard_normal((7, 4))
    for one_pass in (pass_over_cells, plain_pass_over_cells):
        rows, columns = start[0].copy(), start[1].copy()
        one_pass(rows, columns, *free, log, 0.05, 0.1)
        results.append((rows, columns))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-12)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-12)
    np.testing.assert_array_equal(results[0][0][:, 3], start[0][:, 3])  # what is not free stays
    assert np.abs(results[0][0][:, :3] - start[0][:, :3]).min(axis=0).max() > 0


def test_the_gradient_is_that_of_the_objective(known: Make) -> None:
    """Finite differences; the gradient is scaled by twice the weight of its row or column."""
    from fillrank.solvers.dense.gradient import _MaskedProblem, _Pair

    cells = known(m=5, n=4, noise=0.3, known=0.9).cells
    problem = _MaskedProblem(cells, 0.2, bias=True)
    at = problem.start(2, np.random.default_rng(0))
    slope, step = problem.gradient(at), 1e-6
    for k in range(3):
        ahead, back = at.rows.copy(), at.rows.copy()
        ahead[1, k] += step
        back[1, k] -= step
        rise = (problem.loss(_Pair(ahead, at.columns)) - problem.loss(_Pair(back, at.columns))) / (2 * step)
        assert rise * cells.total_weight == pytest.approx(2 * cells.weights[1].sum() * slope.rows[1, k], rel=1e-5)
    assert not slope.rows[:, 3].any()
    assert not slope.columns[:, 2].any()


@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_gibbs_knows_how_sure_it_is(noise: float, known: Make) -> None:
    task = known(m=60, n=50, rank=3, noise=noise)
    posterior = gibbs(task.cells, 3, rng=np.random.default_rng(0))
    error = (posterior.answer(task.cells).table - task.noisy)[task.holes]
    std = posterior.predictive_std(task.cells)[task.holes]
    assert np.mean(np.abs(error) < 1.645 * std) == pytest.approx(0.9, abs=0.03)
    assert np.mean(np.abs(error) < 0.674 * std) == pytest.approx(0.5, abs=0.05)
    surest, least_sure = np.array_split(np.abs(error)[np.argsort(std)], 2)
    assert surest.mean() < least_sure.mean()


def test_gibbs_is_less_sure_of_what_it_has_seen_less_of(known: Make) -> None:
    task = known(m=60, n=50, rank=2, noise=0.3)
    task.cells.weights[0, 3:] = 0
    std = gibbs(task.cells, 2, rng=np.random.default_rng(0)).predictive_std(task.cells)
    assert std[0].mean() > 1.2 * std[1:].mean()


def test_gibbs_beats_the_point_it_begins_at(known: Make) -> None:
    task = known(m=50, n=40, rank=3, noise=0.8, known=0.4)
    point = als(task.cells, 3, rng=np.random.default_rng(0))
    assert hole_error(task, gibbs(task.cells, 3, rng=np.random.default_rng(0))) < hole_error(task, point)


def test_wishart_draws_have_their_mean() -> None:
    from fillrank.solvers.dense.gibbs import _draw_wishart

    rng, scale = np.random.default_rng(0), np.array([[1.0, 0.4], [0.4, 0.5]])
    mean = np.mean([_draw_wishart(scale, 7.0, rng) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(mean, 7 * scale, rtol=0.05)


@pytest.mark.parametrize("name", [*SOLVERS, "gibbs"])
def test_the_same_seed_gives_the_same_bits(name: str, known: Make) -> None:
    cells = known(m=12, n=10, positive=True).cells
    solve = partial(seeded(gibbs), sweeps=20) if name == "gibbs" else partial(SOLVERS[name], stop=Stop(20))
    one, two = (solve(cells, 2).answer(cells).table for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_top_triplets_of_a_large_table_are_the_dense_ones() -> None:
    rng = np.random.default_rng(0)
    table = rng.standard_normal((320, 310)) - 0.5
    table -= table.mean(axis=1, keepdims=True)  # its rows sum to zero, as what biases leave over does
    U, s, Vt = np.linalg.svd(table, full_matrices=False)
    found = top_triplets(table, 3)
    np.testing.assert_allclose(found.s, s[:3], rtol=1e-10)
    np.testing.assert_allclose(found.table, (U[:, :3] * s[:3]) @ Vt[:3], atol=1e-8)
    assert not top_triplets(np.zeros((320, 310)), 3).s.any()


@pytest.mark.parametrize(
    ("stop", "said"),
    [((0, 1e-5), "max_iter must be 1 or more, got 0"), ((5, -1.0), r"tol must be 0 or more, got -1\.0")],
)
def test_stops_that_cannot_be(stop: tuple[int, float], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Stop(*stop)


WRONG = [
    ({"rank": 0}, "rank must be from 1 to"),
    ({"rank": -3}, "rank must be from 1 to"),
    ({"rank": "many"}, r"rank must be a whole number, got 'many'"),
    ({"regularization": -1.0}, "regularization"),
    ({"regularization": float("nan")}, "regularization must be a number"),
    ({"sweeps": 0}, "sweeps must be from 1 to"),
    ({"learning_rate": -0.1}, "learning_rate must be a number above 0"),
    ({"learning_rate": "fast"}, "learning_rate must be a number above 0, got 'fast'"),
]


@pytest.mark.parametrize(
    ("solve", "asked", "words"),
    [
        pytest.param(solve, asked, words, id=f"{solve.__name__}-{asked}")
        for solve in (als, descend, nmf, gibbs, iterated_svd, soft_impute)
        for asked, words in WRONG
        if asked.keys() <= inspect.signature(solve).parameters.keys()
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(solve: Any, asked: dict[str, Any], words: str) -> None:
    taken = inspect.signature(solve).parameters
    given = {"rank": 2, "method": "adam", "rng": np.random.default_rng(0)} | asked
    with pytest.raises(SettingsError, match=words):
        solve(Cells.observed(np.ones((4, 3))), **{name: value for name, value in given.items() if name in taken})
