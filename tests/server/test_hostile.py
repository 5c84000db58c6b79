"""Requests that nobody in their right mind would send: none ends in a fault."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fillrank.recommend import Recommender

EXAMPLES = int(os.environ.get("FILLRANK_HOSTILE", "200"))
pytestmark = pytest.mark.slow
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
KEYS = ["user", "history", "k", "offset", "exclude", "categories", "filter_seen", "items", "events", "table", "rank"]
BODIES = st.dictionaries(st.sampled_from(KEYS), JSON | st.sampled_from(["7", "3", ["3"], {"3": 5}, 1, 500]), max_size=5)


def test_requests_that_the_description_allows_and_those_that_it_does_not(
    serving: Callable[..., Any], rating_model: Recommender
) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="comes with the extra fillrank[dev]")
    client = serving(rating_model, rate=1e9, burst=10**9)
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    met: set[int] = set()
    for result in schema.get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def attack(case: Any) -> None:
            answer = case.call(headers={"host": "localhost"})
            met.add(answer.status_code)
            assert answer.status_code < 500, (case, answer.text)

        attack()
    assert met >= {200, 422}


@settings(max_examples=5 * EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_json_to_any_route(serving: Callable[..., Any], rating_model: Recommender, data: st.DataObject) -> None:
    client = _CLIENTS.get("one") or _CLIENTS.setdefault("one", serving(rating_model, rate=1e9, burst=10**9))
    path = data.draw(st.sampled_from(["recommend", "predict", "events", "complete", "items/3", "items/3/similar"]))
    method = data.draw(st.sampled_from(["POST", "POST", "POST", "PUT", "GET"]))
    import json

    body = json.dumps(data.draw(BODIES)).encode()
    answer = client.request(method, f"/v1/{path}", content=body, headers={"content-type": "application/json"})
    assert answer.status_code < 500, answer.text


_CLIENTS: dict[str, Any] = {}
