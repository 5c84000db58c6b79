"""Lists, predictions, items alike and items by what somebody types."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from fillrank.server.access import needs
from fillrank.server.problems import ProblemError
from fillrank.server.ranker import Wanted
from fillrank.server.rules import RequestRules
from fillrank.server.schemas import Id, Item, ItemsAnswer, ListAnswer, Predict, PredictAnswer, Recommend
from fillrank.server.state import ServerState, state_of

__all__ = ["ItemId", "check_sizes", "router"]

router = APIRouter(prefix="/v1", tags=["lists"], dependencies=[Depends(needs("read"))])
ItemId = Annotated[Id, Path(description="The id of an item.", examples=["6"])]
_K = Query(ge=1, description="How many.")


@router.post("/recommend", response_model=ListAnswer)
async def recommend(asked: Recommend, request: Request) -> Any:
    """The best items for a user, known or new, or for a history."""
    state = state_of(request)
    check_sizes(state, asked.k + asked.offset, asked.history)
    wanted = Wanted(
        user=asked.user,
        history=asked.tastes(),
        k=asked.k,
        offset=asked.offset,
        rules=RequestRules(
            items=asked.items,
            exclude=asked.exclude,
            categories=asked.categories,
            where=asked.where,
            where_not=asked.where_not,
            at_most=asked.at_most,
            novelty=asked.novelty,
        ),
        filter_seen=asked.filter_seen,
        explain=asked.explain,
    )
    return await state.work(state.ranker.recommend, wanted)


@router.post("/predict", response_model=PredictAnswer)
async def predict(asked: Predict, request: Request) -> Any:
    """The ratings that a user is expected to give."""
    state = state_of(request)
    check_sizes(state, 1, asked.history)
    return await state.work(state.ranker.predict, asked.user, asked.tastes(), asked.items)


@router.get("/items/{item_id:path}/similar", response_model=ListAnswer)
async def similar(item_id: ItemId, request: Request, k: Annotated[int, _K] = 10) -> Any:
    """The items nearest to an item."""
    state = state_of(request)
    check_sizes(state, k, None)
    return await state.work(state.ranker.similar, item_id, k)


@router.get("/items", response_model=ItemsAnswer)
async def search(
    request: Request,
    query: Annotated[
        str, Query(max_length=200, description="A title, or what is nearly one.", examples=["alein"])
    ] = "",
    k: Annotated[int, _K] = 10,
) -> Any:
    """Items by their titles, typing errors forgiven; the most popular ones where nothing was typed."""
    state = state_of(request)
    check_sizes(state, k, None)
    return await state.work(state.ranker.search, query, k)


@router.get("/items/{item_id:path}", response_model=Item)
async def item(item_id: ItemId, request: Request) -> Any:
    """What is known of an item."""
    state = state_of(request)
    return await state.work(state.ranker.item, item_id)


def check_sizes(state: ServerState, k: int, history: Any) -> None:
    """Refuse a list or a history that is too long."""
    settings = state.settings
    if k > settings.max_k:
        raise ProblemError(422, "invalid", f"a list may have {settings.max_k:,} items, offset included; got {k:,}")
    if history is not None and len(history) > settings.max_history:
        raise ProblemError(422, "invalid", f"a history may have {settings.max_history:,} items; got {len(history):,}")
