"""``/api/recommend``, ``/api/session/recommend``, neighbours and health."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request

from fillrank.server.access import needs
from fillrank.server.gorse.feedback import READ
from fillrank.server.gorse.schemas import Feedback
from fillrank.server.oddities import check_types
from fillrank.server.problems import ProblemError
from fillrank.server.ranker import Wanted
from fillrank.server.rules import RequestRules
from fillrank.server.schemas import Id
from fillrank.server.state import state_of
from fillrank.store import UserEvent
from fillrank.store.checks import now_ms

__all__ = ["health", "router"]

router = APIRouter(prefix="/api", tags=["gorse"])
health = APIRouter(prefix="/api/health", tags=["health"])
Number = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, le=10_000)]
_DELAY = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?")


@router.get("/recommend/{user_id}", dependencies=READ)
@router.get("/recommend/{user_id}/", dependencies=READ, include_in_schema=False)
@router.get("/recommend/{user_id}/{category}", dependencies=READ)
async def recommend(
    user_id: Id,
    request: Request,
    category: Id | None = None,
    n: Number = 10,
    offset: Offset = 0,
    write_back_type: Annotated[Id | None, Query(alias="write-back-type")] = None,
    write_back_delay: Annotated[str, Query(alias="write-back-delay", max_length=32)] = "",
    x_api_version: Annotated[str, Header()] = "",
) -> list[Any]:
    """The best items for a user: ids, or with ``X-API-Version: 2`` ids and scores."""
    state = state_of(request)
    if n + offset > state.settings.max_k:
        raise ProblemError(422, "invalid", f"n and offset may be {state.settings.max_k:,} together")
    delay = _milliseconds(write_back_delay)
    asked = Wanted(user=user_id, k=n, offset=offset, rules=_of_category(category))
    listed = (await state.work(state.ranker.recommend, asked))["items"]
    if write_back_type is not None and listed:
        await needs("write")(request)
        when = now_ms() + delay
        shown = [UserEvent(user_id, one["item"], write_back_type[:64], time=when) for one in listed]
        await state.work(state.store.append, shown)
    if x_api_version == "2":
        return [{"Id": one["item"], "Score": one["score"]} for one in listed]
    return [one["item"] for one in listed]


@router.post("/session/recommend", dependencies=READ)
@router.post("/session/recommend/{category}", dependencies=READ)
async def session(
    given: list[Feedback], request: Request, category: Id | None = None, n: Number = 10, offset: Offset = 0
) -> list[Any]:
    """The best items for somebody who has done this and nothing else."""
    state = state_of(request)
    if len(given) > state.settings.max_history or n + offset > state.settings.max_k:
        raise ProblemError(422, "invalid", "too many feedbacks, or too long a list")
    events = [one.event() for one in given]
    check_types(events, state.meaning)
    tastes = state.meaning.tastes(events)
    history = {item: taste for item, taste in tastes.items() if taste.wanted}
    refused = [item for item, taste in tastes.items() if not taste.wanted]
    rules = replace(_of_category(category), exclude=refused)
    wanted = Wanted(history=history, k=n, offset=offset, rules=rules)
    listed = (await state.work(state.ranker.recommend, wanted))["items"]
    return [{"Id": one["item"], "Score": one["score"]} for one in listed]


@router.get("/item/{item_id}/neighbors", dependencies=READ)
@router.get("/item/{item_id}/neighbors/", dependencies=READ, include_in_schema=False)
async def neighbors(item_id: Id, request: Request, n: Number = 10, offset: Offset = 0) -> list[Any]:
    """The items nearest to an item."""
    state = state_of(request)
    found = await state.work(state.ranker.similar, item_id, n, offset)
    return [{"Id": one["item"], "Score": one["score"]} for one in found["items"]]


@health.get("/live")
async def live() -> dict[str, bool]:
    """Whether the process answers."""
    return {"Ready": True}


@health.get("/ready")
async def ready(request: Request) -> dict[str, bool]:
    """Whether the store answers."""
    state = state_of(request)
    await state.aside(state.store.newest)
    return {"Ready": True, "DataStoreConnected": True, "CacheStoreConnected": True}


def _of_category(category: str | None) -> RequestRules:
    return RequestRules(categories=None if category is None else [category])


def _milliseconds(delay: str) -> int:
    found = _DELAY.fullmatch(delay)
    if found is None:
        raise ProblemError(422, "invalid", "write-back-delay is a time such as 10m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return 1000 * (3600 * hours + 60 * minutes + seconds)
