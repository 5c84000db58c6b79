"""Weights between items: closed forms against plain twins, and what they promise."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import ElasticNet

from fillrank.data import Interactions
from fillrank.errors import SettingsError, TrainingError
from fillrank.factors import ItemWeights
from fillrank.factors.neighbours import Similarity
from fillrank.factors.weights import DenseWeights, SparseWeights
from fillrank.runtime.threads import at_most
from fillrank.solvers.item_to_item.ease import (
    Autoencoder,
    autoencoder,
    dual_autoencoder,
    gram_matrix,
    primal_autoencoder,
)
from fillrank.solvers.item_to_item.inverse import invert_in_place
from fillrank.solvers.item_to_item.neighbours import item_neighbours, random_walk
from fillrank.solvers.item_to_item.pruned_ease import pruned_autoencoder
from fillrank.solvers.item_to_item.pruned_kernels import last_column
from fillrank.solvers.item_to_item.slim import slim
from fillrank.testing import check_solver

WANTED = [Autoencoder(2.0), Autoencoder(3.0, 0.5), Autoencoder(3.0, 0.5, 0.3), Autoencoder(0.5, 0.2, 0.6)]


def met(m: int = 30, n: int = 50, share: float = 0.2, seed: int = 0) -> sp.csr_array:
    return sp.csr_array((np.random.default_rng(seed).random((m, n)) < share).astype(np.float32))


def plain_autoencoder(matrix: sp.csr_array, wanted: Autoencoder) -> np.ndarray:
    """The formula of the paper, line by line, in double precision."""
    G = (matrix.T @ matrix).toarray().astype(np.float64)
    ridge = wanted.regularization + wanted.dropout / (1 - wanted.dropout) * np.diag(G)
    C = np.linalg.inv(G + np.diag(ridge))
    W = np.zeros_like(C)
    for i in range(len(C)):
        held_back = 1 - ridge[i] * C[i, i] > wanted.max_diagonal
        W[:, i] = -C[:, i] * ((1 - wanted.max_diagonal) / C[i, i] if held_back else ridge[i])
        W[i, i] = 0
    return W


@pytest.mark.parametrize("wanted", WANTED)
def test_both_forms_are_the_formula(wanted: Autoencoder) -> None:
    X = met()
    W = plain_autoencoder(X, wanted)
    primal, dual = primal_autoencoder(X, wanted), dual_autoencoder(X, wanted)
    new = met(5, 50, 0.3, seed=1)
    np.testing.assert_allclose(primal, W, atol=2e-6)
    for rows in (X, new, sp.csr_array((2, 50), dtype=np.float32)):
        np.testing.assert_allclose(dual.times(rows), rows @ W, atol=5e-6)
    sources, targets = (part.ravel() for part in np.indices((50, 50)))
    np.testing.assert_allclose(dual.cells(sources, targets).reshape(50, 50), W, atol=2e-6)
    np.testing.assert_allclose(dual.row(7), W[7], atol=2e-6)


def test_no_other_weights_lower_the_objective() -> None:
    """EASE's stationarity: off the diagonal, the gradient of |X - XW|² + λ|W|² is 0."""
    X = met().toarray().astype(np.float64)
    W = primal_autoencoder(sp.csr_array(X), Autoencoder(4.0)).double().numpy()
    gradient = X.T @ (X @ W - X) + 4.0 * W
    assert np.abs(gradient - np.diag(np.diag(gradient))).max() < 1e-4


def test_the_smaller_side_is_inverted() -> None:
    assert isinstance(autoencoder(met(50, 30), WANTED[0]), DenseWeights)
    assert not isinstance(autoencoder(met(30, 50), WANTED[0]), DenseWeights)


def test_a_matrix_of_several_blocks_is_inverted_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fillrank.solvers.item_to_item.inverse._BLOCK", 16)
    gram = gram_matrix(met(80, 70))
    gram.diagonal().add_(5.0)
    found = []
    for n_threads in (1, 2):
        one = gram.clone()
        with at_most(n_threads):
            invert_in_place(one)
        found.append(one)
    np.testing.assert_allclose(found[0], np.linalg.inv(gram.double().numpy()), atol=1e-6)
    assert torch.equal(*found)
    assert torch.equal(found[0], found[0].T)


