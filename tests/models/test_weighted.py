"""Weights of rows in the recipes: a weight of w counts as w rows, useless ones do no harm, and 0 says nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import fillrank as fr
from fillrank.data import Interactions, Split
from fillrank.errors import DataError
from fillrank.factors import Factors
from fillrank.models import RECIPES, Contrastive
from fillrank.models.row_weights import weighed
from fillrank.solvers.sparse.ials import ImplicitLoss, ials, ials_iterations

QUICK = {"dim": 8, "epochs": 3, "batch_size": 64, "sampler_settings": {"n_negatives": 16}}


def with_weights(log: Interactions, weights: object) -> Interactions:
    return replace(log, weights=np.asarray(weights, dtype=np.float32))


def events(seed: int = 0, n_users: int = 80, n_items: int = 60) -> Interactions:
    """Purchases go by taste (users and items of two kinds), and weigh 10; three times as many views by chance."""
    rng = np.random.default_rng(seed)
    users, items = np.divmod(rng.permutation(n_users * n_items), n_items)
    bought = (users % 4 == items % 4) & (rng.random(len(users)) < 0.6)
    viewed = ~bought & (rng.random(len(users)) < 0.3)
    kept = bought | viewed
    return Interactions.from_arrays(users[kept], items[kept], weights=np.where(bought[kept], 10, 1))


def halves(log: Interactions, seed: int = 0) -> Split:
    """A split whose validation and test parts are purchases alone."""
    parts = fr.split.random(log, test=0.2, valid=0.2, seed=seed)
    assert parts.valid is not None
    bought = [part.select(part.weights > 1) for part in (parts.valid, parts.test)]  # type: ignore[operator]
    return Split(parts.train, bought[0], bought[1], parts.protocol)


def test_a_weight_is_a_confidence_in_the_loss_and_in_its_minimum() -> None:
    log = weighed(events(n_users=20, n_items=12), 1.0)
    loss = ImplicitLoss(0.1, 0.01, 0.7)
    found = ials(log, 5, loss, iterations=4)
    users, items = (side.double().requires_grad_() for side in (found.users, found.items))
    w = torch.tensor(log.weighted_csr.toarray()).double()
    n_users, n_items = w.shape
    scores = users @ items.T
    written = (w * (scores - 1) ** 2).sum() + 0.1 * (scores**2).sum()
    written = written + 0.01 * (((w.sum(1) + 0.1 * n_items) ** 0.7) * (users**2).sum(1)).sum()
    written = written + 0.01 * (((w.sum(0) + 0.1 * n_users) ** 0.7) * (items**2).sum(1)).sum()
    assert loss.value(found, log) == pytest.approx(written.item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(written, users)
    assert gradient.abs().max() < 2e-3 * scores.abs().max()  # the users are at the minimum for these items


def test_a_weight_of_2_is_the_loss_of_two_rows_and_0_that_of_none() -> None:
    log = Interactions.from_arrays(list("aab"), [1, 2, 1])
    factors = Factors(torch.tensor([[0.4], [0.9]]), torch.tensor([[0.7], [0.2]]))
    loss = ImplicitLoss(0.0, 0.0)
    one, doubled = loss.value(factors, log.select([0])), loss.value(factors, with_weights(log, [2, 1, 1]))
    assert doubled == pytest.approx(loss.value(factors, log) + one)
    assert loss.value(factors, with_weights(log, [1, 0, 1])) == pytest.approx(loss.value(factors, log.select([0, 2])))


def test_weights_that_are_all_the_same_change_no_bit() -> None:
    log = events(n_users=20, n_items=24).without_weights()
    same = with_weights(log, np.full(len(log), 7.3))
    assert weighed(same, 1.0).weights is None
    first, second = (next(ials_iterations(weighed(one, 1.0), 4)) for one in (log, same))
    assert torch.equal(first.users, second.users)
    for recipe in (Contrastive(**QUICK), fr.CMC(dim=4, epochs=2)):
        one, two = (recipe.fit(log, progress=False).scorer for log in (log, same))
        assert torch.equal(one.users, two.users)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "recipe",
    [
        fr.IALS(dim=8, iterations=4, method="cg"),
        Contrastive(dim=16, epochs=10, batch_size=256, sampler_settings={"n_negatives": 32}),
    ],
    ids=["ials", "contrastive"],
)
def test_purchases_tell_the_taste_and_the_right_weight_is_found(recipe: fr.models.Recipe) -> None:
    parts = halves(events(seed=3))
    weighted = recipe.fit(parts.train, parts.valid, refit=False, progress=False)
    assert weighted.settings["weight_power"] > 0
    plain = type(recipe)(**{**recipe.model_dump(exclude_unset=True), "weight_power": 0.0})
    other = plain.fit(parts.train, parts.valid, refit=False, progress=False)
    metrics = [fr.evaluate(model, parts, k=5).metrics["ndcg@5"] for model in (weighted, other)]
    assert metrics[0] > 1.1 * metrics[1]


def test_popularity_counts_weights() -> None:
    log = Interactions.from_arrays(list("abc"), ["tea", "rum", "rum"], weights=[10, 1, 0])
    assert fr.Popularity().fit(log).recommend(["c"], k=1, filter_seen=False)["item_id"].to_list() == ["tea"]


@pytest.mark.parametrize("kind", sorted(set(RECIPES) - {"neumf", "lightgcn", "mmcl", "ccl", "blended", "auto"}))
def test_rows_of_weight_0_are_seen_and_not_learnt(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    log = events(n_users=24, n_items=16)
    rng = np.random.default_rng(0)
    weights = np.where(rng.random(len(log)) < 0.2, 0, log.weights)
    log = replace(with_weights(log, weights), values=rng.integers(1, 6, len(log)).astype(np.float32))
    recipe = RECIPES[kind]
    few = {"dim": 4, "rank": 4, "epochs": 2, "iterations": 2, "batch_size": 64, "burn_in": 1}
    model = recipe(**{name: n for name, n in few.items() if name in recipe.model_fields}).fit(log, progress=False)
    assert len(model.interactions) == len(log)
    seen = set(zip(log.users.tolist(), log.items.tolist(), strict=True))
    lists = model.recommend(k=3)
    listed = zip(log.user_ids.encode(lists["user_id"]), log.item_ids.encode(lists["item_id"]), strict=True)
    assert not seen & set(listed)
    said = [record.getMessage() for record in caplog.records if "does not use the weights" in record.getMessage()]
    assert bool(said) == (not recipe.uses_weights)


def test_a_log_in_which_nothing_counts_is_refused() -> None:
    log = with_weights(Interactions.from_arrays([1, 2], [1, 2]), [0, 0])
    for recipe in (fr.Popularity(), fr.IALS(), fr.PureSVD(rank=1)):
        with pytest.raises(DataError, match=r"there is nothing to learn from: .* has no rows of a weight above 0"):
            recipe.fit(log)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_powers_keep_the_order_and_the_mean(power: float) -> None:
    log = with_weights(Interactions.from_arrays(range(5), range(5)), [0, 1e-30, 1e-3, 5, 1e30])
    found = weighed(log, power).weights
    assert found is not None
    assert found[0] == 0
    assert found[1:].mean() == pytest.approx(1, rel=1e-5)
    assert (np.diff(found[1:]) >= 0).all()
    assert (found[1:] > 0).all()
