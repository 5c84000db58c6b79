"""Lists from factors, tile by tile: the same as from the whole product, to rounding."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from fillrank.errors import DataError, SettingsError
from fillrank.factors import Blend, Factors
from fillrank.retrieval import lists as lists_module
from fillrank.retrieval import products, rank, top_k
from fillrank.retrieval import topk as topk_module
from fillrank.retrieval.products import product_of, top_k_products
from fillrank.runtime import threads as threads_module


def whole_numbers(n_users, n_items, d, seed=0, **more):
    """Factors whose products are exact in float32, with many ties."""
    generator = torch.Generator().manual_seed(seed)
    users, items = (torch.randint(-3, 4, (n, d), generator=generator).float() for n in (n_users, n_items))
    return Factors(users, items, **more)


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(products, "_ROWS", 5)
    monkeypatch.setattr(products, "_COLUMNS", 70)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("n_users", [1, 5, 23])
@pytest.mark.parametrize("n_items", [69, 70, 211])
@pytest.mark.parametrize("biases", [False, True])
def test_tiles_give_the_lists_of_the_whole_product(n_users, n_items, biases):
    rng = np.random.default_rng(n_users)
    bias = {"user_bias": torch.arange(n_users).float(), "item_bias": torch.arange(n_items) % 3 - 1.0, "offset": 2.0}
    factors = whole_numbers(n_users, n_items, 3, **(bias if biases else {}))
    users = torch.from_numpy(rng.permutation(n_users))
    seen = sp.random_array((n_users, n_items), density=0.2, format="csr", rng=rng)
    allowed = torch.from_numpy(rng.random(n_items) < 0.8)
    for k in (1, 10, n_items + 2):
        for left_out in ({}, {"seen": seen}, {"allowed": allowed}, {"seen": seen, "allowed": allowed}):
            found = top_k_products(factors, users, k, **left_out)
            wanted = top_k(factors.score(users), k, **left_out)
            assert torch.equal(found[0], wanted[0])
            assert torch.equal(found[1], wanted[1])


@pytest.mark.usefixtures("small_tiles")
def test_unsorted_rows_of_seen_items_are_left_out_too():
    factors = Factors(torch.ones(2, 1), torch.arange(150.0)[:, None])
    seen = sp.csr_array((np.ones(3), np.array([149, 3, 148]), np.array([0, 3, 3])), shape=(2, 150))
    items, _ = top_k_products(factors, torch.tensor([0, 1]), 2, seen=seen)
    assert items.tolist() == [[147, 146], [149, 148]]


@pytest.mark.parametrize("n_threads", [1, 2, 7])
@pytest.mark.usefixtures("small_tiles")
def test_the_lists_are_the_same_on_any_number_of_threads(n_threads, monkeypatch):
    generator = torch.Generator().manual_seed(3)
    factors = Factors(torch.randn(37, 8, generator=generator), torch.randn(150, 8, generator=generator))
    users = torch.arange(37)
    wanted = top_k_products(factors, users, 6)
    monkeypatch.setattr(threads_module, "available_threads", lambda: n_threads)  # PyTorch's own number stays true
    found = top_k_products(factors, users, 6)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("memory", [256 * 2**20, 1000])
def test_rank_takes_tiles_where_they_pay_and_memory_allows(memory, monkeypatch):
    monkeypatch.setattr(topk_module, "_KERNEL_FROM", 100)
    factors = whole_numbers(40, 30, 4, similarity="cosine")
    wanted = rank(factors, k=5, seen=sp.csr_array(np.tri(40, 30)))
    taken = []
    monkeypatch.setattr(
        lists_module, "top_k_products", lambda *args, **more: taken.append(1) or top_k_products(*args, **more)
    )
    found = rank(factors, k=5, seen=sp.csr_array(np.tri(40, 30)), memory=memory)
    assert bool(taken) == (memory > 1000)
    np.testing.assert_array_equal(found.items, wanted.items)
    np.testing.assert_allclose(found.scores, wanted.scores, rtol=1e-6)


def test_only_plain_factors_are_taken_for_a_product():
    class Own(Factors):
        """Scores in a way of its own."""

    parts = whole_numbers(3, 4, 2), whole_numbers(3, 4, 2, seed=1)
    blend = Blend(parts, (1.0, 2.0))
    assert product_of(parts[0]) is parts[0]
    assert product_of(blend) is blend.flat
    assert product_of(Own(torch.eye(2), torch.eye(2))) is None
    assert product_of(Factors(torch.eye(2).double(), torch.eye(2).double())) is None


def test_factors_that_want_gradients_can_be_ranked():
    factors = Factors(torch.eye(3, requires_grad=True), torch.eye(3))
    assert top_k_products(factors, torch.arange(3), 1)[0].tolist() == [[0], [1], [2]]


def test_mistakes_are_named():
    factors = Factors(torch.tensor([[1.0, 1.0], [3e38, -3e38]]), torch.tensor([[1.0, 1.0], [3e38, 3e38]]))
    with pytest.raises(DataError, match="1 of 2 rows of scores hold NaN, the first is of user 1, item 1; the factors"):
        top_k_products(factors, torch.tensor([0, 1]), 1)
    with pytest.raises(SettingsError, match="k must be a whole number of 1 or more, got 0"):
        top_k_products(factors, torch.tensor([0]), 0)
