"""For the operator: how the server does, who gets what and why, and the way back to the model before."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request

from fillrank.errors import ModelFileError
from fillrank.server.access import needs
from fillrank.server.operating import overview, user_view
from fillrank.server.problems import ProblemError
from fillrank.server.retraining.attempt import roll_back
from fillrank.server.routes.changes import UserId
from fillrank.server.schemas import Rollback
from fillrank.server.state import state_of

__all__ = ["router"]

router = APIRouter(prefix="/v1/operator", tags=["operator"], dependencies=[Depends(needs("admin"))])


@router.get("/overview")
async def whole(request: Request) -> dict[str, Any]:
    """The model at work, what it lists, requests, events, latency, memory, training, and the models side by side."""
    state = state_of(request)
    return await state.slowly(overview, state)


@router.get("/users/{user_id:path}")
async def one_user(user_id: UserId, request: Request) -> dict[str, Any]:
    """What is known of a user, beside the list that they get now, with its reasons."""
    state = state_of(request)
    return await state.work(user_view, state, user_id)


@router.post("/rollback")
async def rollback(asked: Rollback, request: Request) -> dict[str, Any]:
    """Put the model before this one, or the one of a number, to work again."""
    state = state_of(request)
    folder = state.holder.folder
    if folder is None:
        raise ProblemError(409, "no_folder", "this model is in no folder, so none before it is kept")
    try:
        number = await state.aside(roll_back, folder, asked.number)
    except ModelFileError as error:
        raise ProblemError(409, "not_kept", "there is no such model to go back to") from error
    await state.aside(state.holder.look)
    return {"number": number, "model": state.holder.served.version}
