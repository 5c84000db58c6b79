"""What came after a model's log, taken in: ids keep their indices, nothing seen is lost, and the lists follow."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fillrank as fr
from fillrank.data import IdMap, Interactions, synthetic
from fillrank.data.growing import grown_log
from fillrank.errors import DataError
from fillrank.models import Recipe
from fillrank.recommend import Recommender

Halves = tuple[Interactions, Interactions]
Pairs = list[tuple[int, int]]
SMALL = {"dim": 8, "epochs": 2, "batch_size": 512}
RECIPES: dict[str, Recipe] = {
    "popularity": fr.Popularity(),
    "pure-svd": fr.PureSVD(rank=4),
    "normalised-svd": fr.NormalisedSVD(rank=4, beta=0.5, power=0.0, method="exact"),
    "biased-svd": fr.BiasedSVD(rank=4, user_shrinkage=5.0, item_shrinkage=3.0),
    "sgd": fr.SGD(dim=4, epochs=4),
    "als": fr.ALS(dim=4, regularization=0.1, bias_regularization=5.0, iterations=4),
    "ials": fr.IALS(dim=8, unobserved_weight=0.1, regularization=0.01, iterations=4),
    "gibbs": fr.Gibbs(dim=4, iterations=12, burn_in=4),
    "cmc": fr.CMC(dim=8, rating_dim=4, epochs=2, batch_size=512, n_negatives=20),
    "cosines": fr.Contrastive(**SMALL),
    "popular": fr.Contrastive(**SMALL, popularity_weight=0.1, popularity_beta=0.2),
    "history": fr.Contrastive(encoder="history", **SMALL),
    "ease": fr.EASE(regularization=20.0),
    "item-knn": fr.ItemKNN(k=20),
    "user-knn": fr.UserKNN(k=20),
    "blended": fr.Blended(
        parts=[fr.PureSVD(rank=4), fr.IALS(dim=4, unobserved_weight=0.1, regularization=0.01)], weights=[1.0, 1.0]
    ),
}


@pytest.fixture(scope="module")
def whole() -> Interactions:
    return synthetic(120, 60, 3000, rank=4, seed=3).interactions


@pytest.fixture(scope="module")
def halves(whole: Interactions) -> tuple[Interactions, Interactions]:
    """A first part without the last users and items, and the rest of the log."""
    drawn = np.random.default_rng(0).random(len(whole)) < 0.9
    first = drawn & (whole.users < 110) & (whole.items < 56)
    return whole.select(first).compact(), whole.select(~first)


@pytest.fixture(scope="module", params=list(RECIPES))
def updated(request: pytest.FixtureRequest, halves: Halves) -> tuple[Recommender, Recommender]:
    model = RECIPES[request.param].fit(halves[0], progress=False)
    return model, model.update(halves[1])


def test_every_recipe_takes_in_users_items_and_rows(
    updated: tuple[Recommender, Recommender], whole: Interactions, tmp_path: Path
) -> None:
    model, after = updated
    assert after.user_ids.ids[: len(model.user_ids)].equals(model.user_ids.ids)
    assert after.item_ids.ids[: len(model.item_ids)].equals(model.item_ids.ids)
    assert (len(after.user_ids), len(after.item_ids)) == (whole.n_users, whole.n_items)
    rows = after.interactions.to_frame().sort("user_id", "item_id")
    assert rows.equals(whole.to_frame().sort("user_id", "item_id"))
    lists = after.recommend(k=5)
    assert len(lists) == 5 * whole.n_users
    assert lists.join(rows, on=["user_id", "item_id"], how="semi").is_empty()
    assert after.popularity.tolist() == after.interactions.item_counts.tolist()
    user, item = after.user_ids.ids[-1], after.item_ids.ids[-1]
    assert abs(after.explain(user, item)["contribution"].sum() - after.score([user], [item])[0]) < 1e-4 * max(
        1.0, abs(float(after.score([user], [item])[0]))
    )
    after.save(tmp_path / "model")
    assert Recommender.load(tmp_path / "model").recommend(k=3).equals(after.recommend(k=3))
    if after.predictor is not None:
        assert np.isfinite(after.predict([user], [item])).all()


def test_who_has_nothing_new_keeps_their_vector_and_known_items_theirs(
    halves: Halves,
) -> None:
    model = fr.Contrastive(**SMALL, neighbour_weight=0.0).fit(halves[0], progress=False)
    later = Interactions.from_arrays(["x", "x", "x"], model.item_ids.ids[:3], values=[1.0] * 3)
    numbers = Interactions.from_arrays([900, 900, 900], model.item_ids.ids[:3], values=[1.0] * 3)
    after = model.update(numbers)
    assert torch.equal(after.scorer.users[: model.scorer.n_users], model.scorer.users)
    assert torch.equal(after.scorer.items, model.scorer.items)
    folded = model.fold_in(model.item_ids.ids[:3].to_list())
    np.testing.assert_allclose(after.scorer.users[-1], folded.scorer.users[0], rtol=1e-4, atol=1e-6)
    with pytest.raises(DataError, match="the user_ids of the new rows are texts, such as 'x'"):
        model.update(later)


def test_new_items_of_a_plain_svd_are_what_its_map_says(halves: Halves) -> None:
    """Items whose users are those of a known item get that item's vector."""
    model = fr.PureSVD(rank=6, use_values=False).fit(halves[0].without_values())
    twin = model.item_ids.ids[5]
    users = model.user_ids.decode(halves[0].csc[:, [5]].indices)
    after = model.update(Interactions.from_arrays(users, [999] * len(users)))
    place, known = int(after.item_ids.encode([999])[0]), int(after.item_ids.encode([twin])[0])
    np.testing.assert_allclose(after.scorer.items[place], after.scorer.items[known], rtol=0.05, atol=0.02)


