"""The map, what leaning does, models side by side, and what the operator is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fillrank as fr
from fillrank.data import Interactions
from fillrank.errors import SettingsError
from fillrank.recommend import Recommender
from fillrank.server.arms import Arms, Takeup, wilson
from fillrank.server.recent import Recent
from fillrank.store import Store, UserEvent
from fillrank.store.meaning import EventMeaning


def test_the_map_is_the_principal_components_of_unit_vectors(client: Any, svd: Recommender) -> None:
    found = client.get("/v1/map").json()
    assert found["basis"] == "vectors"
    assert 0 < found["explained"] <= 1
    vectors = svd.scorer.item_vectors.double().numpy()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    left, sizes, _ = np.linalg.svd(unit - unit.mean(0), full_matrices=False)
    flat = left[:, :2] * sizes[:2]
    order = svd.item_ids.encode([int(one["item"]) for one in found["items"]])
    got = np.array([[one["x"], one["y"]] for one in found["items"]])
    for axis in range(2):
        assert abs(np.corrcoef(got[:, axis], flat[order, axis])[0, 1]) == pytest.approx(1, abs=1e-6)
    assert found["explained"] == pytest.approx((sizes[:2] ** 2).sum() / (sizes**2).sum(), abs=1e-6)
    counts = [one["met_by"] for one in found["items"]]
    assert counts == sorted(counts, reverse=True)
    assert len(client.get("/v1/map?n=5").json()["items"]) == 5


@pytest.mark.parametrize("recipe", [fr.PureSVD(rank=4), fr.ItemKNN(k=5)])
def test_a_taste_is_near_what_it_is_made_of(serving: Callable[..., Any], ratings: Interactions, recipe: Any) -> None:
    client = serving(recipe.fit(ratings.without_values(), progress=False))
    items = {one["item"]: np.array([one["x"], one["y"]]) for one in client.get("/v1/map").json()["items"]}
    assert client.post("/v1/map/place", json={"history": []}).json()["place"] is None

    def at(history: list[str]) -> np.ndarray:
        place = client.post("/v1/map/place", json={"history": history}).json()["place"]
        return np.array([place["x"], place["y"]])

    left, right = min(items, key=lambda one: items[one][0]), max(items, key=lambda one: items[one][0])
    assert at([left])[0] < at([left, right])[0] < at([right])[0]


def test_leaning_trades_the_popular_for_the_rare(client: Any) -> None:
    steps = client.get("/v1/novelty").json()["steps"]
    met_by = [step["met_by"] for step in steps]
    assert [step["novelty"] for step in steps] == sorted(step["novelty"] for step in steps)
    assert met_by == sorted(met_by, reverse=True)
    assert met_by[0] > 1.1 * met_by[-1]


def test_each_user_always_gets_the_same_model_and_shares_are_equal() -> None:
    places = [Arms.place(f"user {number}", 3) for number in range(3000)]
    assert np.bincount(places).min() > 900
    assert places == [Arms.place(f"user {number}", 3) for number in range(3000)]
    with pytest.raises(SettingsError, match="names of their own"):
        Arms([])


def test_models_side_by_side_answer_their_users_and_are_counted(
    serving: Callable[..., Any], svd: Recommender, ratings: Interactions, store: Store
) -> None:
    other = fr.Popularity().fit(ratings)
    client = serving(svd, against={"popular": other})
    for user in map(str, range(40)):
        answer = client.post("/v1/recommend", json={"user": user, "k": 3}).json()
        model = (svd, other)[Arms.place(user, 2)]
        assert answer["arm"] == ("pure-svd", "popular")[Arms.place(user, 2)]
        assert [int(one["item"]) for one in answer["items"]] == model.recommend([int(user)], k=3)["item_id"].to_list()
        event = {"user": user, "item": answer["items"][0]["item"], "type": "purchase" if user == "7" else "click"}
        if int(user) < 10:
            assert client.post("/v1/events", json={"events": [event]}).status_code == 200
    rows = {row["name"]: row for row in client.get("/v1/operator/overview").json()["arms"]}
    assert sum(row["users"] for row in rows.values()) == 40
    assert sum(row["clicked"] for row in rows.values()) == 10
    assert sum(row["bought"] for row in rows.values()) == 1
    text = client.get("/metrics").text
    for name, row in rows.items():
        assert f'fillrank_arm_users{{arm="{name}"}} {row["users"]:.1f}' in text
        low = row["clicked_interval"][0]
        assert f'fillrank_arm_clicked_share_low{{arm="{name}"}} {low}' in text


def test_what_counts_as_taken_up() -> None:
    now = [0.0]
    takeup = Takeup(["a", "b"], EventMeaning(), clock=lambda: now[0])
    takeup.listed("ann", "a", ["x", "y"])
    takeup.happened([UserEvent("ann", "z"), UserEvent("ann", "x", "dislike"), UserEvent("bob", "x")])
    assert takeup.counts["a"] == {"users": 1, "clicked": 0, "bought": 0}
    now[0] = 25 * 3600
    takeup.happened([UserEvent("ann", "x")])
    assert takeup.counts["a"]["clicked"] == 0, "a day later it is no answer to the list"
    takeup.listed("ann", "a", ["x"])
    takeup.happened([UserEvent("ann", "x", "purchase"), UserEvent("ann", "x", "purchase")])
    assert takeup.counts["a"] == {"users": 1, "clicked": 1, "bought": 1}
    takeup.forget("ann")
    takeup.happened([UserEvent("ann", "x")])
    assert takeup.table()[1]["clicked_interval"] == (0.0, 1.0)


def test_wilson_against_the_published_table() -> None:
    """Newcombe (1998), Table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (hits, trials), ends in published.items():
        assert wilson(hits, trials) == pytest.approx(ends, abs=5e-5)


