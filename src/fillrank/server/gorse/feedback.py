"""``/api/feedback``: events."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from fillrank.server.access import needs
from fillrank.server.gorse.schemas import Feedback, feedback_of
from fillrank.server.oddities import check_types
from fillrank.server.problems import ProblemError
from fillrank.server.schemas import Id
from fillrank.server.state import state_of

__all__ = ["READ", "WRITE", "Page", "router", "start_of"]

router = APIRouter(prefix="/api", tags=["gorse"])
READ, WRITE = [Depends(needs("read"))], [Depends(needs("write"))]
Page = Annotated[int, Query(ge=1, le=1000)]


@router.post("/feedback", dependencies=WRITE)
async def add(given: list[Feedback], request: Request) -> dict[str, int]:
    """Keep feedback."""
    return await _keep(given, request, replacing=False)


@router.put("/feedback", dependencies=WRITE)
async def overwrite(given: list[Feedback], request: Request) -> dict[str, int]:
    """Keep feedback in the place of that of the same type, user and item."""
    return await _keep(given, request, replacing=True)


@router.get("/feedback", dependencies=READ)
async def page(request: Request, n: Page = 100, cursor: Annotated[str, Query(max_length=32)] = "") -> dict[str, Any]:
    """Feedback in the order in which it came."""
    state = state_of(request)
    found, after = await state.work(lambda: state.store.events(after=start_of(cursor), limit=n))
    return {"Feedback": feedback_of(found), "Cursor": str(after) if len(found) == n else ""}


@router.get("/user/{user_id}/feedback", dependencies=READ)
async def of_user(user_id: Id, request: Request) -> list[dict[str, Any]]:
    """What a user has done."""
    state = state_of(request)
    return feedback_of(await state.work(state.store.history, user_id))


@router.get("/user/{user_id}/feedback/{kind}", dependencies=READ)
async def of_user_and_type(user_id: Id, kind: Id, request: Request) -> list[dict[str, Any]]:
    """What a user has done of one type."""
    state = state_of(request)
    return feedback_of([event for event in await state.work(state.store.history, user_id) if event.type == kind])


@router.get("/feedback/{user_id}/{item_id}", dependencies=READ)
async def of_pair(user_id: Id, item_id: Id, request: Request) -> list[dict[str, Any]]:
    """What a user has done with an item."""
    state = state_of(request)
    found, _ = await state.work(lambda: state.store.events(user_id=user_id, item_id=item_id))
    return feedback_of(found)


@router.delete("/feedback/{user_id}/{item_id}", dependencies=WRITE)
async def remove(user_id: Id, item_id: Id, request: Request) -> dict[str, int]:
    """Forget what a user has done with an item."""
    state = state_of(request)
    return {"RowAffected": await state.work(lambda: state.store.remove_events(user_id=user_id, item_id=item_id))}


def start_of(cursor: str) -> int:
    """The number after which a page begins."""
    if cursor and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise ProblemError(422, "invalid", "cursor is one that was given, or empty")
    return int(cursor or 0)


async def _keep(given: list[Feedback], request: Request, *, replacing: bool) -> dict[str, int]:
    state = state_of(request)
    if len(given) > state.settings.max_events:
        raise ProblemError(422, "invalid", f"a request may have {state.settings.max_events:,} feedbacks")
    fresh = [one.event() for one in given]
    check_types(fresh, state.meaning)
    done = await state.work(lambda: state.store.append(fresh, replacing=replacing))
    state.metrics.events.inc(done.accepted)
    state.recent.kept(done.accepted)
    if done.accepted:
        state.takeup.happened(fresh)
    return {"RowAffected": done.accepted}
