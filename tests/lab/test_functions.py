"""The lab's factorisations: against the loop written out, against the SVD, and on hostile input."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fillrank.errors import ArgumentError, DataError, SettingsError, TrainingError
from fillrank.lab.functions import (
    descend,
    gd_factorise_masked,
    reconstruction_loss,
    sgd_factorise,
    sgd_factorise_masked,
    start,
)
from fillrank.lab.kernels import plain_sweep
from fillrank.solvers.sparse.svd import truncated_svd

TOY = torch.tensor([[0.3374, 0.6005, 0.1735], [3.3359, 0.0492, 1.8374], [2.9407, 0.5301, 2.2620]])
BEST = 0.121911  # the square of TOY's last singular value, 0.349157
NAN, INF = float("nan"), float("inf")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_case(seed: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, int]:
    """A matrix of some shape, a mask of some density (also empty), and a rank that may be above both sides."""
    rng = np.random.default_rng(seed)
    m, n, rank = (int(k) for k in rng.integers(1, (9, 9, 7)))
    A = torch.from_numpy(rng.normal(size=(m, n)) * 10 ** rng.uniform(-2, 1)).to(dtype)
    return A, torch.from_numpy(rng.random((m, n)) < rng.choice([0.0, 0.2, 0.7, 1.0])), rank


def by_the_book(
    A: Tensor, M: Tensor, rank: int, num_epochs: int, lr: float, generator: torch.Generator
) -> list[Tensor]:
    """The vectorised algorithm, word for word as the exercise prints it, with a generator and a dtype."""
    U = torch.rand(A.shape[0], rank, generator=generator, dtype=A.dtype)
    V = torch.rand(A.shape[1], rank, generator=generator, dtype=A.dtype)
    for _ in range(num_epochs):
        err = (A - U @ V.t()) * M
        U += lr * err @ V
        V += lr * err.t() @ U
    return [U, V]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("block", range(4))
def test_the_compiled_loop_is_the_plain_one_to_the_last_bit(dtype: torch.dtype, block: int) -> None:
    for seed in range(50 * block, 50 * block + 50):
        A, M, rank = random_case(seed, dtype)
        plain = descend(plain_sweep, A, M, start(A, rank, seeded(seed)), num_epochs=3, lr=0.013)
        fast = sgd_factorise_masked(A, M, rank, num_epochs=3, lr=0.013, generator=seeded(seed))
        for one, other in zip(fast, plain, strict=True):
            assert one.dtype == dtype
            assert torch.equal(one, other), f"case {seed}"


def test_the_plain_loop_by_hand() -> None:
    A, U, V = torch.tensor([[10.0, 5.0]]), torch.tensor([[1.0]]), torch.tensor([[2.0], [3.0]])
    plain_sweep(A, torch.ones_like(A), U, V, 0.5)
    # cell (0, 0): e = 8, U = 1 + 4·2 = 9, V₀ = 2 + 4·9 = 38: V sees the new U
    # cell (0, 1): e = 5 - 27 = -22, U = 9 - 11·3 = -24, V₁ = 3 + 11·24 = 267
    assert (U.tolist(), V.tolist()) == ([[-24.0]], [[38.0], [267.0]])


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_vectorised_form_is_the_exercise_to_the_last_bit(seed: int, dtype: torch.dtype) -> None:
    A, M, rank = random_case(seed, dtype)
    expected = by_the_book(A, M, rank, 50, 1e-3, seeded(seed))
    for mask in (M, M.to(dtype), M.long()):
        found = gd_factorise_masked(A, mask, rank, num_epochs=50, lr=1e-3, generator=seeded(seed))
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_defaults_are_the_exercises() -> None:
    U, V = gd_factorise_masked(TOY, torch.ones(3, 3), 2, generator=seeded())
    for one, other in zip((U, V), by_the_book(TOY, torch.ones(3, 3), 2, 1000, 1e-5, seeded()), strict=True):
        assert torch.equal(one, other)
    explicit = sgd_factorise(TOY, 2, 1000, 0.01, generator=seeded())
    assert all(map(torch.equal, sgd_factorise(TOY, 2, generator=seeded()), explicit))


def test_factors_are_drawn_u_first_then_v_and_no_epoch_leaves_them() -> None:
    A = torch.zeros(4, 3, dtype=torch.float64)
    again = seeded(5)
    U, V = (torch.rand(n, 2, generator=again, dtype=torch.float64) for n in (4, 3))
    for factorise in (sgd_factorise_masked, gd_factorise_masked):
        found = factorise(A, torch.ones(4, 3), 2, num_epochs=0, generator=seeded(5))
        assert torch.equal(found[0], U)
        assert torch.equal(found[1], V)


def test_without_a_generator_the_default_one_draws() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        found = sgd_factorise(TOY, 2, num_epochs=5)
    assert all(map(torch.equal, found, sgd_factorise(TOY, 2, num_epochs=5, generator=seeded(3))))


@pytest.mark.parametrize("seed", range(5))
def test_descent_comes_near_to_the_optimum_and_not_below(seed: int) -> None:
    loss = float(reconstruction_loss(TOY, *sgd_factorise(TOY, 2, generator=seeded(seed))))
    assert BEST <= loss <= 0.1232


def test_truncated_svd_of_the_tensor_is_the_optimum() -> None:
    U, s, Vt = truncated_svd(TOY, 2)
    assert s.tolist() == pytest.approx([5.3339, 0.6959], abs=1e-4)
    assert U.dtype == s.dtype == Vt.dtype == torch.float32
    assert float(reconstruction_loss(TOY, U * s, Vt.T)) == pytest.approx(BEST, abs=1e-6)
    table = torch.tensor([[0.2245, 0.5212, 0.3592], [3.2530, -0.0090, 1.9737], [3.0378, 0.5983, 2.1023]])
    torch.testing.assert_close((U * s) @ Vt, table, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (torch.tensor([[1.0, NAN]]), "1 values are NaN or infinite; the SVD wants a complete matrix"),
        (np.array([[INF, 1.0]]), "1 values are NaN or infinite"),
        (torch.ones(2, 2, dtype=torch.int64), "dense, float32 or float64; got .*int64"),
        (np.ones(3), r"a matrix \[m, n\] is wanted, got the shape \[3\]"),
    ],
)
def test_truncated_svd_refuses(matrix: Tensor | np.ndarray, said: str) -> None:
    with pytest.raises(DataError, match=said):
        truncated_svd(matrix, 1)


@pytest.mark.parametrize("hidden", [NAN, INF, -INF, 0.0, 1e30])
@pytest.mark.parametrize("factorise", [sgd_factorise_masked, gd_factorise_masked])
def test_what_is_hidden_is_never_read(hidden: float, factorise) -> None:
    M = torch.tensor([[1, 1, 0], [1, 0, 1], [0, 1, 1]])
    A = torch.where(M.bool(), TOY, hidden)
    found = factorise(A, M, 2, num_epochs=20, generator=seeded())
    expected = factorise(TOY, M, 2, num_epochs=20, generator=seeded())
    assert all(map(torch.equal, found, expected))
    assert torch.equal(reconstruction_loss(A, *found, M), reconstruction_loss(TOY, *found, M))


def test_zero_is_a_value() -> None:
    A = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    assert float(reconstruction_loss(A, *sgd_factorise(A, 2, lr=0.1, generator=seeded()))) < 1e-3
    only_ones = sgd_factorise_masked(A, A.bool(), 2, lr=0.1, generator=seeded())
    assert float(reconstruction_loss(A, *only_ones)) > 0.1


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
@pytest.mark.parametrize("factorise", [sgd_factorise_masked, gd_factorise_masked])
def test_a_matrix_without_rows_or_columns(shape: tuple[int, int], factorise) -> None:
    A = torch.zeros(shape)
    U, V = factorise(A, torch.ones(shape), 2, num_epochs=3, generator=seeded())
    assert (U.shape, V.shape) == ((shape[0], 2), (shape[1], 2))
    assert float(reconstruction_loss(A, U, V)) == 0


@pytest.mark.parametrize("factorise", [sgd_factorise_masked, gd_factorise_masked])
def test_rows_and_columns_never_observed_stay_as_they_were_drawn(factorise) -> None:
    M = torch.ones(3, 3)
    M[1], M[:, 2] = 0, 0
    drawn = factorise(TOY, M, 2, num_epochs=0, generator=seeded())
    U, V = factorise(TOY, M, 2, num_epochs=50, generator=seeded())
    assert torch.equal(U[1], drawn[0][1])
    assert torch.equal(V[2], drawn[1][2])
    assert not torch.equal(U[0], drawn[0][0])


@pytest.mark.parametrize("factorise", [sgd_factorise_masked, gd_factorise_masked])
def test_one_observed_cell_and_a_rank_above_both_sides(factorise) -> None:
    M = torch.zeros(3, 3)
    M[2, 0] = 1
    U, V = factorise(TOY, M, 7, lr=0.02, generator=seeded())
    assert float(U[2] @ V[0]) == pytest.approx(2.9407, abs=1e-4)


def test_a_constant_matrix_is_of_rank_one() -> None:
    A = torch.full((6, 4), 3.5)
    for factors in (
        sgd_factorise(A, 1, generator=seeded()),
        gd_factorise_masked(A, torch.ones(6, 4), 1, lr=0.01, generator=seeded()),
    ):
        torch.testing.assert_close(factors[0] @ factors[1].T, A, atol=1e-4, rtol=0)


def test_views_and_gradients_of_the_input_do_not_matter() -> None:
    A = TOY.T.clone().T.requires_grad_()
    M = torch.ones(6, 3)[::2]
    found = sgd_factorise_masked(A, M, 2, num_epochs=5, generator=seeded())
    assert all(map(torch.equal, found, sgd_factorise(TOY, 2, num_epochs=5, generator=seeded())))
    assert not any(factor.requires_grad for factor in found)


def test_loss_over_observed_cells_and_its_gradient() -> None:
    A, M = torch.tensor([[1.0, NAN], [3.0, 4.0]]), torch.tensor([[1, 0], [1, 1]])
    U, V = torch.ones(2, 1, requires_grad=True), torch.full((2, 1), 2.0)
    loss = reconstruction_loss(A, U, V, M)
    assert loss.item() == 1 + 1 + 4
    (gradient,) = torch.autograd.grad(loss, U)
    assert gradient.tolist() == [[4.0], [-4.0 - 8.0]]


@pytest.mark.parametrize(
    ("A", "M", "said"),
    [
        ([[1.0]], torch.ones(1, 1), "A must be a Tensor, got .* torch.as_tensor makes one"),
        (torch.ones(3), torch.ones(3), r"A must be a dense matrix \[m, n\], got torch.strided of shape \[3\]"),
        (torch.eye(2).to_sparse(), torch.ones(2, 2), "A must be a dense matrix .*sparse_coo"),
        (torch.ones(2, 2, dtype=torch.int64), torch.ones(2, 2), r"float32 or float64.* got torch.int64; A.float\(\)"),
        (torch.ones(2, 2).half(), torch.ones(2, 2), "got torch.float16"),
        (torch.ones(2, 2), torch.ones(2, 3), r"mask M must be a tensor of A's shape \[2, 2\], got .* \[2, 3\]"),
        (torch.ones(2, 2), None, "M must be a Tensor, got None"),
        (torch.ones(2, 2), torch.full((2, 2), 0.5), "mask M must hold 0 and 1 only"),
        (torch.ones(2, 2), torch.full((2, 2), NAN), "mask M must hold 0 and 1 only"),
        (torch.tensor([[1.0, NAN]]), torch.ones(1, 2), "1 observed cells .* first at row 0, column 1: nan; hide"),
        (torch.tensor([[1.0], [-INF]]), torch.ones(2, 1), "row 1, column 0: -inf"),
    ],
)
@pytest.mark.parametrize("factorise", [sgd_factorise_masked, gd_factorise_masked])
def test_matrices_and_masks_that_are_refused(A, M, said: str, factorise) -> None:
    with pytest.raises((DataError, ArgumentError), match=said):
        factorise(A, M, 1)


def test_a_complete_factorisation_points_to_the_masked_one() -> None:
    with pytest.raises(DataError, match="hide what is missing with a mask"):
        sgd_factorise(torch.tensor([[1.0, NAN]]), 1)
    with pytest.raises(ArgumentError, match=r"got a ndarray of shape \(2, 2\); torch\.as_tensor"):
        sgd_factorise(np.ones((2, 2)), 1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rank": 0}, "rank must be a whole number of 1 or more, got 0"),
        ({"rank": 2.0}, "rank must be a whole number, got 2.0"),
        ({"rank": True}, "rank must .* got True"),
        ({"num_epochs": -1}, "num_epochs must be a whole number of 0 or more, got -1"),
        ({"lr": 0}, "lr must be a finite number above 0, got 0"),
        ({"lr": -0.1}, "lr must be a finite number above 0, got -0.1"),
        ({"lr": NAN}, "lr must be a number, got nan .* it must be finite"),
        ({"lr": INF}, "lr must .* got inf"),
        ({"lr": "0.1"}, "lr must .* got '0.1'"),
    ],
)
@pytest.mark.parametrize("factorise", [sgd_factorise_masked, gd_factorise_masked])
def test_settings_that_are_refused(wrong: dict[str, object], said: str, factorise) -> None:
    with pytest.raises(SettingsError, match=said):
        factorise(TOY, torch.ones(3, 3), **({"rank": 1} | wrong))


@pytest.mark.parametrize(
    ("U", "V", "said"),
    [
        (torch.ones(2, 1), torch.ones(3, 1), r"U must be \[3, rank\] for a 3×3 matrix"),
        (torch.ones(3, 1), torch.ones(3, 2), r"V must be \[3, rank\] .* got U \[3, 1\] and V \[3, 2\]"),
        (torch.ones(3, 1), torch.ones(3, 1).double(), "V is torch.float64 and A is torch.float32"),
    ],
)
def test_factors_that_do_not_fit_the_matrix(U: Tensor, V: Tensor, said: str) -> None:
    with pytest.raises(DataError, match=said):
        reconstruction_loss(TOY, U, V)


@pytest.mark.parametrize(("factorise", "epoch"), [(sgd_factorise_masked, 6), (gd_factorise_masked, 5)])
def test_a_rate_that_diverges_is_an_error_with_the_epoch(factorise, epoch: int) -> None:
    said = rf"no longer finite in epoch {epoch} of 1000: the rate lr=0.3 is too large for this matrix; try lr=0\.0\d+$"
    with pytest.raises(TrainingError, match=said):
        factorise(TOY, torch.ones(3, 3), 2, lr=0.3, generator=seeded())


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    m=st.integers(1, 15),
    n=st.integers(1, 15),
    rank=st.integers(1, 5),
    scale=st.floats(-2, 5),
    batch=st.booleans(),
)
def test_the_rate_that_is_suggested_works(seed: int, m: int, n: int, rank: int, scale: float, batch: bool) -> None:
    factorise = gd_factorise_masked if batch else sgd_factorise_masked
    A = torch.randn(m, n, generator=seeded(seed), dtype=torch.float64) * 10**scale
    M = torch.rand(m, n, generator=seeded(seed)) < 0.6
    try:
        factorise(A, M, rank, lr=1e4, generator=seeded(seed))
        return  # next to nothing was observed
    except TrainingError as error:
        rate = float(re.search(r"try lr=(\S+)$", str(error))[1])
    before, after = (factorise(A, M, rank, epochs, rate, generator=seeded(seed)) for epochs in (0, 200))
    assert reconstruction_loss(A, *after, M) < reconstruction_loss(A, *before, M)
