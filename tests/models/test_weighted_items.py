"""Weights of rows in item-to-item models: a written formula, in every form of it, for known and for new users."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import fillrank as fr
from fillrank.data import Interactions, Split
from fillrank.evaluation import Evaluator

GIVEN = {
    "primal": (60, 25, fr.EASE(regularization=5.0, weight_power=1.0)),
    "dual": (20, 50, fr.RDLAE(regularization=5.0, dropout=0.3, max_diagonal=0.2, weight_power=0.5)),
    "pruned": (60, 25, fr.EDLAE(regularization=5.0, dropout=0.3, density=0.96, weight_power=2.0)),
    "item-knn": (60, 25, fr.ItemKNN(similarity="pearson", k=10, shrinkage=1.0, weight_power=1.0)),
    "averaged": (60, 25, fr.ItemKNN(similarity="cosine", k=10, shrinkage=1.0, averaged=True, weight_power=1.0)),
}
EACH = pytest.mark.parametrize("name", GIVEN)


def weighted(m: int, n: int, seed: int = 0) -> Interactions:
    random = np.random.default_rng(seed)
    users, items = np.nonzero(random.random((m, n)) < 0.4)
    return Interactions.from_arrays(users, items, weights=random.choice([1.0, 3.0, 10.0], len(users)))


def rows_of(log: Interactions, power: float) -> np.ndarray:
    """The rows that stand for ones, as the documentation has them."""
    rows = np.zeros((log.n_users, log.n_items))
    amounts = log.weights.astype(float) ** power
    rows[log.users, log.items] = amounts / amounts.mean()
    return rows


@pytest.mark.parametrize("name", ["primal", "dual", "pruned"])
def test_the_weights_take_the_place_of_the_ones_in_the_formula(name: str) -> None:
    m, n, recipe = GIVEN[name]
    log = weighted(m, n)
    X = rows_of(log, float(recipe.weight_power))
    G = X.T @ X
    dropout, limit = getattr(recipe, "dropout", 0.0), getattr(recipe, "max_diagonal", 0.0)
    ridge = 5.0 + dropout / (1 - dropout) * np.diag(G)
    C = np.linalg.inv(G + np.diag(ridge))
    own = np.diag(C)
    W = -C * np.where(1 - ridge * own > limit, (1 - limit) / own, ridge)
    np.fill_diagonal(W, 0)
    scores = recipe.fit(log, progress=False).scorer.score(torch.arange(m)).numpy()
    np.testing.assert_allclose(scores, X @ W, atol=2e-5)


def test_similarities_of_weighted_items_are_those_of_their_columns() -> None:
    log = weighted(60, 25)
    X = rows_of(log, 1.0)
    cosines = X.T @ X / (np.sqrt(np.outer((X**2).sum(0), (X**2).sum(0))) + 1.0)
    np.fill_diagonal(cosines, 0)
    model = fr.ItemKNN(similarity="cosine", k=24, shrinkage=1.0, weight_power=1.0).fit(log, progress=False)
    np.testing.assert_allclose(model.scorer.score(torch.arange(60)).numpy(), X @ cosines, rtol=1e-4)
    centred = X - X.mean(0)
    alike = np.corrcoef(centred.T)
    np.fill_diagonal(alike, 0)
    model = fr.ItemKNN(similarity="pearson", k=24, shrinkage=0.0, weight_power=1.0).fit(log, progress=False)
    np.testing.assert_allclose(model.scorer.score(torch.arange(60)).numpy(), X @ np.maximum(alike, 0), atol=1e-4)


@EACH
def test_a_new_user_with_the_same_events_is_the_known_user(name: str, tmp_path) -> None:
    m, n, recipe = GIVEN[name]
    log = weighted(m, n)
    model = recipe.fit(log, progress=False)
    known = model.scorer.score(torch.arange(m))
    assert torch.allclose(model.scorer.fold_in(log).score(torch.arange(m)), known, atol=1e-5)
    model.save(tmp_path / "model")
    again = fr.Recommender.load(tmp_path / "model")
    assert torch.equal(again.scorer.score(torch.arange(m)), known)
    assert torch.allclose(again.scorer.fold_in(log).score(torch.arange(m)), known, atol=1e-5)
    first = model.recommend(k=1)[0]
    told = model.explain(first["user_id"][0], first["item_id"][0])
    assert told["contribution"].sum() == pytest.approx(first["score"][0], abs=1e-5)


@EACH
def test_weights_that_are_alike_or_have_the_power_0_make_no_difference(name: str) -> None:
    m, n, recipe = GIVEN[name]
    log = weighted(m, n)
    plain = recipe.fit(log.without_weights(), progress=False).scorer.score(torch.arange(m))
    alike = replace(log, weights=np.full(len(log), 7.0, dtype=np.float32))
    unused = type(recipe)(**{**recipe.model_dump(), "weight_power": 0.0})
    assert torch.allclose(recipe.fit(alike, progress=False).scorer.score(torch.arange(m)), plain, atol=1e-5)
    assert torch.equal(unused.fit(log, progress=False).scorer.score(torch.arange(m)), plain)


def test_the_power_that_tells_taste_from_noise_is_found() -> None:
    """What was bought tells the taste, what was seen is noise; what is to be found was bought."""
    random = np.random.default_rng(0)
    users, items = np.divmod(np.arange(120 * 60), 60)
    taste = users % 4 == items % 4
    bought, seen = taste & (random.random(7200) < 0.6), random.random(7200) < 0.3
    kept = bought | seen
    log = Interactions.from_arrays(users[kept], items[kept], weights=(1 + 9 * bought)[kept])
    held = (log.weights > 1) & (random.random(len(log)) < 0.2)
    parts = Split(log.select(~held), log.select(held), log.select(np.zeros(len(log), dtype=bool)), {})
    evaluator = Evaluator(parts.valid, train=parts.train, seen=parts.train.csr, k=10, metrics=("ndcg",))
    for kind in (fr.EASE, fr.ItemKNN):
        with_weights = kind().fit(parts.train, parts.valid, refit=False, progress=False)
        without = kind().fit(parts.train.without_weights(), parts.valid.without_weights(), refit=False, progress=False)
        assert with_weights.settings["weight_power"] > 0
        assert evaluator.run(with_weights)["ndcg@10"] > 1.1 * evaluator.run(without.scorer)["ndcg@10"]
