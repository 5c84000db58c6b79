"""What changes the store: events, items and users."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from fillrank.server.access import needs
from fillrank.server.oddities import check_types, odd_events
from fillrank.server.problems import ProblemError
from fillrank.server.routes.lists import ItemId
from fillrank.server.schemas import EventsAnswer, EventsIn, Id, ItemIn
from fillrank.server.state import state_of
from fillrank.store import CatalogueItem, UserEvent

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["changes"], dependencies=[Depends(needs("write"))])
UserId = Annotated[Id, Path(description="The id of a user.", examples=["ann"])]


@router.post("/events", response_model=EventsAnswer)
async def events(given: EventsIn, request: Request) -> Any:
    """Keep events. They are on the disk when the answer comes, and count at the user's next request."""
    state = state_of(request)
    if len(given.events) > state.settings.max_events:
        most = state.settings.max_events
        raise ProblemError(422, "invalid", f"a request may have {most:,} events; got {len(given.events):,}")
    fresh = [UserEvent(**one.model_dump(exclude_none=True)) for one in given.events]
    check_types(fresh, state.meaning)
    done = await state.work(state.store.append, fresh)
    state.metrics.events.inc(done.accepted)
    state.recent.kept(done.accepted)
    if done.accepted:
        state.takeup.happened(fresh)
    state.metrics.repeated.inc(done.repeated)
    return {
        "accepted": done.accepted,
        "repeated": done.repeated,
        "conflicting": list(done.conflicting),
        "ids": [one.id for one in fresh],
        "warnings": odd_events(fresh, state.meaning, state.holder.served),
    }


@router.put("/items/{item_id:path}", status_code=204)
async def put_item(item_id: ItemId, described: ItemIn, request: Request) -> Response:
    """Say what an item is called, which categories it is in, and whether it is hidden."""
    state = state_of(request)
    wanted = CatalogueItem(item_id, described.title, tuple(described.categories), described.hidden)
    await state.work(state.store.put_item, wanted)
    return Response(status_code=204)


@router.delete("/items/{item_id:path}", status_code=204)
async def delete_item(item_id: ItemId, request: Request) -> Response:
    """Never list an item again; its events go, and later models do not learn of it. PUT brings it back."""
    state = state_of(request)
    await state.work(state.store.delete_item, item_id)
    return Response(status_code=204)


@router.delete("/users/{user_id:path}", status_code=204)
async def delete_user(user_id: UserId, request: Request) -> Response:
    """Forget a user: their events now, what the model of the moment knows at once, and for all later models."""
    state = state_of(request)
    await state.work(state.store.delete_user, user_id)
    state.takeup.forget(user_id)
    return Response(status_code=204)