@pytest.mark.parametrize("power", [0.0, 1.0])
def test_new_items_of_a_normalised_svd_are_what_its_map_says(halves: Halves, power: float) -> None:
    """An item that was taken out of the log, but not out of the directions, comes back to where it was."""
    log = halves[0].without_values()
    model = fr.NormalisedSVD(rank=6, beta=0.3, power=power, method="exact").fit(log)
    users = model.user_ids.decode(log.csc[:, [5]].indices)
    after = model.update(Interactions.from_arrays(users, [999] * len(users)))
    place = int(after.item_ids.encode([999])[0])
    np.testing.assert_allclose(after.scorer.items[place], after.scorer.items[5], rtol=0.1, atol=0.03)


@pytest.mark.parametrize("name", ["pure-svd", "normalised-svd", "ials", "cosines"])
def test_a_new_item_is_like_the_item_whose_users_it_shares(name: str, halves: Halves) -> None:
    log = halves[0].without_values()
    model = RECIPES[name].fit(log, progress=False)
    place = int(log.item_counts.argmax())
    users = model.user_ids.decode(log.csc[:, [place]].indices)
    after = model.update(Interactions.from_arrays(users, [999] * len(users)))
    assert model.item_ids.ids[place] in after.similar_items(999, k=5)["item_id"].to_list()


def test_popularity_is_counted_again(halves: Halves) -> None:
    model = fr.Popularity().fit(halves[0])
    new = Interactions.from_arrays(range(500, 800), [4] * 300, values=[1.0] * 300)
    assert model.update(new).recommend([500], k=1, filter_seen=False)["item_id"].to_list() == [4]
    liked = fr.Popularity(positive_from=0.5).fit(halves[0])
    after = liked.update(Interactions.from_arrays(range(500, 800), [4] * 300, values=[0.0] * 300))
    assert torch.equal(after.scorer.item_bias, liked.scorer.item_bias)


def test_an_update_by_nothing_but_known_items_is_folding_in(halves: Halves) -> None:
    """Of a model whose users are folded in, such a user is a folded one."""
    model = fr.PureSVD(rank=4).fit(halves[0])
    user, item = model.user_ids.ids[2], model.recommend([model.user_ids.ids[2]], k=1)["item_id"][0]
    after = model.update(Interactions.from_arrays([user], [item], values=[2.0]))
    history = after.interactions.to_frame().filter(user_id=user)
    folded = model.fold_in(dict(zip(history["item_id"], history["value"], strict=True)))
    np.testing.assert_allclose(after.scorer.users[2], folded.scorer.users[0], rtol=1e-3, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    old=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30, unique=True),
    new=st.lists(st.tuples(st.integers(-3, 14), st.integers(-3, 14)), min_size=1, max_size=30, unique=True),
)
def test_a_grown_log_has_all_rows_and_old_ids_where_they_were(
    old: list[tuple[int, int]], new: list[tuple[int, int]]
) -> None:
    first = Interactions.from_arrays(*zip(*old, strict=True), values=[1.0] * len(old))
    second = Interactions.from_arrays(*zip(*new, strict=True), values=[2.0] * len(new))
    both = grown_log(first, second)
    expected = dict.fromkeys(old, 1.0) | dict.fromkeys(new, 2.0)
    assert {(u, i): v for u, i, v in both.to_frame().iter_rows()} == expected
    for kind in ("user_ids", "item_ids"):
        known, grown = getattr(first, kind), getattr(both, kind)
        assert grown.ids[: len(known)].equals(known.ids)
        assert grown.encode(grown.ids).tolist() == list(range(len(grown)))
        assert grown.encode(grown.ids.cast(pl.String)).tolist() == list(range(len(grown)))
    assert both.compact().to_frame().sort("user_id", "item_id").equals(both.to_frame().sort("user_id", "item_id"))


def test_ids_that_follow_are_found_alone_and_in_a_crowd() -> None:
    ids = IdMap([5, 900]).followed_by([7, 1]).followed_by([6])
    assert ids.ids.to_list() == [5, 900, 1, 7, 6]
    assert [int(ids.encode([one])[0]) for one in (5, 900, 1, 7, 6)] == [0, 1, 2, 3, 4]
    assert ids.encode([*range(100), 900], unknown="mark").tolist() == [
        {5: 0, 1: 2, 7: 3, 6: 4}.get(n, -1) for n in range(100)
    ] + [1]
    named = IdMap(["a"], labels=["Alien"]).followed_by(["b"]).followed_by(["c"], labels=["Heat"])
    assert named.resolve("heat") == 2
    assert named.label(1) == "b"
    with pytest.raises(DataError, match="id 5 is in the map already"):
        ids.followed_by([5])
    with pytest.raises(DataError, match="cannot follow ids of"):
        ids.followed_by(["x"])


def test_an_update_that_makes_no_sense_says_why(halves: Halves) -> None:
    model = fr.PureSVD(rank=2).fit(halves[0])
    with pytest.raises(DataError, match="there is nothing new: the log has no rows"):
        model.update(halves[1].select(np.zeros(0, dtype=np.int64)))
    with pytest.raises(DataError, match="the new rows have no values, and the log of the model has some"):
        model.update(halves[1].without_values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        neural = fr.NeuMF(dim=4, epochs=1, batch_size=512).fit(halves[0], progress=False)
    with pytest.raises(DataError, match="a network over pairs cannot take in new rows"):
        neural.update(halves[1])
    bare = replace(model, scorer=replace(model.scorer, folding=None))
    with pytest.raises(DataError, match="nothing new can be taken in; fit again"):
        bare.update(halves[1])