def test_the_last_hour_is_counted_by_the_minute() -> None:
    now = [600.0]
    recent = Recent(clock=lambda: now[0])
    recent.kept(2)
    recent.answered("/v1/recommend", 200, 0.1)
    now[0] += 60
    recent.answered("/v1/recommend", 503, 0.3)
    recent.answered("refused", 429, 0.3)
    facts = recent.facts()
    assert facts["events_by_minute"][-2:] == [2, 0]
    assert facts["requests_by_minute"][-2:] == [1, 2]
    assert facts["refused_by_minute"][-1] == 2
    assert facts["latency"] == {"/v1/recommend": {"answers": 2, "p50": 0.2, "p99": pytest.approx(0.298)}}
    now[0] += 3600
    assert sum(recent.facts()["requests_by_minute"]) == 0


def test_the_operator_is_shown_a_user_and_goes_back(
    serving: Callable[..., Any], svd: Recommender, ratings: Interactions, store: Store, tmp_path: Path
) -> None:
    from fillrank.server.retraining.versions import Versions

    assert serving(svd).post("/v1/operator/rollback", json={}).status_code == 409
    svd.save(tmp_path / "run")
    versions = Versions(tmp_path / "run")
    versions.keep_running()
    client = serving(tmp_path / "run")
    fr.PureSVD(rank=2).fit(ratings).save(tmp_path / "run")
    store.append([UserEvent("7", "3", "click")])
    found = client.get("/v1/operator/users/7").json()
    assert found["known"]
    assert [one["item"] for one in found["events"]] == ["3"]
    assert len(found["log"]) == int(ratings.user_counts[7])
    assert found["list"]["items"][0]["reasons"]
    overview = client.get("/v1/operator/overview").json()
    assert overview["model"]["name"] == "pure-svd"
    assert overview["listing"]["top"][0]["lists"] >= overview["listing"]["top"][1]["lists"]
    assert sum(overview["listing"]["listed_by_group"]) == pytest.approx(1)
    back = client.post("/v1/operator/rollback", json={}).json()
    assert back["number"] == 1
    assert client.get("/v1/model").json()["model"] == back["model"]
    assert client.post("/v1/operator/rollback", json={"number": 99}).json()["error"]["code"] == "not_kept"
    key, _ = store.add_key("page", ["read", "write"])
    client.app.state.server.access._looked -= 100
    client.app.state.server.access.look()
    headers = {"X-API-Key": key}
    assert client.get("/v1/operator/overview", headers=headers).status_code == 403
    assert client.get("/v1/operator/overview").status_code == 401
    assert client.get("/operator").status_code == 200  # the page itself holds nothing
