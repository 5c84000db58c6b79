"""Lists over HTTP are the lists of the library, with what has happened since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

import fillrank as fr
from fillrank.data import IdMap, Interactions
from fillrank.recommend import Recommender
from fillrank.store import CatalogueItem, Store, UserEvent


def listed(client: Any, **asked: Any) -> list[str]:
    answer = client.post("/v1/recommend", json=asked)
    assert answer.status_code == 200, answer.text
    return [one["item"] for one in answer.json()["items"]]


def of_library(model: Recommender, *users: Any, **options: Any) -> list[str]:
    return [str(one) for one in model.recommend(list(users), **options)["item_id"]]


def test_a_known_user_gets_the_list_of_the_library(client: Any, svd: Recommender) -> None:
    assert listed(client, user="7", k=5) == of_library(svd, 7, k=5)
    assert listed(client, user=7, k=5) == of_library(svd, 7, k=5)  # a number is taken for its text
    assert listed(client, user="7", k=5, filter_seen=False) == of_library(svd, 7, k=5, filter_seen=False)
    assert listed(client, user="7", k=3, offset=2) == of_library(svd, 7, k=5)[2:]
    first = of_library(svd, 7, k=2)
    assert listed(client, user="7", k=3, exclude=first) == of_library(svd, 7, k=5)[2:]
    assert len(listed(client, user="07", k=3)) == 3  # another user, whom nobody knows


def test_answers_have_titles_scores_and_the_version(client: Any) -> None:
    answer = client.post("/v1/recommend", json={"user": "7", "k": 2}).json()
    assert answer["basis"] == "model"
    assert answer["model"]
    first, second = answer["items"]
    assert first["title"] == f"film {first['item']}"
    assert first["score"] >= second["score"]
    assert first["reasons"] == []


def test_ids_that_the_model_does_not_know_are_named(client: Any) -> None:
    asked = {"history": {"7": 5, "no-such": 4}, "exclude": ["8", "neither"]}
    assert client.post("/v1/recommend", json=asked).json()["unknown"] == ["no-such", "neither"]
    assert client.post("/v1/recommend", json={"user": "7"}).json()["unknown"] == []


def test_reasons_are_the_items_that_add_the_most(client: Any, svd: Recommender) -> None:
    asked = {"history": ["3", "14", "15"], "k": 3, "explain": True}
    folded = svd.fold_in([3, 14, 15])
    for one in client.post("/v1/recommend", json=asked).json()["items"]:
        parts = folded.explain("new", f"[{one['item']}]").filter(pl.col("part") == "item")
        best = parts.filter(pl.col("contribution") > 0).head(3)
        assert [reason["item"] for reason in one["reasons"]] == [str(item) for item in best["item_id"]]
        assert [reason["contribution"] for reason in one["reasons"]] == pytest.approx(best["contribution"].to_list())
        assert one["reasons"][0]["title"] == f"film {one['reasons'][0]['item']}"


@pytest.mark.parametrize("name", ["svd", "rating_model"])
def test_a_history_gets_the_list_of_a_folded_user(
    serving: Callable[..., Any], request: pytest.FixtureRequest, name: str
) -> None:
    model = request.getfixturevalue(name)
    client = serving(model)
    rated = {3: 5.0, 14: 1.0, 15: 4.0}
    folded = model.fold_in(rated)  # both look at ratings
    assert listed(client, history={str(item): rating for item, rating in rated.items()}, k=5) == of_library(
        folded, "new", k=5
    )
    assert listed(client, history=[3, "14"], k=5) == of_library(model.fold_in([3, 14]), "new", k=5)


def test_events_count_at_the_next_request(client: Any, svd: Recommender, store: Store) -> None:
    before = client.post("/v1/recommend", json={"user": "new", "k": 5}).json()
    assert before["basis"] == "popularity"
    assert [one["item"] for one in before["items"]] == [str(i) for i in np.argsort(-svd.popularity, kind="stable")[:5]]
    sent = {"events": [{"user": "new", "item": "3", "type": "click"}, {"user": "new", "item": "14", "type": "click"}]}
    assert client.post("/v1/events", json=sent).json()["accepted"] == 2
    assert listed(client, user="new", k=5) == of_library(svd.fold_in([3, 14]), "new", k=5)


def test_events_of_a_known_user_join_what_they_had_met(client: Any, svd: Recommender) -> None:
    top = of_library(svd, 7, k=1)[0]
    client.post("/v1/events", json={"events": [{"user": "7", "item": top}]})
    met = svd.item_ids.decode(svd.interactions.csr[[7]].indices).to_list()
    assert listed(client, user="7", k=5) == of_library(svd.fold_in([*met, int(top)]), "new", k=5)


def test_what_the_model_has_learnt_of_needs_no_folding(svd: Recommender, store: Store) -> None:
    from fillrank.server.arms import Arm, Arms, Takeup
    from fillrank.server.ranker import Ranker, Wanted
    from fillrank.server.served import ModelHolder, Served
    from fillrank.store.meaning import EventMeaning

    store.append([UserEvent("7", "3", "click")])
    for seq, basis in ((1, "model"), (0, "history")):
        arms = Arms([Arm("one", ModelHolder(Served(svd, "v", seq)))])
        ranker = Ranker(arms, store, EventMeaning(), Takeup(["one"], EventMeaning()))
        answer = ranker.recommend(Wanted(user="7", k=80))
        assert answer["basis"] == basis
        assert "3" not in [one["item"] for one in answer["items"]]


def test_a_dislike_takes_an_item_off_the_list_and_teaches_nothing(client: Any, svd: Recommender) -> None:
    top = of_library(svd, 7, k=1)[0]
    client.post("/v1/events", json={"events": [{"user": "7", "item": top, "type": "dislike"}]})
    assert top not in listed(client, user="7", k=80, filter_seen=False)
    client.post("/v1/events", json={"events": [{"user": "x", "item": top, "type": "dislike"}]})
    answer = client.post("/v1/recommend", json={"user": "x", "k": 80}).json()
    assert answer["basis"] == "popularity"
    assert top not in [one["item"] for one in answer["items"]]


def test_ratings_of_a_known_user_change_what_is_predicted(
    serving: Callable[..., Any], rating_model: Recommender
) -> None:
    client = serving(rating_model)
    before = client.post("/v1/predict", json={"user": "7", "items": ["3", "nothing"]}).json()["predictions"]
    assert before[0]["value"] == pytest.approx(float(rating_model.predict([7], [3])[0]), rel=1e-5)
    assert before[1] == {"item": "nothing", "value": None}
    low = [{"user": "7", "item": str(item), "type": "rating", "value": -3} for item in range(20, 60)]
    client.post("/v1/events", json={"events": low})
    after = client.post("/v1/predict", json={"user": "7", "items": ["3"]}).json()["predictions"]
    assert after[0]["value"] < before[0]["value"] - 0.5


def test_a_model_that_only_ranks_says_so(client: Any) -> None:
    answer = client.post("/v1/predict", json={"user": "7", "items": ["3"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "model_ranks_only")


def test_similar_items_are_those_of_the_library(client: Any, svd: Recommender, store: Store) -> None:
    expected = [str(one) for one in svd.similar_items(3, k=4)["item_id"]]
    assert [one["item"] for one in client.get("/v1/items/3/similar?k=4").json()["items"]] == expected
    store.put_item(CatalogueItem(expected[0], hidden=True))
    assert [one["item"] for one in client.get("/v1/items/3/similar?k=3").json()["items"]] == expected[1:]
    assert client.get("/v1/items/nothing/similar").status_code == 404


def test_items_that_are_hidden_or_deleted_are_listed_no_more(client: Any, svd: Recommender) -> None:
    first, second, third = of_library(svd, 7, k=3)
    assert client.put(f"/v1/items/{first}", json={"hidden": True}).status_code == 204
    assert client.delete(f"/v1/items/{second}").status_code == 204
    assert listed(client, user="7", k=1) == [third]
    assert client.get(f"/v1/items/{second}").status_code == 404
    assert client.put(f"/v1/items/{second}", json={}).status_code == 204
    assert listed(client, user="7", k=1) == [second]


def test_categories_and_titles_come_from_the_store(client: Any) -> None:
    for item in ("3", "14"):
        client.put(f"/v1/items/{item}", json={"title": f"A crime of {item}", "categories": ["crime"]})
    assert set(listed(client, user="new", categories=["crime", "absent"])) == {"3", "14"}
    assert listed(client, user="new", categories=["absent"]) == []
    assert client.get("/v1/items/3").json()["title"] == "A crime of 3"
    found = client.get("/v1/items", params={"query": "crimme"}).json()["items"]
    assert {one["item"] for one in found} == {"3", "14"}
    assert found[0]["known"]


def test_titles_are_found_typing_errors_and_all(serving: Callable[..., Any]) -> None:
    titles = ["Heat (1995)", "Alien (1979)", "Aliens (1986)", "Amélie (2001)"]
    log = Interactions.from_arrays([1, 1, 2, 2], [1, 2, 3, 4])
    model = fr.Popularity().fit(
        Interactions(log.users, log.items, None, None, log.user_ids, IdMap([1, 2, 3, 4], labels=titles))
    )
    client = serving(model)
    found = {
        query: [one["title"] for one in client.get("/v1/items", params={"query": query}).json()["items"]]
        for query in ("haet", "alein", "amelie", "AMÉLIE 2001", "3", "zzzz", "")
    }
    assert found["haet"] == ["Heat (1995)"]
    assert found["alein"] == ["Alien (1979)", "Aliens (1986)"]
    assert found["amelie"][0] == found["AMÉLIE 2001"][0] == "Amélie (2001)"
    assert found["3"][0] == "Aliens (1986)"  # by its id
    assert found["zzzz"] == []
    assert len(found[""]) == 4


def test_a_deleted_user_is_a_stranger_at_once(client: Any, svd: Recommender) -> None:
    client.post("/v1/events", json={"events": [{"user": "7", "item": "3"}]})
    assert client.delete("/v1/users/7").status_code == 204
    assert client.post("/v1/recommend", json={"user": "7"}).json()["basis"] == "popularity"
    client.post("/v1/events", json={"events": [{"user": "7", "item": "14"}]})
    assert listed(client, user="7", k=5) == of_library(svd.fold_in([14]), "new", k=5)


def test_a_model_without_vectors_still_answers(serving: Callable[..., Any], ratings: Interactions) -> None:
    model = fr.Popularity().fit(ratings)
    client = serving(model)
    assert listed(client, user="7", k=3) == of_library(model, 7, k=3)
    assert len(listed(client, history=["3"], k=3)) == 3
    assert client.get("/v1/items/3/similar").status_code == 409


def test_tables_are_completed(client: Any) -> None:
    answer = client.post("/v1/complete", json={"table": [[2, 4, None], [1, None, 3], [3, 6, 9]], "rank": 1})
    table = answer.json()["table"]
    assert table[0][:2] == [2, 4]
    assert all(cell is not None for row in table for cell in row)
    for wrong in ({"table": [[1, 2], [3]]}, {"table": [[]]}, {"table": [[None, None]]}, {"table": [[1] * 10_001]}):
        assert client.post("/v1/complete", json=wrong).status_code == 422


@pytest.mark.parametrize("ids", [[5, 7, 10**17], ["5", "05", "a b", "2.0"]])
def test_a_text_is_found_as_the_map_of_ids_finds_it(ids: list[Any]) -> None:
    from fillrank.server.served import Served

    served = Served(fr.Popularity().fit(Interactions.from_arrays(ids, ids)), "v")
    asked = ["5", "05", "+5", " 5", "5.0", "7", "2", "2.0", "a b", "", "100000000000000000", "9" * 30, "-5", "٥"]
    expected = served.model.item_ids.encode(asked, unknown="mark").tolist()
    assert served.items(asked).tolist() == expected
    assert [served.user(one) for one in asked] == expected


def test_rules_of_a_list_are_those_of_the_library(serving: Callable[..., Any], svd: Recommender) -> None:
    genres = {item: ["odd" if item % 2 else "even", "low" if item < 40 else "high"] for item in range(80)}
    shop = svd.with_item_table(pl.DataFrame({"item": list(genres), "genre": list(genres.values())}))
    client = serving(shop)
    assert listed(client, user="7", k=6, items=["3", "14", "15", "80x"]) == of_library(svd, 7, items=[3, 14, 15], k=6)
    for rules in (
        {"where": {"genre": "odd"}},
        {"where_not": {"genre": ["low"]}},
        {"at_most": {"genre": 2}},
        {"where": {"genre": ["low", "odd"]}, "at_most": {"genre": 3}, "exclude": [3]},
    ):
        assert listed(client, user="7", k=6, **rules) == of_library(shop, 7, k=6, **rules)
        assert listed(client, user="nobody", k=6, **rules) == of_library(shop, -1, k=6, unknown="popular", **rules)
    answer = client.post("/v1/recommend", json={"user": "7", "where": {"genre": "odd one"}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert "did you mean 'odd'?" in answer.json()["error"]["message"]


def test_at_most_n_of_a_category_of_the_store(client: Any, svd: Recommender) -> None:
    first, second, third = of_library(svd, 7, k=3)
    for item in (first, second):
        client.put(f"/v1/items/{item}", json={"categories": ["crime"]})
    assert listed(client, user="7", k=2, at_most=1) == [first, third]


def test_novelty_leans_to_what_few_have_met(client: Any, svd: Recommender) -> None:
    def met_by(novelty: float, **whose: Any) -> float:
        answer = client.post("/v1/recommend", json={**whose, "k": 10, "novelty": novelty}).json()
        return float(np.mean([one["met_by"] for one in answer["items"]]))

    for whose in ({"user": "7"}, {"history": ["3", "14"]}):
        assert met_by(-1, **whose) > met_by(0, **whose) > met_by(1, **whose)
    assert listed(client, user="7", k=5, novelty=0) == of_library(svd, 7, k=5)
    assert met_by(1, user="nobody") < met_by(0, user="nobody")


def test_what_is_odd_is_said(serving: Callable[..., Any], rating_model: Recommender, ratings: Interactions) -> None:
    client = serving(rating_model)
    sent = [{"user": "a", "item": "3", "type": "purchse"}, {"user": "a", "item": "4", "type": "rating", "value": 99}]
    kind, scale = client.post("/v1/events", json={"events": sent}).json()["warnings"]
    assert kind == (
        "the type 'purchse' is none of the usual ones; it counts as met, like a click; did you mean 'purchase'?"
    )
    assert scale.startswith("off the scale of ")
    assert scale.endswith("that the model has learnt from: events[1] (99)")
    asked = {"history": {"3": -99}}
    assert "history.3 (-99)" in client.post("/v1/recommend", json=asked).json()["warnings"][0]
    unrated = serving(fr.PureSVD(rank=4).fit(ratings.without_values()))
    assert "fitted without ratings" in unrated.post("/v1/recommend", json={"history": {"3": 5}}).json()["warnings"][0]


@pytest.fixture(scope="module")
def weighed_model() -> Recommender:
    """Of a log of views (1) and purchases (10)."""
    rng = np.random.default_rng(0)
    users, items = np.divmod(rng.permutation(60 * 40)[:900], 40)
    weights = np.where(users % 4 == items % 4, 10.0, 1.0)
    log = Interactions.from_arrays(users, items, weights=weights)
    return fr.IALS(
        dim=8, iterations=3, weight_power=1, unobserved_weight=0.1, regularization=0.01, frequency_exponent=1
    ).fit(log, progress=False)


def test_weights_of_events_reach_new_users(serving: Callable[..., Any], weighed_model: Recommender) -> None:
    from fillrank.store.meaning import EventMeaning

    client = serving(weighed_model, meaning=EventMeaning(weights={"view": 1, "purchase": 10, "hide": 0}))

    def told(user: str, **types: str) -> list[str]:
        events = [{"user": user, "item": item.strip("i"), "type": kind} for item, kind in types.items()]
        assert client.post("/v1/events", json={"events": events}).status_code == 200
        return listed(client, user=user, k=10)

    bought_even = told("even", i4="purchase", i8="purchase", i5="view", i9="view")
    bought_odd = told("odd", i4="view", i8="view", i5="purchase", i9="purchase")
    assert bought_even != bought_odd
    assert sum(int(item) % 4 == 0 for item in bought_even) > sum(int(item) % 4 == 0 for item in bought_odd)
    assert "7" not in told("other", i4="view", i7="hide")
    refused = client.post("/v1/events", json={"events": [{"user": "x", "item": "4", "type": "purchse"}]})
    assert refused.status_code == 422
    assert "events[0].type: 'purchse' has no weight; did you mean 'purchase'?" in refused.json()["error"]["message"]


def test_a_folded_user_is_solved_for_as_in_the_fit(weighed_model: Recommender, tmp_path: Any) -> None:
    """Against the readable normal equations, with the weights of the fit: ``w / mean(w)``; also after saving."""
    log = weighed_model.interactions
    weighed_model.save(tmp_path / "m")
    for model in (weighed_model, Recommender.load(tmp_path / "m")):
        own = log.select(log.users == 5)
        items = model.scorer.item_vectors.double().numpy()
        cells = own.weights / log.weights.mean()
        gram = 0.1 * items.T @ items + (items[own.items].T * cells) @ items[own.items]
        gram += 0.01 * (cells.sum() + 0.1 * len(items)) * np.eye(items.shape[1])
        expected = np.linalg.solve(gram, items[own.items].T @ cells)
        folded = model.scorer.folding.solve(model.scorer, own)[0][5].double().numpy()
        assert folded == pytest.approx(expected, rel=1e-3, abs=1e-5)
