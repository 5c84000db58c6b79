"""The façade, spoken to by gorse's own client over a real connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from fillrank.recommend import Recommender
from fillrank.server import ServerSettings, create_app
from fillrank.store import Store

gorse = pytest.importorskip("gorse", reason="gorse's client comes with the extra fillrank[dev]")


@pytest.fixture
def address(svd: Recommender, store: Store) -> Iterator[str]:
    app = create_app(svd, store, settings=ServerSettings(workers=2))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def client(address: str) -> Any:
    return gorse.Gorse(address, "")


def test_feedback_counts_at_once(client: Any, svd: Recommender) -> None:
    when = "2026-01-31T12:00:00Z"
    assert client.insert_feedback("click", "new", "3", when) == {"RowAffected": 1}
    assert client.insert_feedback("click", "new", "3", when) == {"RowAffected": 0}  # sent again, kept once
    more = [{"FeedbackType": "click", "UserId": "new", "ItemId": "14", "Timestamp": when, "Value": 0}]
    assert client.insert_feedbacks(more) == {"RowAffected": 1}
    listed = client.get_recommend("new", n=5)
    expected = svd.fold_in([3, 14]).recommend(k=5)
    assert [one.id for one in listed] == [str(item) for item in expected["item_id"]]
    assert [one.score for one in listed] == pytest.approx(expected["score"].to_list(), rel=1e-5)
    assert [one.id for one in client.get_recommend("new", n=3, offset=2)] == [one.id for one in listed][2:]
    (first, second) = client.list_feedbacks("click", "new")
    assert (first["ItemId"], first["Timestamp"], second["ItemId"]) == ("3", when, "14")
    page, cursor = client.get_feedbacks(1)
    assert (page[0]["ItemId"], client.get_feedbacks(5, cursor)[0][0]["ItemId"]) == ("3", "14")
    assert client.delete_feedback("new", "3") == {"RowAffected": 1}


def test_lists_can_be_written_back(client: Any) -> None:
    first = [one.id for one in client.get_recommend("7", n=3, write_back_type="impression")]
    kept = client.list_feedbacks("impression", "7")
    assert [one["ItemId"] for one in kept] == first
    read = [one.id for one in client.get_recommend("7", n=3, write_back_type="read", write_back_delay="10m")]
    assert read == first
    assert not set(first) & {one.id for one in client.get_recommend("7", n=3)}


def test_a_session_needs_no_user(client: Any, svd: Recommender) -> None:
    done = [{"FeedbackType": "click", "UserId": "x", "ItemId": item, "Timestamp": ""} for item in ("3", "14")]
    expected = [str(item) for item in svd.fold_in([3, 14]).recommend(k=4)["item_id"]]
    assert [one["Id"] for one in client.session_recommend(done, n=4)] == expected


def test_neighbours_are_similar_items(client: Any, svd: Recommender) -> None:
    expected = [str(item) for item in svd.similar_items(3, k=4)["item_id"]]
    assert [one["Id"] for one in client.get_neighbors("3", n=3, offset=1)] == expected[1:]


def test_items_are_described_hidden_and_deleted(client: Any) -> None:
    described = {"ItemId": "3", "Categories": ["crime"], "Comment": "Heat", "Labels": {"year": 1995}, "IsHidden": False}
    assert client.insert_item({**described, "Timestamp": "2026-01-31T12:00:00Z"}) == {"RowAffected": 1}
    assert client.get_item("3") == {**described, "Timestamp": "2026-01-31T12:00:00Z"}
    assert [one.id for one in client.get_recommend("new", category="crime")] == ["3"]
    assert client.search_items("haet")[0]["ItemId"] == "3"
    client.update_item("3", is_hidden=True)
    assert (client.get_item("3")["IsHidden"], client.get_item("3")["Comment"]) == (True, "Heat")
    assert client.get_recommend("new", category="crime") == []
    items, cursor = client.get_items(1)
    assert items[0]["ItemId"] == cursor == "3"
    assert client.get_items(1, cursor) == ([], "")
    assert client.get_item("14")["Comment"] == "film 14"
    client.delete_item("3")
    with pytest.raises(gorse.GorseException) as caught:
        client.get_item("3")
    assert caught.value.status_code == 404


def test_users_are_kept_and_forgotten(client: Any) -> None:
    assert client.insert_users([{"UserId": "a", "Labels": ["x"]}, {"UserId": "b"}]) == {"RowAffected": 2}
    assert client.get_user("a") == {"UserId": "a", "Labels": ["x"], "Subscribe": None, "Comment": ""}
    users, cursor = client.get_users(1)
    assert (users[0]["UserId"], client.get_users(1, cursor)[0][0]["UserId"]) == ("a", "b")
    client.insert_feedback("click", "a", "3", "")
    client.delete_user("a")
    assert client.list_feedbacks("click", "a") == []
    with pytest.raises(gorse.GorseException):
        client.get_user("a")


def test_what_gorse_does_not_take_is_refused(client: Any, address: str) -> None:
    for call in (
        lambda: client.insert_item({"Comment": "no id"}),
        lambda: client.insert_feedback("click", "", "3", ""),
        lambda: client.insert_feedback("click", "a", "3", "soon"),
        lambda: client.get_feedbacks(5, "x"),
        lambda: client.get_recommend("a", write_back_type="x", write_back_delay="soon"),
    ):
        with pytest.raises(gorse.GorseException) as caught:
            call()
        assert caught.value.status_code == 422
    assert httpx.get(f"{address}/api/health/live").json() == {"Ready": True}
    assert httpx.get(f"{address}/api/health/ready").status_code == 200
    assert (
        httpx.get(f"{address}/api/recommend/7?n=2").json()[0] == httpx.get(f"{address}/api/recommend/7/?n=2").json()[0]
    )
    put = [{"FeedbackType": "rating", "UserId": "p", "ItemId": "3", "Value": value} for value in (2, 4)]
    for one in put:
        assert httpx.put(f"{address}/api/feedback", json=[one]).json() == {"RowAffected": 1}
    assert [one["Value"] for one in client.list_feedbacks("rating", "p")] == [4]
