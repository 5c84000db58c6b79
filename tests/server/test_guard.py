"""What is refused before it costs anything, and how that is said."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from fillrank.errors import DiskFullError, SettingsError, StoreError
from fillrank.recommend import Recommender
from fillrank.server import ServerSettings
from fillrank.server.run import _bound, check_address
from fillrank.store import Store

HEADERS = {"content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy", "cache-control"}


def refusal(answer: Any) -> tuple[int, str]:
    assert set(answer.json()) == {"error"}
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user": "1", "history": ["1"]},
        {"user": "1", "k": 0},
        {"user": "1", "k": 501},
        {"user": "1", "k": "x"},
        {"user": ""},
        {"user": "a\0b"},
        {"user": "x" * 513},
        {"user": True},
        {"user": 1.5},
        {"user": "1", "unknown": 1},
        {"history": {"1": 1e39}},
        {"history": {"1": "good"}},
        {"history": [str(number) for number in range(1001)]},
        {"user": "1", "offset": 500},
        [],
        None,
    ],
)
def test_what_is_no_request_is_refused_in_words(client: Any, body: Any) -> None:
    assert refusal(client.post("/v1/recommend", json=body)) == (422, "invalid")


@pytest.mark.parametrize(
    ("route", "body", "said"),
    [
        ("recommend", {"user": "1", "k": "x"}, "k must be a whole number, got 'x'"),
        ("recommend", {"user": "1", "k": 0}, "k must be 1 or more, got 0"),
        ("recommend", {"user": ""}, "user must have 1 or more characters, got ''"),
        ("recommend", {"usr": "1"}, "there is no field 'usr'; did you mean user?"),
        ("recommend", {"history": 5}, "history must be a list of items, or an object of items with ratings, got 5"),
        ("recommend", {"history": {"1": "good"}}, "history.1 must be a number, got 'good'"),
        ("recommend", {"history": [1, None]}, "history[1] must be a text, got null"),
        ("recommend", {"user": "1", "where": {"genre": None}}, "where.genre: a text, a number, true or false"),
        ("recommend", {"user": "1", "at_most": "x"}, "at_most: a whole number of 1 or more was wanted, or an"),
        ("recommend", {"user": "1", "novelty": 2}, "novelty must be 1 or less, got 2"),
        ("recommend", [], "the body must be an object, got a list of 0"),
        ("recommend", {"user": "1", "where": {"genre": "War"}}, "no column 'genre'"),
        ("events", {"events": [{"user": "a"}]}, "events[0].item is missing"),
        ("events", {"events": [{"user": "a", "item": "b", "time": "soon"}]}, "events[0].time: a time is a number of"),
        ("complete", {"table": [[1, "a"]]}, "table[0][1] must be a number, got 'a'"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(client: Any, route: str, body: Any, said: str) -> None:
    message = client.post(f"/v1/{route}", json=body).json()["error"]["message"]
    assert said in message
    assert not re.search(r"pydantic|Input should|value_error|dict\[|list\[|constrained|function-", message)


@pytest.mark.parametrize(
    "raw",
    [b"{", b"\xff\xfe", b"[" * 100_000, b'{"user": NaN}', b'{"k": ' + b"1" * 5000 + b"}", b'{"user": "\\ud800"}', b""],
)
def test_what_is_no_json_is_refused(client: Any, raw: bytes) -> None:
    answer = client.post("/v1/recommend", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert set(answer.json()) == {"error"}


def test_every_answer_has_the_headers(client: Any) -> None:
    for answer in (client.get("/healthz"), client.get("/nope"), client.post("/v1/recommend", json={})):
        assert set(answer.headers) >= HEADERS
        assert "access-control-allow-origin" not in answer.headers
    assert refusal(client.get("/nope")) == (404, "not_found")
    assert refusal(client.get("/v1/recommend")) == (405, "method_not_allowed")


def test_large_bodies_and_other_kinds_are_refused(serving: Callable[..., Any], svd: Recommender) -> None:
    client = serving(svd, max_body=100)
    assert refusal(client.post("/v1/recommend", json={"user": "x" * 200})) == (413, "too_large")
    parts = (b'{"user": "', b"x" * 200, b'"}')
    json = {"content-type": "application/json"}
    assert refusal(client.post("/v1/recommend", content=iter(parts), headers=json)) == (413, "too_large")
    plain = {"content-type": "text/plain"}  # what a page of another site may send without asking
    assert refusal(client.post("/v1/recommend", content=b"{}", headers=plain)) == (415, "unsupported_media_type")


def test_who_asks_too_often_has_to_wait(serving: Callable[..., Any], svd: Recommender) -> None:
    client = serving(svd, rate=0.001, burst=3)
    answers = [client.get("/v1/model") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].headers["retry-after"] == "1"
    assert client.get("/healthz").status_code == 200


def test_beyond_its_load_a_server_refuses_at_once(
    serving: Callable[..., Any], svd: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serving(svd, max_waiting=2)
    go = threading.Event()
    monkeypatch.setattr(
        client.app.state.server.ranker, "recommend", lambda _: go.wait(20) and {"items": [], "model": ""}
    )
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(client.post("/v1/recommend", json={"user": "1"}).status_code))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 20
    while len(answers) < 4 and time.monotonic() < until:
        time.sleep(0.01)
    assert answers == [503] * 4
    assert client.get("/healthz").status_code == 200
    go.set()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 200, 503, 503, 503, 503]
    assert client.post("/v1/recommend", json={"user": "1"}).status_code == 200  # it recovers


def test_who_has_waited_too_long_is_refused_before_any_work(
    serving: Callable[..., Any], svd: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serving(svd, patience=0.2)
    state, go, done = client.app.state.server, threading.Event(), []
    monkeypatch.setattr(state.ranker, "recommend", lambda _: done.append(go.wait(20)) or {"items": [], "model": ""})
    answers: list[int] = []

    def ask() -> None:
        answers.append(client.post("/v1/recommend", json={"user": "1"}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(2)]  # there are two workers
    for thread in threads:
        thread.start()
    until = time.monotonic() + 20
    while state.metrics.waiting._value.get() < 2 and time.monotonic() < until:
        time.sleep(0.01)
    late = threading.Thread(target=ask)
    late.start()
    threading.Timer(0.6, go.set).start()
    for thread in (*threads, late):
        thread.join()
    assert sorted(answers) == [200, 200, 503]
    assert len(done) == 2


def test_without_keys_only_names_of_this_machine_are_answered(client: Any, store: Store) -> None:
    assert refusal(client.get("/v1/model", headers={"host": "evil.example:8000"})) == (421, "wrong_host")
    assert client.get("/v1/model", headers={"host": "localhost:8000"}).status_code == 200
    assert client.get("/v1/model", headers={"host": "[::1]:8000"}).status_code == 200


def test_faults_tell_nothing(client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def failing(error: Exception) -> Callable[..., Any]:
        def fail(*_: Any) -> Any:
            raise error

        return fail

    ranker = client.app.state.server.ranker
    cases = [
        (KeyError("/secret/path"), (500, "fault")),
        (StoreError("postgresql://host/secret"), (503, "store_unavailable")),
        (DiskFullError("/secret/disk"), (507, "disk_full")),
    ]
    for error, expected in cases:
        monkeypatch.setattr(ranker, "recommend", failing(error))
        answer = client.post("/v1/recommend", json={"user": "1"})
        assert refusal(answer) == expected
        assert "secret" not in answer.text
        assert "secret" in caplog.text
        caplog.clear()


def test_scopes_open_what_they_say(client: Any, store: Store) -> None:
    keys = {scope: store.add_key(scope, [scope])[0] for scope in ("read", "write", "admin")}
    access = client.app.state.server.access
    access._looked = -1e9
    access.look()
    calls = {
        "read": lambda headers: client.post("/v1/recommend", json={"user": "1"}, headers=headers),
        "write": lambda headers: client.post(
            "/v1/events", json={"events": [{"user": "1", "item": "1"}]}, headers=headers
        ),
    }
    for scope, call in calls.items():
        assert refusal(call({})) == (401, "no_key")
        assert refusal(call({"x-api-key": "fillrank_wrong"})) == (401, "wrong_key")
        assert call({"authorization": f"Bearer {keys[scope]}"}).status_code == 200
        assert call({"x-api-key": keys["admin"]}).status_code == 200
        other = "write" if scope == "read" else "read"
        assert refusal(call({"x-api-key": keys[other]})) == (403, "not_allowed")
    assert client.get("/metrics").status_code == 401
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
    assert client.get("/v1/model", headers={"x-api-key": keys["read"], "host": "shop.example"}).status_code == 200
    store.revoke_key(store.all_keys()[0].id)
    access._found.clear()
    assert refusal(calls["read"]({"x-api-key": keys["read"]})) == (401, "wrong_key")


def test_no_key_is_in_the_log(client: Any, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    key, _ = store.add_key("shop", ["read"])
    caplog.set_level("DEBUG")
    client.get("/v1/model", headers={"x-api-key": key})
    client.get("/v1/nope", headers={"authorization": f"Bearer {key}"})
    assert key not in caplog.text


def test_other_machines_are_not_served_without_a_key(client: Any, store: Store) -> None:
    check_address(client.app, "127.0.0.1")
    check_address(client.app, "::1")
    for host in ("0.0.0.0", "192.168.1.5", "shop.example"):  # noqa: S104
        with pytest.raises(SettingsError, match="is open to other machines, and the store has no API key"):
            check_address(client.app, host)
    with pytest.raises(SettingsError, match="max_body must be above 0"):
        ServerSettings(max_body=0)


def test_small_answers_do_not_wait_for_more() -> None:
    with _bound("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP  # by which asyncio knows to switch Nagle's algorithm off


def test_metrics_count_by_route_and_never_by_what_was_sent(client: Any) -> None:
    client.get("/v1/items/secret-item")
    client.get("/secret-path")
    client.post("/v1/events", json={"events": [{"user": "a", "item": "b", "id": "1"}] * 2})
    text = client.get("/metrics").text
    assert 'fillrank_requests_total{method="GET",route="/v1/items/{item_id:path}",status="404"} 1.0' in text
    assert "fillrank_events_total 1.0" in text
    assert "fillrank_events_repeated_total 1.0" in text
    assert "secret" not in text