def test_what_cannot_be_inverted_is_told() -> None:
    with pytest.raises(TrainingError, match="cannot be inverted; raise the regularization"):
        invert_in_place(torch.tensor([[1.0, 2.0], [2.0, 1.0]]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((0.0,), "regularization must be a finite number above 0, got 0"),
        ((np.inf,), "regularization must be a finite number above 0, got inf"),
        ((1.0, 1.0), "dropout must be from 0 to below 1, got 1"),
        ((1.0, 0.0, -0.1), "max_diagonal must be from 0 to below 1, got -0.1"),
    ],
)
def test_settings_out_of_range_are_refused(given: tuple[float, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Autoencoder(*given)


def test_what_no_memory_holds_is_refused_before_it_is_tried() -> None:
    huge = sp.csr_array((5_000_000, 4_000_000), dtype=np.float32)
    with pytest.raises(SettingsError, match="a matrix between 4,000,000 items would take"):
        autoencoder(huge, WANTED[0])


def plain_neighbours(X: np.ndarray, k: int) -> np.ndarray:
    """Cosines of columns, each column's k largest."""
    both = X.T @ X
    alike = both / np.sqrt(np.outer(np.diag(both), np.diag(both)))
    np.fill_diagonal(alike, 0)
    for i in range(len(alike)):
        alike[np.argsort(-alike[:, i], kind="stable")[k:], i] = 0
    return alike


def test_item_neighbours_are_the_largest_cosines_of_each_column() -> None:
    X = met(60, 12, 0.4)
    weights, bias = item_neighbours(X, 3, Similarity())
    np.testing.assert_allclose(weights.toarray(), plain_neighbours(X.toarray().astype(float), 3), rtol=1e-5)
    assert bias is None


def test_averaged_neighbours_score_what_is_above_the_average() -> None:
    X = met(60, 12, 0.4).toarray().astype(float)
    weights, bias = item_neighbours(sp.csr_array(X), 3, Similarity(), averaged=True)
    W = plain_neighbours(X, 3)
    W /= W.sum(0)
    wanted = (X - X.mean(0)) @ W + X.mean(0)
    np.testing.assert_allclose(X @ weights.toarray() + bias, wanted, atol=1e-6)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (0.7, 0.6), (1.5, 1.0)])
def test_a_random_walk_is_two_steps_by_their_odds(alpha: float, beta: float) -> None:
    X = met(40, 10, 0.4).toarray().astype(float)
    there, back = (X.T / X.sum(0)[:, None]) ** alpha, (X / np.maximum(X.sum(1), 1)[:, None]) ** alpha
    wanted = there @ back / X.sum(0) ** beta
    np.fill_diagonal(wanted, 0)
    np.testing.assert_allclose(random_walk(sp.csr_array(X), 10, alpha=alpha, beta=beta).toarray(), wanted, rtol=1e-5)


def test_a_walk_from_each_item_is_cut_to_the_likeliest_ends() -> None:
    X = met(40, 10, 0.4)
    whole, cut = random_walk(X, 10).toarray(), random_walk(X, 4).toarray()
    assert ((cut > 0).sum(1) <= 4).all()
    np.testing.assert_allclose(np.sort(cut, 1)[:, -4:], np.sort(whole, 1)[:, -4:])


@pytest.mark.parametrize(("ridge", "lasso"), [(5.0, 2.0), (20.0, 0.5)])
def test_slim_is_scikit_learns_elastic_net(ridge: float, lasso: float) -> None:
    X = met(120, 15, 0.3).toarray().astype(np.float64)
    net = ElasticNet(
        alpha=(ridge + lasso) / len(X),
        l1_ratio=lasso / (ridge + lasso),
        positive=True,
        fit_intercept=False,
        tol=1e-9,
        max_iter=20_000,
    )
    wanted = np.stack([net.fit(np.where(np.arange(15) == i, 0, X), X[:, i]).coef_ for i in range(15)], axis=1)
    found = slim(sp.csr_array(X), ridge, lasso=lasso, passes=1000, tolerance=1e-9).toarray()
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert (wanted > 0).mean() > 0.2
    few = slim(sp.csr_array(X), ridge, lasso=lasso, k=3, passes=1000, tolerance=1e-9).toarray()
    np.testing.assert_allclose(np.sort(few, 0)[-3:], np.sort(found, 0)[-3:])


