"""``/api/item…`` and ``/api/user…``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from fillrank.server.gorse.feedback import READ, WRITE, Page
from fillrank.server.gorse.schemas import GorseItem, GorseUser, as_item, item_of, user_of
from fillrank.server.problems import ProblemError
from fillrank.server.schemas import Id
from fillrank.server.state import ServerState, state_of
from fillrank.store import CatalogueItem

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["gorse"])
Cursor = Annotated[str, Query(max_length=512)]
Query_ = Annotated[str, Query(max_length=200)]


@router.post("/item", dependencies=WRITE)
async def add_item(given: GorseItem, request: Request) -> dict[str, int]:
    """Describe an item."""
    return await add_items([given], request)


@router.post("/items", dependencies=WRITE)
async def add_items(given: list[GorseItem], request: Request) -> dict[str, int]:
    """Describe items."""
    state = state_of(request)
    _check(state, given, [one.ItemId for one in given], "ItemId")
    return {"RowAffected": await state.work(_put_items, state, given)}


@router.patch("/item/{item_id}", dependencies=WRITE)
async def change_item(item_id: Id, given: GorseItem, request: Request) -> dict[str, int]:
    """Change what is said of an item; what is null stays."""
    state = state_of(request)
    return {"RowAffected": await state.work(_put_items, state, [given.model_copy(update={"ItemId": item_id})])}


@router.get("/item/{item_id}", dependencies=READ)
async def item(item_id: Id, request: Request) -> dict[str, Any]:
    """An item."""
    state = state_of(request)
    return await state.work(_item, state, item_id)


@router.get("/items", dependencies=READ)
async def items(request: Request, n: Page = 100, cursor: Cursor = "", q: Query_ = "") -> dict[str, Any]:
    """Items in the order of their ids; or those whose titles are nearest to ``q``."""
    state = state_of(request)
    if q:
        found = await state.work(state.ranker.search, q, n)
        return {"Items": [await state.work(_item, state, one["item"]) for one in found["items"]], "Cursor": ""}
    page = await state.work(lambda: state.store.items(after=cursor.replace("\0", ""), limit=n))
    return {"Items": [item_of(one) for one in page], "Cursor": page[-1].id if len(page) == n else ""}


@router.delete("/item/{item_id}", dependencies=WRITE)
async def remove_item(item_id: Id, request: Request) -> dict[str, int]:
    """Never list an item again."""
    state = state_of(request)
    await state.work(state.store.delete_item, item_id)
    return {"RowAffected": 1}


@router.post("/user", dependencies=WRITE)
async def add_user(given: GorseUser, request: Request) -> dict[str, int]:
    """Keep what is said of a user."""
    return await add_users([given], request)


@router.post("/users", dependencies=WRITE)
async def add_users(given: list[GorseUser], request: Request) -> dict[str, int]:
    """Keep what is said of users."""
    state = state_of(request)
    _check(state, given, [one.UserId for one in given], "UserId")
    return {"RowAffected": await state.work(_put_users, state, given)}


@router.patch("/user/{user_id}", dependencies=WRITE)
async def change_user(user_id: Id, given: GorseUser, request: Request) -> dict[str, int]:
    """Change what is said of a user; what is null stays."""
    state = state_of(request)
    return {"RowAffected": await state.work(_put_users, state, [given.model_copy(update={"UserId": user_id})])}


@router.get("/user/{user_id}", dependencies=READ)
async def user(user_id: Id, request: Request) -> dict[str, Any]:
    """A user who was described, has done something, or is known to the model."""
    state = state_of(request)
    details = await state.work(state.store.user, user_id)
    if details is None and not await state.work(state.store.history, user_id) and state.holder.served.user(user_id) < 0:
        raise ProblemError(404, "unknown_user", "nobody knows this user")
    return user_of(user_id, details or {})


@router.get("/users", dependencies=READ)
async def users(request: Request, n: Page = 100, cursor: Cursor = "") -> dict[str, Any]:
    """Users who were described, in the order of their ids."""
    state = state_of(request)
    page = await state.work(lambda: state.store.users(after=cursor.replace("\0", ""), limit=n))
    return {"Users": [user_of(*one) for one in page], "Cursor": page[-1][0] if len(page) == n else ""}


@router.delete("/user/{user_id}", dependencies=WRITE)
async def remove_user(user_id: Id, request: Request) -> dict[str, int]:
    """Forget a user."""
    state = state_of(request)
    await state.work(state.store.delete_user, user_id)
    return {"RowAffected": 1}


def _check(state: ServerState, given: list[Any], ids: list[str | None], name: str) -> None:
    if None in ids:
        raise ProblemError(422, "invalid", f"{name} is wanted")
    if len(given) > state.settings.max_events:
        raise ProblemError(422, "invalid", f"a request may have {state.settings.max_events:,} of them")


def _put_items(state: ServerState, given: list[GorseItem]) -> int:
    for one in given:
        name = str(one.ItemId)
        state.store.put_item(as_item(one, name, state.store.item(name)))
    return len(given)


def _put_users(state: ServerState, given: list[GorseUser]) -> int:
    for one in given:
        name = str(one.UserId)
        state.store.put_user(name, one.details(state.store.user(name) or {}))
    return len(given)


def _item(state: ServerState, item: str) -> dict[str, Any]:
    """An item of the store, or else of the model."""
    known = state.ranker.item(item)  # 404, if nobody knows it
    own = state.store.item(item) or CatalogueItem(item, changed=0)
    return item_of(own) | {"Comment": known["title"] or ""}
