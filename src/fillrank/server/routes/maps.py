"""A map of the catalogue, somebody's place on it, and what leaning to the rare does."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from fillrank.server.access import needs
from fillrank.server.map_schemas import MapAnswer, PlaceAnswer
from fillrank.server.routes.lists import check_sizes
from fillrank.server.schemas import Whose
from fillrank.server.state import state_of

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["maps"], dependencies=[Depends(needs("read"))])


@router.get("/map", response_model=MapAnswer)
async def catalogue_map(
    request: Request,
    n: Annotated[int, Query(ge=1, le=20_000, description="So many of the items that most have met.")] = 2000,
) -> Any:
    """The vectors of items in two dimensions: principal components of the unit vectors."""
    state = state_of(request)
    return await state.slowly(state.ranker.map, n)


@router.post("/map/place", response_model=PlaceAnswer)
async def place(asked: Whose, request: Request) -> Any:
    """Where a user, or somebody of a history, is on the map; null where nothing is known of them."""
    state = state_of(request)
    check_sizes(state, 1, asked.history)
    return await state.work(state.ranker.place, asked.user, asked.tastes())


@router.get("/novelty")
async def novelty(request: Request) -> dict[str, Any]:
    """For each step of `novelty`, on lists of ten for 200 users: how many have met a listed item, and coverage."""
    state = state_of(request)
    return await state.slowly(state.ranker.leanings)
