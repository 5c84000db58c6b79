"""What a score is made of: parts that add up to it, in every model that can say it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fillrank as fr
from fillrank.data import Interactions, Split
from fillrank.errors import DataError, UnknownIdError
from fillrank.factors import Blend, Factors, TimeAwareFactors
from fillrank.factors.contributions import Contributions, Explains
from fillrank.factors.fold_in import ImplicitRidge, Projection, RatingRidge, ResidualProjection
from fillrank.models import Recipe
from fillrank.recommend import Recommender

SMALL = {"dim": 8, "epochs": 2, "batch_size": 512}
RECIPES: dict[str, Recipe] = {
    "popularity": fr.Popularity(),
    "pure-svd": fr.PureSVD(rank=4, method="exact"),
    "normalised-svd": fr.NormalisedSVD(rank=4, beta=0.5, power=0.0),
    "biased-svd": fr.BiasedSVD(rank=4, user_shrinkage=5.0, item_shrinkage=3.0, method="exact"),
    "sgd": fr.SGD(dim=4, epochs=4),
    "als": fr.ALS(dim=4, regularization=0.1, bias_regularization=5.0, iterations=4),
    "ials": fr.IALS(dim=8, unobserved_weight=0.1, regularization=0.01, iterations=4),
    "gibbs": fr.Gibbs(dim=4, iterations=12, burn_in=4),
    "cmc": fr.CMC(dim=8, rating_dim=4, epochs=2, batch_size=512, n_negatives=20),
    "cosines": fr.Contrastive(**SMALL, positive_from=3.0),
    "popular": fr.Contrastive(**SMALL, popularity_weight=0.1, popularity_beta=0.2),
    "history": fr.Contrastive(encoder="history", **SMALL, neighbour_weight=0.0, popularity_beta=0.0),
    "ease": fr.EASE(regularization=20.0),
    "item-knn": fr.ItemKNN(k=20),
    "user-knn": fr.UserKNN(k=20),
    "blended": fr.Blended(parts=[fr.PureSVD(rank=4), fr.IALS(dim=4, unobserved_weight=0.1, regularization=0.01)]),
}
FOLDED_IN = {"pure-svd", "normalised-svd", "biased-svd", "history"}
"""Models whose known users are exactly what the closed form makes of their history."""


def difference(model: Recommender, user: object, item: object, frame: object) -> float:
    """How far the contributions are from the score, as a share of their size."""
    contributions = frame["contribution"].to_numpy()
    score = float(model.score([user], [item])[0])
    return abs(contributions.sum() - score) / max(np.abs(contributions).sum(), 1.0)


@pytest.fixture(scope="module", params=list(RECIPES))
def fitted(request: pytest.FixtureRequest, parts: Split) -> tuple[str, Recommender]:
    recipe = RECIPES[request.param]
    train = parts.train if request.param != "blended" else parts.train.without_values()
    valid = parts.valid if request.param == "blended" else None
    return request.param, recipe.fit(train, None if valid is None else valid.without_values(), progress=False)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_contributions_add_up_to_the_score(fitted: tuple[str, Recommender], data: st.DataObject) -> None:
    name, model = fitted
    user = data.draw(st.integers(0, len(model.user_ids) - 1))
    item = data.draw(st.integers(0, len(model.item_ids) - 1))
    user_id, item_id = model.user_ids.ids[user], model.item_ids.ids[item]
    frame = model.explain(user_id, item_id)
    assert difference(model, user_id, item_id, frame) < 1e-5
    sizes = frame["contribution"].abs().to_list()
    assert sizes == sorted(sizes, reverse=True)
    own = frame.filter(frame["part"] == "item")["item_id"].to_list()
    assert set(own) <= set(model.item_ids.decode(model.interactions.csr[[user]].indices).to_list())
    if name in FOLDED_IN:
        assert "learned vector" not in frame["part"].to_list()


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_so_do_those_of_a_new_user(fitted: tuple[str, Recommender], data: st.DataObject) -> None:
    _, model = fitted
    items = data.draw(st.lists(st.sampled_from(model.item_ids.ids.to_list()), min_size=1, max_size=8, unique=True))
    ratings = data.draw(st.lists(st.sampled_from([1.0, 3.0, 5.0]), min_size=len(items), max_size=len(items)))
    item_id = data.draw(st.sampled_from(model.item_ids.ids.to_list()))
    history = dict(zip(items, ratings, strict=True)) if model.interactions.values is not None else items
    frame = model.explain(history=history, item_id=item_id)
    folded = model.fold_in(history)
    assert difference(folded, "new", item_id, frame) < 1e-5
    rest = frame.filter(frame["part"] == "learned vector")["contribution"].abs().sum()
    assert rest <= 1e-3 * frame["contribution"].abs().sum()  # of single precision, where a ridge is nearly singular


def test_the_closed_form_of_a_projection_is_the_product_of_two_items(parts: Split) -> None:
    model = fr.PureSVD(rank=4, use_values=False).fit(parts.train)
    frame = model.explain(history=["film 3", "film 7"], item_id="film 5")
    items, weights = model.scorer.items.double().numpy(), model.scorer.folding.weights.double().numpy()
    found = dict(zip(frame["label"], frame["contribution"], strict=True))
    places = {name: model.item_ids.resolve(name) for name in ("film 3", "film 5", "film 7")}
    for name in ("film 3", "film 7"):
        assert found[name] == pytest.approx(weights[places[name]] @ items[places["film 5"]], rel=1e-5)


def test_a_rating_below_the_average_counts_against(parts: Split) -> None:
    """One rating alone: in the direction of its item, as far as it is above or below the biases."""
    model = fr.ALS(dim=4, regularization=0.1, bias_regularization=5.0, iterations=4).fit(parts.train)
    up, down = (
        model.explain(history={"film 5": rating}, item_id="film 5").filter(part="item")["contribution"][0]
        for rating in (9.0, -9.0)
    )
    assert up > 0 > down


@pytest.mark.parametrize(
    "folding",
    [
        Projection(torch.linspace(-1, 1, 60).reshape(20, 3).contiguous(), use_values=True),
        Projection(torch.linspace(-1, 1, 60).reshape(20, 3).contiguous()),
        ResidualProjection(torch.linspace(-1, 1, 60).reshape(20, 3).contiguous(), 2.0),
        ImplicitRidge(0.1, 0.5, positive_from=0.0),
        ImplicitRidge(0.1, 0.5, frequency_exponent=1.0, length=2.0),
        RatingRidge(0.1, 0.2),
        RatingRidge(0.1, 3.0, 0.0, bias_per_rating=False),
    ],
)
def test_shares_add_up_to_the_vector_that_is_solved(folding: object) -> None:
    drawn = np.random.default_rng(0)
    items = torch.from_numpy(drawn.normal(size=(20, 3)))
    factors = Factors(torch.zeros(0, 3).double(), items, item_bias=torch.from_numpy(drawn.normal(size=20)), offset=0.5)
    places = drawn.choice(20, 7, replace=False)
    log = Interactions.from_arrays(["u"] * 20, range(20), values=drawn.normal(size=20)).select(np.sort(places))
    solved, _ = folding.solve(factors, log)
    shares = folding.shares(factors, log)
    np.testing.assert_allclose(shares.sum(0), solved[0].numpy(), atol=1e-6)
    assert shares.shape == (7, 3)


def test_a_blend_adds_its_parts_and_an_average_day_is_undated(parts: Split) -> None:
    one = fr.PureSVD(rank=2).fit(parts.train)
    assert isinstance(one.scorer, Factors)
    log = parts.train.select(np.flatnonzero(parts.train.users == 0))
    first = one.scorer.contributions(0, 3, replace(log, user_ids=fr.IdMap([0])))
    twice = Blend((one.scorer, one.scorer), (2.0, 0.5)).contributions(0, 3, replace(log, user_ids=fr.IdMap([0])))
    np.testing.assert_allclose(twice.of_items, 2.5 * first.of_items)
    n_users, n_items = one.scorer.n_users, one.scorer.n_items
    day, users, items = torch.ones(1, 1), torch.ones(n_users, 1), torch.ones(n_items, 1)
    dated = TimeAwareFactors(one.scorer, torch.tensor([3]), torch.zeros(1), users, day, items, day)
    assert isinstance(dated, Explains)
    assert dated.contributions(0, 3, replace(log, user_ids=fr.IdMap([0]))).total == pytest.approx(first.total)


def test_anybody_elses_scorer_is_explained_by_what_it_says(parts: Split) -> None:
    class Own(Factors):
        def contributions(self, user: int, item: int, history: Interactions) -> Contributions:
            return Contributions(np.arange(len(history), dtype=float), {"whim": 0.5 * user + item})

    plain = fr.PureSVD(rank=2).fit(parts.train)
    model = replace(plain, scorer=Own(plain.scorer.users, plain.scorer.items))
    frame = model.explain(model.user_ids.ids[1], model.item_ids.ids[2])
    assert frame.filter(part="whim")["contribution"].to_list() == [2.5]
    assert frame["contribution"].max() == len(parts.train.csr[[1]].indices) - 1


def test_what_cannot_be_explained_says_so(parts: Split) -> None:
    model = fr.PureSVD(rank=2).fit(parts.train)
    user, item = model.user_ids.ids[0], model.item_ids.ids[0]
    neural = fr.NeuMF(dim=4, epochs=1, batch_size=512).fit(parts.train, progress=False)
    with pytest.raises(DataError, match="a network over pairs scores by no sum"):
        neural.explain(user, item)
    for asked in ({"user_id": user}, {"item_id": item}, {"user_id": user, "item_id": item, "history": [item]}):
        with pytest.raises(DataError, match="explain wants an item_id, and either a user_id or the history"):
            model.explain(**asked)
    with pytest.raises(UnknownIdError, match="user_id: 1 of 1 ids are not in the data: 'nobody'"):
        model.explain("nobody", item)
    with pytest.raises(UnknownIdError, match="item_id: 'Brazil' is neither an id nor a name"):
        model.explain(user, "Brazil")
    with pytest.raises(DataError, match="user_id: one id was wanted, got"):
        model.explain([user], item)
    with pytest.raises(DataError, match="the history of one new user was wanted, got 2"):
        model.explain(history={"a": ["film 1"], "b": ["film 2"]}, item_id=item)
