"""LightGCN and its views against a dense graph; sparse products against dense ones."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck
from torch.testing import assert_close

from fillrank.data import Interactions, synthetic
from fillrank.encoders import (
    MF,
    LightGCN,
    Tables,
    VectorEncoder,
    edge_dropout,
    layer_noise,
    with_neighbours,
    with_noise,
)
from fillrank.encoders.sparse import SparseMatrix, adjacency_of, histories_of
from fillrank.errors import DataError, SettingsError
from fillrank.factors import Factors
from fillrank.runtime.rng import torch_stream


def ones(log: Interactions) -> Tensor:
    """R: float64 ``[n_users, n_items]``."""
    return torch.tensor(log.csr.toarray() != 0, dtype=torch.float64)


def dense_graph(R: Tensor) -> Tensor:
    """Â of users and items together, by its definition."""
    A = torch.cat([torch.cat([torch.zeros(len(R), len(R)), R], 1), torch.cat([R.T, torch.zeros(2 * [R.shape[1]])], 1)])
    scale = torch.where(A.sum(1) > 0, A.sum(1) ** -0.5, 0.0)
    return scale[:, None] * A * scale


def dense_tables(start: Tables, graph: Tensor, weights: tuple[float, ...]) -> Tables:
    """``Σ_l w_l Â^l E``, for autograd: the twin of LightGCN."""
    layer = torch.cat(start)
    total = weights[0] * layer
    for weight in weights[1:]:
        layer = graph @ layer
        total = total + weight * layer
    return total[: len(start[0])], total[len(start[0]) :]


def gradients(tables: Tables, of: Tables) -> tuple[Tensor, ...]:
    """Of a function that treats every entry of the tables differently."""
    loss = sum((table * torch.arange(table.numel()).reshape(table.shape).sin()).sum() for table in tables)
    return torch.autograd.grad(loss, of)


@pytest.mark.parametrize(
    ("n_layers", "layer_weights"), [(1, None), (3, None), (2, (0.0, 0.7, -0.4)), (4, (0.0, 0, 0, 0, 1))]
)
def test_values_and_gradients_are_those_of_the_dense_graph(
    log: Interactions, start: Tables, n_layers: int, layer_weights: tuple[float, ...] | None
) -> None:
    encoder = LightGCN(*start, log, n_layers=n_layers, layer_weights=layer_weights)
    free = start[0].clone().requires_grad_(), start[1].clone().requires_grad_()
    expected = dense_tables(free, dense_graph(ones(log)), encoder.layer_weights)
    found = encoder.tables()
    assert_close(found, expected)
    assert_close(gradients(found, (encoder.users, encoder.items)), gradients(expected, free))
    assert found[0][-1].equal(start[0][-1] * encoder.layer_weights[0])  # who met nothing keeps layer 0 alone


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_neighbours_after_training_are_those_of_the_dense_graph(
    log: Interactions, start: Tables, similarity: str
) -> None:
    learnt = Factors(*start, similarity=similarity)
    found = with_neighbours(learnt, adjacency_of(log, torch.float64), 0.3)
    vectors = learnt.user_vectors, learnt.item_vectors
    expected = dense_tables(vectors, dense_graph(ones(log)), (1.0, 0.3))
    assert_close((found.users, found.items), expected)
    assert found.similarity == "dot"


def test_neighbours_that_do_not_fit_are_refused(log: Interactions, start: Tables) -> None:
    with pytest.raises(DataError, match="make the graph of the log that they were learnt from"):
        with_neighbours(Factors(start[0][1:], start[1]), adjacency_of(log, torch.float64), 0.3)
    with pytest.raises(SettingsError, match="weight must be a number, got nan"):
        with_neighbours(Factors(*start), adjacency_of(log, torch.float64), math.nan)


def test_the_gradient_is_right_where_only_one_side_is_looked_at(log: Interactions, start: Tables) -> None:
    encoder = LightGCN(*start, log, n_layers=2)

    def some_users(users: Tensor, items: Tensor) -> Tensor:
        with torch.no_grad():
            encoder.users.copy_(users), encoder.items.copy_(items)
        return torch.func.functional_call(encoder, {"users": users, "items": items}, (torch.tensor([3, 0, 3]),))

    encoder.forward = encoder.user_vectors
    assert gradcheck(some_users, (start[0].requires_grad_(), start[1].requires_grad_()))


def test_products_in_half_precision_move_values_and_gradients_by_thousandths(log: Interactions, start: Tables) -> None:
    single = start[0].float(), start[1].float()
    exact, halved = (LightGCN(*single, log, n_layers=3, precision=p) for p in ("float32", "bfloat16"))
    found = [(*e.tables(), *gradients(e.tables(), (e.users, e.items))) for e in (exact, halved)]
    for whole, half in zip(*found, strict=True):
        assert half.dtype == torch.float32
        assert 0 < (whole - half).norm() < 0.01 * whole.norm()


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
def test_without_layers_it_is_mf(log: Interactions, start: Tables, similarity: str) -> None:
    graph, plain = LightGCN(*start, log, n_layers=0, similarity=similarity), MF(*start, similarity=similarity)
    assert isinstance(graph, VectorEncoder)
    assert isinstance(plain, VectorEncoder)
    places = torch.tensor([0, 5, 5])
    assert all(map(torch.equal, graph.tables(), plain.tables()))
    assert torch.equal(graph.user_vectors(places), plain.user_vectors(places))
    assert torch.equal(graph.item_vectors(places), plain.item_vectors(places))
    assert torch.equal(graph.factors().score(places), plain.factors().score(places))
    assert all(
        map(
            torch.equal,
            gradients(graph.tables(), tuple(graph.parameters())),
            gradients(plain.tables(), tuple(plain.parameters())),
        )
    )


def test_what_is_saved_needs_no_graph(log: Interactions, start: Tables) -> None:
    encoder = LightGCN(*start, log)
    assert list(encoder.state_dict()) == ["users", "items"]
    factors, (users, items) = encoder.factors(), encoder.tables()
    assert torch.equal(factors.users, users)
    assert torch.equal(factors.items, items)
    assert not factors.users.requires_grad
    twin = LightGCN(*(torch.zeros_like(table) for table in start), log)
    twin.load_state_dict(encoder.state_dict())
    assert torch.equal(twin.tables()[0], users)


def test_values_of_interactions_are_no_weights(log: Interactions) -> None:
    with_zero = replace(log, values=log.values * 0)
    assert torch.equal(adjacency_of(with_zero).dense(), adjacency_of(log.without_values()).dense())


@settings(max_examples=40, deadline=None)
@given(data=st.data(), shape=st.tuples(st.integers(1, 6), st.integers(1, 6)), dim=st.integers(1, 20))
def test_sparse_products_are_dense_products(data: st.DataObject, shape: tuple[int, int], dim: int) -> None:
    filled = data.draw(st.lists(st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    users, items = torch.tensor(filled).reshape(shape).nonzero(as_tuple=True)
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 9)))
    draw = lambda *size: torch.randn(*size, generator=generator)  # noqa: E731
    matrix = SparseMatrix(users, items, draw(len(users)), shape)
    right, left = draw(shape[1], dim).requires_grad_(), draw(shape[0], dim)
    found, dense = matrix.times(right), matrix.dense() @ right
    assert_close(found, dense)
    assert_close(matrix.product(left, transposed=True), matrix.dense().T @ left)
    assert_close(torch.autograd.grad(found, right, left), torch.autograd.grad(dense, right, left))


def test_the_number_of_threads_changes_no_bit() -> None:
    busy = synthetic(2000, 500, 30_000).interactions
    matrix, table = adjacency_of(busy), torch.randn(busy.n_items, 64, generator=torch.Generator().manual_seed(0))
    before, found = torch.get_num_threads(), []
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            found.append(matrix.times(table))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_histories_weigh_by_their_length(log: Interactions, power: float) -> None:
    R = ones(log)
    expected = R * R.sum(1, keepdim=True).clamp(min=1) ** -power
    assert_close(histories_of(log, power=power, dtype=torch.float64).dense(), expected)


def test_dropped_edges_leave_a_graph_with_counts_of_its_own(log: Interactions, start: Tables) -> None:
    encoder = LightGCN(*start, log, n_layers=2)
    kept = torch.arange(len(log)) % 3 > 0
    thinner, smaller = encoder.adjacency.select(kept), adjacency_of(log.select(kept.numpy()), torch.float64)
    assert dict(thinner.named_buffers()).keys() == dict(smaller.named_buffers()).keys()
    for name, tensor in smaller.named_buffers():
        assert torch.equal(thinner.get_buffer(name), tensor), name
    found = encoder.tables_over(thinner)
    assert_close(found, dense_tables(start, dense_graph(ones(log.select(kept.numpy()))), encoder.layer_weights))


def test_edge_dropout_draws_from_its_generator_and_keeps_the_gradient(log: Interactions, start: Tables) -> None:
    encoder = LightGCN(*start, log, n_layers=2)
    whole = encoder.tables()
    assert_close(edge_dropout(encoder, 0.0, torch_stream(0, "view")), whole)
    one, again, other = (edge_dropout(encoder, 0.5, torch_stream(seed, "view")) for seed in (0, 0, 1))
    assert torch.equal(one[0], again[0])
    assert not torch.equal(one[0], other[0])
    kept = torch.rand(len(log), generator=torch_stream(0, "view")) >= 0.5  # the mask it must have drawn
    free = start[0].clone().requires_grad_(), start[1].clone().requires_grad_()
    expected = dense_tables(free, dense_graph(ones(log.select(kept.numpy()))), encoder.layer_weights)
    assert_close(gradients(one, (encoder.users, encoder.items)), gradients(expected, free))


def test_edge_dropout_keeps_each_edge_as_often_as_it_says(log: Interactions, start: Tables) -> None:
    """With items as the unit vectors, one layer shows which edges a user has kept."""
    encoder = LightGCN(torch.zeros(12, 9), torch.eye(9), log, n_layers=1, layer_weights=(0, 1))
    generator, rounds = torch_stream(0, "view"), 400
    seen = sum((edge_dropout(encoder, 0.3, generator)[0] > 0).float() for _ in range(rounds))
    R = ones(log)
    assert (seen[R == 0] == 0).all()
    spread = (rounds * 0.3 * 0.7) ** 0.5
    assert (seen[R > 0] - rounds * 0.7).abs().max() < 4.5 * spread


@pytest.mark.parametrize("eps", [0.0, 0.3])
def test_noise_has_its_length_and_the_signs_of_the_vector(start: Tables, eps: float) -> None:
    start[0][0] = 0  # a vector without direction gets no noise
    noisy = with_noise(start, eps, torch_stream(0, "noise"))
    for table, seen in zip(start, noisy, strict=True):
        step = seen - table
        assert_close(step.norm(dim=1), torch.where(table.any(1), eps, 0.0).double())
        assert (step * table >= 0).all()
        assert len(step.unique(dim=0)) == (1 if eps == 0 else len(step))


def test_noise_on_each_layer_is_smoothed_by_the_next(log: Interactions, start: Tables) -> None:
    encoder = LightGCN(*start, log, n_layers=2, layer_weights=(0.2, 0.3, 0.5))
    generator, graph = torch_stream(0, "noise"), dense_graph(ones(log))
    first = with_noise((graph @ torch.cat(start)).split([12, 9]), 0.1, generator)
    second = with_noise((graph @ torch.cat(first)).split([12, 9]), 0.1, generator)
    expected = 0.2 * torch.cat(start) + 0.3 * torch.cat(first) + 0.5 * torch.cat(second)
    noisy = layer_noise(encoder, 0.1, torch_stream(0, "noise"))
    assert_close(torch.cat(noisy), expected)
    of = encoder.users, encoder.items
    assert_close(gradients(noisy, of), gradients(encoder.tables(), of))  # noise does not depend on the parameters


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n_layers": -1}, SettingsError, "n_layers must be 0 or more, got -1"),
        ({"layer_weights": (1.0,)}, SettingsError, "2 layers want 3 layer_weights, the first for layer 0; got 1"),
        ({"n_layers": 1, "layer_weights": (1, float("nan"))}, SettingsError, "it must be finite"),
        ({"n_layers": 1, "layer_weights": (0, 0)}, SettingsError, "finite and not all zero"),
        ({"precision": "half"}, SettingsError, "precision must be 'float32' or 'bfloat16', got 'half'"),
        ({"similarity": "l2"}, SettingsError, "similarity must be 'dot' or 'cosine', got 'l2'"),
        ({"users": torch.zeros(5, 3)}, DataError, "tables are of 5 users and 9 items, the log of 12 and 9"),
        ({"items": torch.zeros(9, 4)}, DataError, r"got \[12, 3\] and \[9, 4\]"),
        ({"users": torch.zeros(12, 0), "items": torch.zeros(9, 0)}, DataError, r"d above 0, got \[12, 0\]"),
        ({"items": torch.zeros(9)}, DataError, r"got \[12, 3\] and \[9\]"),
    ],
)
def test_a_graph_that_cannot_be_is_refused(
    log: Interactions, start: Tables, change: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        LightGCN(**({"users": start[0], "items": start[1], "interactions": log} | change))


def test_a_view_that_cannot_be_is_refused(log: Interactions, start: Tables) -> None:
    encoder, generator = LightGCN(*start, log), torch_stream(0, "view")
    for rate in (-0.1, 1.0, float("nan")):
        with pytest.raises(SettingsError, match=r"rate must be .*, got"):
            edge_dropout(encoder, rate, generator)
    for eps in (-1.0, float("inf"), float("nan")):
        with pytest.raises(SettingsError, match=r"eps must be a number.*, got"):
            with_noise(start, eps, generator)
        with pytest.raises(SettingsError, match=r"eps must be a number.*, got"):
            layer_noise(encoder, eps, generator)
    with pytest.raises(SettingsError, match=r"power must be from 0 \(sum\) to 1 \(mean\), got 2"):
        histories_of(log, power=2)
