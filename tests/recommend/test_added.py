"""Items and users that nobody has met, by their features: they are listed, saved, and what cannot be says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fillrank as fr
from fillrank.errors import DataError, SettingsError
from fillrank.runtime import notices

QUICK = {"dim": 8, "epochs": 15, "learning_rate": 0.02, "batch_size": 256, "n_negatives": 20}
KINDS = np.array(["red", "green", "blue"])


@pytest.fixture(scope="module")
def films() -> pl.DataFrame:
    """48 films of three kinds; the last 12 are met by nobody."""
    return pl.DataFrame({"item": range(48), "kind": KINDS[np.arange(48) % 3], "year": [1950.0 + n for n in range(48)]})


@pytest.fixture(scope="module")
def log(films: pl.DataFrame) -> fr.Interactions:
    """Each of 60 users meets films of one kind: red, green, blue in turn; and has an age of that kind."""
    rng = np.random.default_rng(0)
    pairs = [(user, item) for user in range(60) for item in range(36) if item % 3 == user % 3 and rng.random() < 0.6]
    users, items = zip(*pairs, strict=True)
    people = pl.DataFrame({"user": range(60), "likes": KINDS[np.arange(60) % 3]})
    return fr.Interactions.from_arrays(users, items).with_features(items=films, users=people)


@pytest.fixture(scope="module")
def model(log: fr.Interactions) -> fr.Recommender:
    return fr.Contrastive(**QUICK, neighbour_weight=0.1, popularity_weight=0.01).fit(log, progress=False)


def kinds_of(lists: pl.DataFrame) -> float:
    """How often an item is of its user's kind."""
    return float(np.mean(lists["user_id"].to_numpy() % 3 == lists["item_id"].to_numpy() % 3))


def test_a_log_with_features_is_learnt_with_them(model: fr.Recommender, log: fr.Interactions) -> None:
    assert model.settings["encoder"] == "features"
    plain = fr.Contrastive(**QUICK, encoder="mf").fit(log, progress=False)
    assert plain.settings["encoder"] == "mf"
    again = fr.Contrastive(**model.settings).fit(log, progress=False)
    assert again.recommend(k=5).equals(model.recommend(k=5))


def test_new_items_are_listed_to_those_who_like_their_kind(model: fr.Recommender, films: pl.DataFrame) -> None:
    wider = model.add_items(films)
    assert len(wider.item_ids) == 48
    assert wider.item_ids.ids[:36].equals(model.item_ids.ids)
    assert kinds_of(wider.recommend(k=4, items=list(range(36, 48)))) > 0.9
    assert set(wider.recommend(k=20)["item_id"]) & set(range(36, 48))
    old = wider.recommend(k=5, items=list(range(36)))
    assert old.equals(model.recommend(k=5))


def test_new_users_get_what_those_like_them_like(model: fr.Recommender) -> None:
    people = pl.DataFrame({"user": [60, 61, 62], "likes": KINDS})
    assert kinds_of(model.add_users(people).recommend([60, 61, 62], k=5)) == 1.0


@pytest.mark.parametrize(
    "ranked", [{"similarity": "dot"}, {"popularity_beta": 0.2}, {"neighbour_weight": 0.0}], ids=str
)
def test_whatever_ranks(ranked: dict[str, object], log: fr.Interactions, films: pl.DataFrame) -> None:
    wider = fr.Contrastive(**{**QUICK, **ranked}).fit(log, progress=False).add_items(films)
    assert kinds_of(wider.recommend(k=4, items=list(range(36, 48)))) > 0.9


def test_a_cold_item_that_the_log_knows_is_as_one_that_is_added(log: fr.Interactions, films: pl.DataFrame) -> None:
    whole = fr.Interactions.from_arrays([*log.users, 0], [*log.items, 47])
    inside = whole.select(whole.items != whole.n_items - 1).with_features(items=films)
    trained = fr.Contrastive(**QUICK, neighbour_weight=0.0).fit(inside, progress=False)
    features = trained.scorer.features
    alone, _ = features.items.of(inside.item_features)
    here, there = trained.scorer.items[-1], alone[-1]
    np.testing.assert_allclose(here / here.norm(), there / there.norm(), atol=1e-6)


def test_saved_and_loaded(model: fr.Recommender, films: pl.DataFrame, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    again = fr.Recommender.load(tmp_path / "model")
    assert str(again.interactions.item_features) == str(model.interactions.item_features)
    one, other = model.add_items(films), again.add_items(films)
    assert one.recommend(k=10).equals(other.recommend(k=10))
    other.save(tmp_path / "wider")
    assert fr.Recommender.load(tmp_path / "wider").recommend(k=10).equals(one.recommend(k=10))


def test_rules_and_tables_follow(model: fr.Recommender, films: pl.DataFrame) -> None:
    wider = model.with_item_table(films).add_items(films)
    red = wider.recommend(k=5, where={"kind": "red"})
    assert set(red["item_id"].to_numpy() % 3) == {0}
    assert wider.popularity[-12:].tolist() == [0] * 12


def test_explanations_of_new_items_add_up(model: fr.Recommender, films: pl.DataFrame) -> None:
    wider = model.add_items(films)
    parts = wider.explain(3, 39)
    assert parts["contribution"].sum() == pytest.approx(float(wider.score([3], [39])[0]), abs=1e-5)


def test_updates_keep_features_and_take_in_new_ones(model: fr.Recommender, films: pl.DataFrame) -> None:
    later = fr.Interactions.from_arrays([0, 70, 70], [36, 36, 3]).with_features(items=films)
    updated = model.update(later)
    assert updated.interactions.item_features.ids.ids.to_list() == [*range(36), 36]
    assert len(updated.add_items(films).item_ids) == 48


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (pl.DataFrame({"item": [1], "kind": ["red"], "year": [1]}), "all 1 items are known to the model already"),
        (pl.DataFrame({"item": [99], "kind": ["red"]}), "nothing of that name where the model learnt of 'year'"),
        (
            pl.DataFrame({"item": [99], "kind": ["red"], "year": ["old"]}),
            "column 'year' holds numbers",
        ),
        (5, "a table of features is a table of pandas"),
    ],
)
def test_what_cannot_be_added(model: fr.Recommender, given, message: str) -> None:
    with pytest.raises(DataError, match=message):
        model.add_items(given)


def test_models_that_learn_nothing_of_features_say_so(
    log: fr.Interactions, films: pl.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    notices._NOTICES.forget()
    plain = fr.PureSVD(rank=4).fit(log)
    assert "pure-svd does not use the features of items and users; Contrastive does" in caplog.text
    with pytest.raises(DataError, match="this model has learnt nothing of features"):
        plain.add_items(films)
    with pytest.raises(DataError, match="ItemWeights has no vectors of features"):
        fr.EASE(regularization=10.0).fit(log).add_items(films)
    only_items = fr.Contrastive(**QUICK).fit(replace(log, user_features=None), progress=False)
    with pytest.raises(DataError, match="learnt nothing of features of users"):
        only_items.add_users(pl.DataFrame({"user": [99], "likes": ["red"]}))


def test_features_that_are_not_there(log: fr.Interactions) -> None:
    bare = replace(log, item_features=None, user_features=None)
    with pytest.raises(SettingsError, match="encoder='features' learns from features, and the log has none"):
        fr.Contrastive(**QUICK, encoder="features").fit(bare, progress=False)
