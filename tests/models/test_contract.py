"""What every recipe must do, on data whose answer is known by construction."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import fillrank as fr
from fillrank.data import Split, checkerboard
from fillrank.errors import DataError, SettingsError, UnknownIdError
from fillrank.models import RECIPES, Contrastive, NormalisedSVD, PureSVD, Recipe
from fillrank.testing import check_model

SMALL = {
    "popularity": {},
    "pure-svd": {"rank": 4},
    "normalised-svd": {"rank": 4, "beta": 0.5, "power": 0.0},
    "biased-svd": {"rank": 4, "user_shrinkage": 5.0, "item_shrinkage": 3.0},
    "sgd": {"dim": 4, "epochs": 10},
    "als": {"dim": 4, "iterations": 6},
    "ials": {"dim": 8, "unobserved_weight": 0.1, "regularization": 0.01, "iterations": 6},
    "ease": {"regularization": 10.0},
    "edlae": {"regularization": 10.0, "dropout": 0.3},
    "rdlae": {"regularization": 10.0, "dropout": 0.3, "max_diagonal": 0.2},
    "item-knn": {"similarity": "cosine", "k": 10, "shrinkage": 1.0},
    "user-knn": {"similarity": "cosine", "k": 10, "shrinkage": 1.0},
    "slim": {"regularization": 10.0, "lasso": 0.1, "k": 20},
    "rp3-beta": {"alpha": 1.0, "beta": 0.3, "k": 20},
    "elsa": {"dim": 8, "epochs": 60},
    "multvae": {"dim": 4, "hidden": 16, "epochs": 30, "learning_rate": 0.01, "dropout": 0.2},
    "gibbs": {"dim": 4, "iterations": 30, "burn_in": 10},
    "cmc": {
        "dim": 8,
        "rating_dim": 4,
        "epochs": 6,
        "learning_rate": 0.02,
        "batch_size": 256,
        "n_negatives": 40,
    },
}
SMALL["blended"] = {
    "parts": [{"model": name, "settings": SMALL[name]} for name in ("pure-svd", "normalised-svd", "cmc")],
    "weights": [2.0, 1.0, 1.0],
}
CONTRASTIVE = {name for name, kind in RECIPES.items() if issubclass(kind, Contrastive)}
SMALL |= {
    name: {
        "dim": 8,
        "epochs": 6,
        "learning_rate": 0.02,
        "batch_size": 256,
        "sampler_settings": {"n_negatives": 20},
        "neighbour_weight": 0.0,
        "popularity_beta": 0.0,
    }
    for name in CONTRASTIVE
}
SMALL["lightgcn"] |= {"views": "edge-dropout"}
SMALL["auto"] = {  # what a search has found: a search itself ends by the clock
    "ranker": {"model": "pure-svd", "settings": SMALL["pure-svd"]},
    "predictor": {"model": "biased-svd", "settings": SMALL["biased-svd"]},
}
RATING_ONLY = {name for name, kind in RECIPES.items() if kind.needs_values}
OF_KNOWN_USERS = {"neumf"}
"""Recipes that cannot fold new users in."""
PERSONAL = [name for name in RECIPES if name not in {"popularity", *RATING_ONLY}]


def small(name: str, **more) -> Recipe:
    return RECIPES[name](**{**SMALL.get(name, {}), **more})


@pytest.fixture(scope="module", params=list(RECIPES))
def fitted(request: pytest.FixtureRequest, parts: Split) -> fr.Recommender:
    return small(request.param).fit(parts.train, parts.valid, refit=False)


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_passes_the_battery(name: str, parts: Split) -> None:
    check_model(small(name), parts=parts)


def test_everything_is_listed_where_seen_items_are_asked_for(fitted: fr.Recommender, parts: Split) -> None:
    everything = fitted.recommend(k=parts.train.n_items, filter_seen=False)
    assert len(everything) == parts.train.n_users * parts.train.n_items
    assert everything["rank"].to_list() == list(range(1, parts.train.n_items + 1)) * parts.train.n_users


@pytest.mark.parametrize("name", PERSONAL)
def test_even_users_get_even_items(name: str) -> None:
    """On a checkerboard the one item of a user's colour that was held out comes first."""
    board = checkerboard(20)
    more = (
        {"rank": 2}
        if "svd" in name
        else {}
        if name not in {"blended", "cmc", *CONTRASTIVE}
        else {"epochs": 30, "batch_size": 64, "dropout": 0.0}
        if name in CONTRASTIVE
        else {"parts": [PureSVD(rank=2), NormalisedSVD(rank=2, beta=0.5, power=0.0)], "weights": [1.0, 1.0]}
        if name == "blended"
        else {"epochs": 30, "rating_share": 0.0, "batch_size": 64, "n_negatives": 20}
    )
    model = small(name, **more).fit(board)
    lists = model.recommend(k=1)
    same = [str(user) == str(item) for user, item in zip(lists["user_id"], lists["item_id"], strict=True)]
    assert np.mean(same) > 0.9