def test_slim_refuses_what_is_out_of_range() -> None:
    with pytest.raises(SettingsError, match="regularization must be a finite number above 0, got 0"):
        slim(met(), 0.0)
    with pytest.raises(SettingsError, match="lasso must be a finite number of 0 or more, got -1"):
        slim(met(), 1.0, lasso=-1.0)


SOLVERS = {
    "ease": lambda X: primal_autoencoder(X, Autoencoder(2.0)),
    "dual": lambda X: dual_autoencoder(X, Autoencoder(2.0, 0.3, 0.2)),
    "neighbours": lambda X: SparseWeights(item_neighbours(X, 5, Similarity())[0]),
    "slim": lambda X: SparseWeights(slim(X, 2.0, lasso=0.1, passes=1000, tolerance=1e-7)),
    "walk": lambda X: SparseWeights(random_walk(X, 5)),
}


def solved(name: str, log: Interactions) -> ItemWeights:
    return ItemWeights(log.csr, SOLVERS[name](log.csr))


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_keeps_the_contract(name: str) -> None:
    check_solver(lambda log: solved(name, log), of_values=False)


@pytest.mark.parametrize("name", SOLVERS)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_no_item_says_anything_of_itself_and_the_order_of_users_does_not_matter(name: str, seed: int) -> None:
    X = met(25, 18, 0.3, seed)
    order = np.random.default_rng(seed).permutation(25)
    scorers = [ItemWeights(one, SOLVERS[name](one)) for one in (X, X[order])]
    alone = ItemWeights(sp.eye_array(18, format="csr", dtype=np.float32), scorers[0].weights)
    everything = alone.score(torch.arange(18))
    assert everything.diagonal().abs().max() < 1e-5
    scores = [scorer.score(torch.arange(25)) for scorer in scorers]
    np.testing.assert_allclose(scores[0][order], scores[1], atol=2e-5)


@pytest.mark.parametrize("wanted", WANTED)
def test_pruned_weights_are_all_weights_where_every_item_may_have_all(wanted: Autoencoder) -> None:
    X = met(80, 20, 0.4)
    assert ((X.T @ X).toarray() > 0).all()
    np.testing.assert_allclose(pruned_autoencoder(X, wanted, 19).toarray(), plain_autoencoder(X, wanted), atol=2e-6)


@given(st.integers(0, 200), st.integers(1, 8))
def test_pruned_weights_are_the_best_that_their_pattern_allows(seed: int, k: int) -> None:
    X = met(25, 12, 0.3, seed)
    G = (X.T @ X).toarray().astype(np.float64)
    W = pruned_autoencoder(X, Autoencoder(1.5), k).toarray()
    counts = np.maximum(np.diag(G), 1e-12)
    alike = G / np.sqrt(np.outer(counts, counts)) - np.eye(12) * 10
    for i in range(12):
        support = np.flatnonzero(W[:, i])
        assert len(support) == min(k, int((alike[:, i] > 0).sum()))
        if len(support):
            assert alike[support, i].min() >= np.sort(alike[:, i])[::-1][len(support) - 1] - 1e-6
            exact = np.linalg.solve(G[np.ix_(support, support)] + 1.5 * np.eye(len(support)), G[support, i])
            np.testing.assert_allclose(W[support, i], exact, atol=2e-6)


def test_the_last_column_of_an_inverse_and_what_cannot_be_inverted() -> None:
    half = np.random.default_rng(0).normal(size=(7, 5))
    matrix, out = half.T @ half, np.empty(5)
    wanted = np.linalg.inv(matrix)[:, -1]
    last_column(matrix.copy(), out)
    np.testing.assert_allclose(out, wanted, rtol=1e-9)
    last_column(-matrix, out)
    assert np.isnan(out).all()


def test_pruned_weights_are_the_same_bits_with_any_number_of_threads() -> None:
    X = met(60, 40, 0.2)
    found = []
    for n in (1, 3):
        with at_most(n):
            found.append(pruned_autoencoder(X, Autoencoder(2.0, 0.3, 0.2), 6))
    assert (found[0] != found[1]).nnz == 0
    assert found[0].data.tobytes() == found[1].data.tobytes()
