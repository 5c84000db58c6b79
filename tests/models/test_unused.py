"""What is given and not used is said, once and in one way; what would turn its sign is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import fillrank as fr
from fillrank.data import Interactions, Split
from fillrank.errors import DataError
from fillrank.models import ALS, CMC, IALS, RECIPES, SGD, Contrastive, NormalisedSVD, Popularity, PureSVD

FAST = {"dim": 4, "epochs": 1}
DECIDED = {"neighbour_weight": 0.0, "popularity_beta": 0.0, "loss_settings": {"temperature": 0.2}}  # nothing to choose
OF_PAIRS = {
    "normalised-svd": NormalisedSVD(rank=4, beta=0.5, power=0.0),
    "ials": IALS(dim=4, unobserved_weight=0.1, regularization=0.01, iterations=1),
    "contrastive": Contrastive(**FAST),
}


@pytest.mark.parametrize("name", OF_PAIRS)
def test_ratings_that_a_model_does_not_use_are_said_to_be_unused_once(
    name: str, parts: Split, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        OF_PAIRS[name].fit(parts.train, parts.valid)
    lines = [line for line in caplog.messages if "does not use the ratings" in line]
    below = int((parts.train.values < 0).sum())
    assert lines == [line for line in lines if line.startswith(f"{name} does not use the ratings: every row counts")]
    assert len(lines) == 1
    assert (f"the {below:,} below 0 too" in lines[0]) == (below > 0)


@pytest.mark.parametrize("name", ["popularity", "pure-svd", "als", "cmc"])
def test_models_that_use_ratings_say_nothing(name: str, parts: Split, caplog: pytest.LogCaptureFixture) -> None:
    own = {"rank": 4, "regularization": 0.1, "dim": 4, "epochs": 1, "iterations": 1}
    kind = RECIPES[name]
    kind(**{key: value for key, value in own.items() if key in kind.model_fields}).fit(parts.train, refit=False)
    assert not [line for line in caplog.messages if "does not" in line]


def test_events_and_values_that_are_all_alike_say_nothing(parts: Split, caplog: pytest.LogCaptureFixture) -> None:
    NormalisedSVD(rank=4, beta=0.5, power=0.0).fit(parts.train.without_values())
    NormalisedSVD(rank=4, beta=0.5, power=0.0).fit(
        replace(parts.train, values=np.ones(len(parts.train), dtype=np.float32))
    )
    Contrastive(**FAST, positive_from=3).fit(parts.train)
    assert not [line for line in caplog.messages if "does not use" in line]


@pytest.mark.parametrize("name", OF_PAIRS)
def test_a_dislike_is_not_taken_for_a_liking(name: str, parts: Split, caplog: pytest.LogCaptureFixture) -> None:
    model = OF_PAIRS[name].fit(parts.train.without_values())
    with pytest.raises(DataError, match=f"the rating of 0 by 'new' is -3, and to {name} each item .* was liked"):
        model.fold_in({0: -3})
    caplog.clear()
    for _ in range(2):
        model.fold_in({0: 5, 1: 2})
    assert [line for line in caplog.messages if "not used" in line] == [
        f"the ratings of new users are not used: to {name} each item of a history is one that was liked"
    ]


def test_a_dislike_is_one_to_a_model_of_ratings(parts: Split) -> None:
    model = ALS(dim=4, regularization=0.1, iterations=2).fit(parts.train)
    assert model.fold_in({0: -3.0}).recommend(k=3).height == 3


def test_a_history_without_ratings_leaves_a_user_of_a_rating_model_at_the_average(
    parts: Split, caplog: pytest.LogCaptureFixture
) -> None:
    ALS(dim=4, regularization=0.1, iterations=2).fit(parts.train).fold_in([0, 1])
    assert "als learns from ratings, and a new user without any stays at the average" in caplog.text


@pytest.mark.parametrize("objective", ["ials", "loss"])
def test_histories_over_given_items_are_treated_alike(objective: str, caplog: pytest.LogCaptureFixture) -> None:
    items = torch.eye(3)
    with pytest.raises(DataError, match=f"is -3, and to objective '{objective}' each item"):
        fr.fold_in(items, [{0: -3.0}], objective=objective)
    fr.fold_in(items, [{0: 3.0, 1: 1.0}], objective=objective)
    assert f"objective '{objective}' does not use ratings" in caplog.text


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (
            Popularity(user_shrinkage=1.0),
            "popularity does not use user_shrinkage here; it does if there",
        ),
        (
            Popularity(positive_from="relevant"),
            "popularity does not use positive_from here; it does if the log",
        ),
        (CMC(**FAST, n_negatives=9), "cmc does not use n_negatives here; it does if negatives='uniform'"),
        (CMC(**FAST, rating_dim=3), "cmc does not use rating_dim here; it does if there are ratings"),
        (IALS(dim=2, iterations=1, steps=5), "ials does not use steps here; it does if method='cg'"),
        (Contrastive(**FAST, positive_from="relevant"), "contrastive does not use positive_from here; it does if"),
        (
            Contrastive(**FAST, **DECIDED, patience=9),
            "contrastive does not use patience here; it does if there is",
        ),
    ],
)
def test_settings_without_effect_are_said_to_have_none(recipe, said: str, parts: Split, caplog) -> None:
    recipe.fit(parts.train.without_values())
    assert said in caplog.text


def test_settings_that_are_left_alone_are_not_spoken_of(parts: Split, caplog: pytest.LogCaptureFixture) -> None:
    model = SGD(dim=2, epochs=2).fit(parts.train, parts.valid)
    SGD(**model.settings).fit(parts.train)
    PureSVD(rank=4).fit(parts.train)
    assert not [line for line in caplog.messages if "does not use" in line]


def test_relevance_without_values_is_refused_where_the_log_is_made() -> None:
    with pytest.raises(DataError, match="relevant_from=4 asks for values, and this log has none"):
        Interactions.from_arrays([1], [2], relevant_from=4)


@pytest.mark.parametrize(
    "model",
    [ALS(dim=3, regularization=1.0, iterations=2), PureSVD(rank=3)],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.parametrize("stray", [-7.0, 50.0])
def test_ratings_outside_of_the_range_that_was_learnt_from_are_said_once(
    model: Any, stray: float, parts: Split, caplog: pytest.LogCaptureFixture
) -> None:
    fitted = model.fit(parts.train)
    low, high = fitted.value_range
    first, second = fitted.item_ids.ids[0], fitted.item_ids.ids[1]
    fitted.fold_in({first: low, second: high})
    assert not [line for line in caplog.messages if "outside of" in line]
    for _ in range(2):
        fitted.fold_in({first: high, second: stray})
    lines = [line for line in caplog.messages if "outside of" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"some ratings of new users are outside of {low:g} to {high:g}, the range that ")