def test_items_and_exclude_limit_what_is_listed(fitted: fr.Recommender) -> None:
    some = fitted.item_ids.ids.head(12).to_list()
    listed = set(fitted.recommend(k=20, items=some, exclude=some[:3], filter_seen=False)["item_id"])
    assert listed == set(some[3:])


def test_unknown_users_are_an_error_or_skipped_or_get_the_popular_items(fitted: fr.Recommender, parts: Split) -> None:
    known = fitted.user_ids.ids[0]
    with pytest.raises(UnknownIdError, match="1 of 2 ids are not in the data: 'nobody'"):
        fitted.recommend(["nobody", known])
    assert fitted.recommend(["nobody", known], k=3, unknown="skip")["user_id"].unique().to_list() == [known]
    popular = fitted.recommend(["nobody", known], k=3, unknown="popular")
    assert popular["user_id"].to_list()[:3] == ["nobody"] * 3
    best = np.argsort(-(parts.train.item_counts + parts.valid.item_counts), kind="stable")[:3]
    assert popular["item_id"].to_list()[:3] == fitted.item_ids.decode(best).to_list()
    with pytest.raises(SettingsError, match="unknown must be 'raise', 'skip' or 'popular', got 'guess'"):
        fitted.recommend([known], unknown="guess")


def test_predictions_stay_on_the_scale_and_beat_the_mean(fitted: fr.Recommender, parts: Split) -> None:
    frame = parts.test.to_frame()
    if fitted.predictor is None:
        with pytest.raises(DataError, match="ranks items but predicts no values"):
            fitted.predict(frame["user_id"], frame["item_id"])
        return
    predicted = fitted.predict(frame["user_id"], frame["item_id"])
    low, high = parts.train.value_range or (0, 0)
    assert predicted.min() >= low
    assert predicted.max() <= high
    error = np.square(predicted - frame["value"].to_numpy()).mean()
    assert error < np.square(frame["value"].to_numpy() - parts.train.values.mean()).mean()


def test_a_new_user_gets_a_list_without_the_items_named(fitted: fr.Recommender) -> None:
    liked = fitted.item_ids.ids.head(4).to_list()
    if fitted.name in OF_KNOWN_USERS:
        with pytest.raises(DataError, match="cannot fold 1 new users in"):
            fitted.fold_in(liked)
        return
    folded = fitted.fold_in(liked)
    lists = folded.recommend(k=5)
    assert lists["user_id"].to_list() == ["new"] * 5
    assert not set(lists["item_id"]) & set(liked)


def test_several_new_users_with_ratings(fitted: fr.Recommender, parts: Split) -> None:
    if fitted.name in OF_KNOWN_USERS:
        return
    low, high = parts.train.value_range or (0, 1)
    low = max(low, 0)  # below 0 is a dislike, which models of who met what refuse
    folded = fitted.fold_in({"a": {"film 1": high, "film 2": low}, "b": {"film 3": high}})
    assert folded.recommend(k=3)["user_id"].to_list() == ["a"] * 3 + ["b"] * 3


def test_saving_and_loading_gives_the_same_model(fitted: fr.Recommender, tmp_path) -> None:
    fitted.save(tmp_path / "run")
    again = fr.Recommender.load(tmp_path / "run")
    assert again.recommend(k=5).equals(fitted.recommend(k=5))
    assert again.settings == fitted.settings
    if fitted.name not in OF_KNOWN_USERS:
        assert again.fold_in(["film 1"]).recommend(k=5).equals(fitted.fold_in(["film 1"]).recommend(k=5))
    if fitted.predictor is not None:
        assert torch.equal(again.predictor.users, fitted.predictor.users)
    assert (tmp_path / "run" / "README.md").read_text().startswith(f"# {fitted.name}")


def test_an_unknown_setting_names_the_known_ones(fitted: fr.Recommender) -> None:
    with pytest.raises(SettingsError, match="has no setting 'dims'; it has "):
        RECIPES[fitted.name](dims=3)


@pytest.mark.parametrize("name", list(RECIPES))
def test_validation_data_of_other_users_is_refused(name: str, parts: Split) -> None:
    with pytest.raises(DataError, match="valid has other users or items than train"):
        small(name).fit(parts.train, parts.valid.compact())


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in RATING_ONLY])
def test_a_log_without_values_will_do(name: str, parts: Split) -> None:
    model = small(name).fit(parts.train.without_values(), parts.valid.without_values())
    assert model.predictor is None
    assert len(model.recommend(k=2)) == 2 * parts.train.n_users
