"""What people may say of a new user, and what they are told when it makes no sense."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fillrank as fr
from fillrank.data import Interactions, Split
from fillrank.errors import DataError, UnknownIdError
from fillrank.models import CMC, PureSVD
from fillrank.recommend.histories import as_log


@pytest.fixture(scope="module")
def model(parts: Split) -> fr.Recommender:
    return PureSVD(rank=6).fit(parts.train)


def test_a_list_is_one_user_without_ratings(ratings: Interactions) -> None:
    log = as_log(["film 3", "FILM 5"], ratings.item_ids, ratings)
    assert log.user_ids.ids.to_list() == ["new"]
    assert log.items.tolist() == [3, 5]
    assert log.values is None


def test_a_mapping_to_numbers_is_one_user_with_ratings(ratings: Interactions) -> None:
    log = as_log({"film 5": 2, "film 3": 4.5}, ratings.item_ids, ratings)
    assert dict(zip(log.items.tolist(), log.values.tolist(), strict=True)) == {3: 4.5, 5: 2.0}


def test_a_mapping_to_lists_is_several_users(ratings: Interactions) -> None:
    log = as_log({"b": ["film 1"], "a": ["film 2", "film 3"]}, ratings.item_ids, ratings)
    assert log.to_frame()["user_id"].to_list() == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("histories", "error", "message"),
    [
        ([], DataError, "the history of 'new' is empty"),
        ({}, DataError, "no history was given"),
        ({"a": []}, DataError, "the history of 'a' is empty"),
        ("film 1", DataError, "a history is a list of items, got the single 'film 1'"),
        ({"a": "film 1"}, DataError, "the history of 'a' must be a list of items or a mapping"),
        (["film 1", "film 1"], DataError, "the history of 'new' names an item twice"),
        ({"film 1": math.nan}, DataError, "the rating of 'film 1' by 'new' must be a finite number, got nan"),
        ({"a": {"film 1": 3}, "b": ["film 2"]}, DataError, "some histories have ratings and some have none"),
        (["flim 1"], UnknownIdError, "'flim 1' is neither an id nor a name in the data; did you mean 'film 1'"),
    ],
)
def test_what_makes_no_sense_is_said(histories, error, message: str, ratings: Interactions) -> None:
    with pytest.raises(error, match=message):
        as_log(histories, ratings.item_ids, ratings)


def test_a_known_user_folded_in_gets_the_same_list(model: fr.Recommender, parts: Split) -> None:
    rows = parts.train.select(parts.train.users == 4).to_frame()
    folded = model.fold_in(dict(zip(rows["item_id"], rows["value"], strict=True)))
    original = model.recommend([model.user_ids.ids[4]], k=8)
    assert folded.recommend(k=8)["item_id"].equals(original["item_id"])


def test_folding_in_finds_what_a_known_user_was_given(parts: Split) -> None:
    """The closed form on the item vectors ranks a held-out user's test items nearly as well as training did."""
    recipe = CMC(dim=8, rating_dim=4, epochs=8, learning_rate=0.02, batch_size=256, n_negatives=40)
    model = recipe.fit(parts.train, parts.valid)
    folded = model.scorer.fold_in(parts.train)
    trained, closed = (fr.evaluate(s, test=parts.test, train=parts.train)["ndcg@10"] for s in (model.scorer, folded))
    assert closed > 0.8 * trained


def test_a_bad_rating_pulls_the_predictions_down(parts: Split) -> None:
    from fillrank.models import BiasedSVD

    model = BiasedSVD(rank=4, user_shrinkage=5.0, item_shrinkage=3.0).fit(parts.train)
    low, high = (model.fold_in({"film 1": r, "film 2": r, "film 3": r}) for r in (0.5, 5.5))
    items = model.item_ids.ids.tail(20)
    users = ["new"] * 20
    assert np.mean(low.predict(users, items)) + 0.5 < np.mean(high.predict(users, items))
