"""What the description of the routes says is what they do; events; and models that take the place of others."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fillrank as fr
from fillrank.data import Interactions
from fillrank.recommend import Recommender
from fillrank.server.app import ROUTERS
from fillrank.store import Store


def test_every_example_of_the_description_is_answered(serving: Callable[..., Any], rating_model: Recommender) -> None:
    client = serving(rating_model)
    document = client.get("/openapi.json").json()
    sent = 0
    routes = [(method, path, about) for path, of in document["paths"].items() for method, about in of.items()]
    for method, path, about in sorted(
        routes, key=lambda route: route[0] == "delete"
    ):  # what is there is asked for first
        values = {
            one["name"]: (one.get("examples") or one["schema"].get("examples") or ["6"])[0]
            for one in about.get("parameters", ())
            if one["in"] == "path"
        }
        schema = about.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        named = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
        if "requestBody" in about and "examples" not in named:
            assert path.startswith("/api/"), path  # gorse's client tries these
            continue
        if path == "/v1/operator/rollback":
            continue  # for a model in a folder; it has a test of its own
        for example in named.get("examples", [None]):
            answer = client.request(method, path.format(**values), json=example)
            assert answer.status_code in {200, 204}, (method, path, answer.text)
            assert about["description"]
            sent += 1
    assert sent >= 15


def test_the_reference_has_every_route_and_its_scope() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "routes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[A-Z]+ /[^|]*) \| (\w*) ?\|", page, re.MULTILINE)
    told = {route: scope for routes, scope in rows for route in re.findall(r"`([A-Z]+ [^`]+)`", routes)}
    found = {}
    for route in (route for router in ROUTERS for route in router.routes if route.include_in_schema):
        for method in route.methods:
            needed = [getattr(one.call, "scope", None) for one in route.dependant.dependencies]
            found[f"{method} {route.path.replace(':path', '')}"] = next(filter(None, needed), "")
    assert told == found


def test_events_are_kept_once_and_conflicts_are_said(client: Any, store: Store) -> None:
    event = {"user": "ann", "item": "3", "type": "rating", "value": 4, "time": "2026-01-31T12:00:00Z", "id": "e1"}
    first = client.post("/v1/events", json={"events": [event]}).json()
    assert first == {"accepted": 1, "repeated": 0, "conflicting": [], "ids": ["e1"], "warnings": []}
    again = client.post("/v1/events", json={"events": [event, {**event, "value": 5}]}).json()
    assert (again["accepted"], again["repeated"], again["conflicting"]) == (0, 2, ["e1"])
    (kept,) = store.history("ann")
    assert (kept.value, kept.time) == (4, 1_769_860_800_000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": "a"},
        {"user": "a", "item": "b", "time": "soon"},
        {"user": "a", "item": "b", "time": 1e300},
        {"user": "a", "item": "b", "time": 1_600_000_000_000},
        {"user": "a", "item": "b", "time": 20200131},
        {"user": "a", "item": "b", "time": "9999-99-99"},
        {"user": "a", "item": "b", "value": "x"},
        {"user": "a", "item": "b", "type": ""},
        {"user": "a", "item": "b", "more": 1},
    ],
)
def test_one_bad_event_keeps_all_of_a_request_out(client: Any, store: Store, wrong: dict[str, Any]) -> None:
    assert client.post("/v1/events", json={"events": [{"user": "a", "item": "b"}, wrong]}).status_code == 422
    assert store.count_after() == 0


def test_a_time_in_another_unit_is_named_and_one_in_the_future_said(client: Any) -> None:
    def said(time: Any) -> Any:
        return client.post("/v1/events", json={"events": [{"user": "a", "item": "3", "time": time}]}).json()

    assert "divide milliseconds by 1,000" in said(1_600_000_000_000)["error"]["message"]
    assert "20200131 looks like a day: write '2020-01-31'" in said(20200131)["error"]["message"]
    assert said("2999-01-01")["warnings"] == ["more than a day in the future: events[0]"]


def test_too_many_events_are_refused(serving: Callable[..., Any], svd: Recommender) -> None:
    client = serving(svd, max_events=2)
    assert client.post("/v1/events", json={"events": [{"user": "a", "item": "b"}] * 3}).status_code == 422


def test_ids_of_any_letters_go_in_and_come_out(client: Any, store: Store) -> None:
    from urllib.parse import quote

    for item in ("a/b", "ü ♥", "50%", "x?y#z", "similar"):
        assert client.put(f"/v1/items/{quote(item, safe='')}", json={"title": "t"}).status_code == 204, item
        assert store.item(item) is not None
    assert client.put("/v1/items/%00", json={}).status_code == 422
    assert client.put("/v1/items/%ff", json={}).status_code in {204, 422}


def test_another_model_in_the_folder_is_taken_and_a_torn_one_is_not(
    serving: Callable[..., Any], svd: Recommender, ratings: Interactions, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    svd.save(folder)
    client = serving(folder)
    holder = client.app.state.server.holder
    assert holder.look() is False
    before = client.get("/v1/model").json()["model"]
    other = fr.PureSVD(rank=2).fit(ratings)
    other.save(folder)
    assert holder.look() is True
    after = client.get("/v1/model").json()["model"]
    assert before != after
    config = (folder / "config.json").read_bytes()
    (folder / "model.safetensors").write_bytes(b"torn")
    assert holder.look() is False
    assert "torn" in holder.refused
    assert client.get("/v1/model").json()["refused"] is True
    (folder / "config.json").write_bytes(config[:100])
    assert holder.look() is False
    shutil.rmtree(folder)
    assert holder.look() is False
    assert client.get("/v1/model").json()["model"] == after
    svd.save(folder)
    assert holder.look() is True
    assert client.get("/v1/model").json()["refused"] is False


@pytest.mark.slow
def test_no_request_is_lost_while_models_change(
    serving: Callable[..., Any], svd: Recommender, ratings: Interactions
) -> None:
    from fillrank.server.served import Served

    client = serving(svd)
    models = [Served(svd, "a"), Served(fr.PureSVD(rank=2).fit(ratings), "b")]
    answers: list[Any] = []

    def ask() -> None:
        answers.extend(client.post("/v1/recommend", json={"user": str(number), "k": 5}) for number in range(30))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    swaps = 0
    while any(thread.is_alive() for thread in threads):
        client.app.state.server.holder.swap(models[swaps % 2])
        swaps += 1
    for thread in threads:
        thread.join()
    assert len(answers) == 90
    assert {answer.status_code for answer in answers} == {200}
    by_model = {one.version: one.model for one in models} | {"pure-svd": svd}
    for answer in answers:  # each list is wholly of the model that it names
        model = by_model[answer.json()["model"]]
        items = [int(one["item"]) for one in answer.json()["items"]]
        assert items in [model.recommend([user], k=5)["item_id"].to_list() for user in range(30)]


def test_two_servers_on_one_store_see_what_the_other_was_told(
    serving: Callable[..., Any], svd: Recommender, store: Store
) -> None:
    with Store(str(store.url)) as second:
        one, two = serving(svd), serving(svd, of=second)
        one.post("/v1/events", json={"events": [{"user": "new", "item": "3", "id": "e"}]})
        assert two.post("/v1/recommend", json={"user": "new"}).json()["basis"] == "history"
        assert (
            two.post("/v1/events", json={"events": [{"user": "new", "item": "3", "id": "e"}]}).json()["repeated"] == 1
        )
        one.put("/v1/items/3", json={"hidden": True})
        assert "3" not in [
            item["item"] for item in two.post("/v1/recommend", json={"user": "x", "k": 80}).json()["items"]
        ]
        two.delete("/v1/users/7")
        assert one.post("/v1/recommend", json={"user": "7"}).json()["basis"] == "popularity"
