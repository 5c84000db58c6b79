"""What is at work, and whether it works: the model, health, readiness, metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from fillrank._version import __version__
from fillrank.errors import StoreError
from fillrank.server.access import needs
from fillrank.server.problems import problem
from fillrank.server.retraining.journal import last_entry
from fillrank.server.retraining.versions import Versions
from fillrank.server.state import ServerState, state_of

__all__ = ["health", "router"]

router = APIRouter(prefix="/v1", tags=["model"], dependencies=[Depends(needs("read"))])
health = APIRouter(tags=["health"])


@router.get("/model")
async def model(request: Request) -> dict[str, Any]:
    """Which model is at work, what it has learnt from, and why a newer one was not taken."""
    state = state_of(request)
    served = state.holder.served
    waiting = await state.work(state.store.count_after, served.seq)
    return {
        "model": served.version,
        "name": served.model.name,
        "data": served.model.interactions.name,
        "users": served.model.interactions.n_users,
        "items": served.model.interactions.n_items,
        "rates": served.model.predictor is not None,
        "value_range": served.model.value_range,
        "uses_ratings": served.ranks_by_ratings or served.model.predictor is not None,
        "events_learnt": served.seq,
        "events_since": waiting,
        "loaded": served.loaded,
        "refused": bool(state.holder.refused),
        "retraining": await state.aside(_retraining, state),
    }


def _retraining(state: ServerState) -> dict[str, Any] | None:
    """The last attempt at a new model, and what came of it; None: there was none."""
    if state.holder.folder is None:
        return None
    last = last_entry(Versions(state.holder.folder).folder)
    if last is None:
        return None
    shown = ("time", "what", "number", "verdict")
    return {name: last[name] for name in shown if name in last}


@health.get("/healthz")
async def healthz() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok", "version": __version__}


@health.get("/readyz")
async def readyz(request: Request) -> Response:
    """Whether it can do its work: the store answers."""
    state = state_of(request)
    try:
        await state.aside(state.store.newest)
    except StoreError:
        return problem(503, "store_unavailable", "the store does not answer")
    return Response('{"status": "ready"}', media_type="application/json")


@health.get("/metrics", dependencies=[Depends(needs("read"))], response_class=Response)
async def metrics(request: Request) -> Response:
    """Numbers for Prometheus."""
    return Response(state_of(request).metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
