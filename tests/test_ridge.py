"""Many ridge regressions: each at the minimum of what it says, and the compiled kernels equal to the plain loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.errors import SettingsError, TrainingError
from fillrank.factors.ridge import Ridges, RowSolver, gram, solve_ridges


def problems(
    seed: int, *, n_rows: int = 60, n_columns: int = 40, dim: int = 7, everywhere: bool = True, dtype: str = "float64"
) -> Ridges:
    """Rows of 0, 1, … cells, one of them long enough to be gathered in two pieces; with weights if the seed is odd."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 30, n_rows)
    lengths[:3] = (0, 1, 300)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    vectors = rng.standard_normal((n_columns, dim)).astype(dtype)
    # in single precision a row of one cell that counts is hard for conjugate gradients, so none becomes one
    weights = [0.0, 0.5, 1.0, 2.0] if dtype == "float64" else [0.5, 1.0, 2.0]
    return Ridges(
        indptr=indptr,
        columns=rng.integers(0, n_columns, indptr[-1]).astype(np.int32),
        targets=rng.standard_normal(indptr[-1]).astype(dtype),
        vectors=vectors,
        strength=rng.uniform(0.5, 2, n_rows),
        scale=rng.uniform(0.5, 2, dim),
        everywhere=0.1 * gram(vectors) if everywhere else None,
        weights=rng.choice(weights, indptr[-1]).astype(dtype) if seed % 2 else None,
    )


def start(ridges: Ridges) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((ridges.n_rows, ridges.dim)).astype(ridges.vectors.dtype)


def losses(ridges: Ridges, solution: np.ndarray) -> np.ndarray:
    """The objective of each row, written out."""
    values = []
    for row, x in enumerate(solution.astype(np.float64)):
        cells = slice(ridges.indptr[row], ridges.indptr[row + 1])
        weights = np.ones(cells.stop - cells.start) if ridges.weights is None else ridges.weights[cells]
        value = weights @ np.square(ridges.targets[cells] - ridges.vectors[ridges.columns[cells]] @ x)
        value += ridges.strength[row] * (ridges.scale * x * x).sum()
        values.append(value + (0.0 if ridges.everywhere is None else x @ ridges.everywhere @ x))
    return np.array(values)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), dim=st.integers(1, 9), everywhere=st.booleans())
def test_no_step_away_from_the_exact_solution_is_better(seed: int, dim: int, everywhere: bool) -> None:
    ridges = problems(seed, n_rows=5, dim=dim, everywhere=everywhere)
    solution = solve_ridges(ridges)
    steps = np.random.default_rng(seed).standard_normal((10, *solution.shape))
    lowest = losses(ridges, solution)
    for step in steps:
        assert (losses(ridges, solution + 1e-3 * step) > lowest).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), block=st.integers(1, 9), everywhere=st.booleans())
def test_blocks_and_gradients_never_make_it_worse(seed: int, block: int, everywhere: bool) -> None:
    ridges = problems(seed, n_rows=5, everywhere=everywhere)
    before = losses(ridges, start(ridges))
    for solver in (RowSolver("block", block=block), RowSolver("cg", steps=block)):
        after = losses(ridges, solve_ridges(ridges, solver, start=start(ridges)))
        assert (after <= before + 1e-9).all()


def test_enough_steps_or_one_block_of_all_unknowns_are_exact() -> None:
    ridges = problems(3)
    exact = solve_ridges(ridges)
    for solver in (RowSolver("block", block=7), RowSolver("block", block=100), RowSolver("cg", steps=20)):
        np.testing.assert_allclose(solve_ridges(ridges, solver, start=start(ridges)), exact, rtol=1e-7, atol=1e-9)
    some = solve_ridges(ridges, RowSolver("block", block=3), start=start(ridges))
    assert np.abs(some - exact).max() > 1e-3


SOLVERS = [RowSolver("cholesky"), RowSolver("cg", steps=3), RowSolver("block", block=3)]


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.method)
@pytest.mark.parametrize("everywhere", [True, False])
@pytest.mark.parametrize("seed", [5, 8], ids=["weights", "none"])
def test_the_kernels_are_the_plain_loop(solver: RowSolver, everywhere: bool, seed: int) -> None:
    ridges = problems(seed, n_rows=700, dim=19, everywhere=everywhere, dtype="float32")
    plain, fast = (solve_ridges(ridges, solver, start=start(ridges), compiled=way) for way in (False, True))
    assert fast.dtype == np.float32
    np.testing.assert_allclose(fast, plain, rtol=1e-3, atol=2e-4 if seed == 5 else 1e-4)


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.method)
def test_the_number_of_threads_changes_no_bit(solver: RowSolver) -> None:
    ridges = problems(6, n_rows=5000, dim=19, dtype="float32")
    one, two, three = (
        solve_ridges(ridges, replace(solver, n_threads=n), start=start(ridges), compiled=True) for n in (1, 2, 3)
    )
    assert one.tobytes() == two.tobytes() == three.tobytes()


def test_a_row_without_cells_is_zero_and_a_start_is_left_as_it_was() -> None:
    ridges, given_start = problems(7), start(problems(7))
    kept = given_start.copy()
    for solver in (RowSolver(), RowSolver("block", block=7)):
        assert np.abs(solve_ridges(ridges, solver, start=given_start)[0]).max() < 1e-12
    assert (given_start == kept).all()


def test_no_rows_and_no_unknowns_are_no_trouble() -> None:
    ridges = problems(8)
    nothing = replace(ridges, indptr=ridges.indptr[:1], strength=ridges.strength[:0])
    assert solve_ridges(nothing).shape == (0, 7)
    flat = replace(ridges, vectors=ridges.vectors[:, :0], scale=ridges.scale[:0], everywhere=None)
    assert solve_ridges(flat).shape == (60, 0)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("method", ["cholesky", "block"])
def test_a_problem_without_a_single_solution_names_its_row(compiled: bool, method: str) -> None:
    ridges = problems(9, everywhere=False, dtype="float32")
    strength = ridges.strength.copy()
    strength[1] = 0.0  # one cell, seven unknowns
    with pytest.raises(TrainingError, match="row 1 has no single solution; raise the regularization above 0"):
        solve_ridges(replace(ridges, strength=strength), RowSolver(method, block=7), compiled=compiled)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RowSolver("qr"), "method must be 'cholesky', 'cg' or 'block', got 'qr'"),
        (lambda: RowSolver(steps=0), "steps must be from 1 to 1,000,000, got 0"),
        (lambda: RowSolver(block=0), "block must be from 1 to 1,000,000, got 0"),
        (lambda: RowSolver(n_threads=0), "n_threads must be from 1 to .*, got 0"),
        (lambda: solve_ridges(problems(1), compiled=True), "take float32 vectors, got float64"),
    ],
)
def test_settings_that_cannot_work_are_refused(make, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()
