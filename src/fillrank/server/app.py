"""The application: routes, guard and state put together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI

from fillrank._version import __version__
from fillrank.arguments import checked
from fillrank.errors import FillrankError, SettingsError
from fillrank.recommend import Recommender
from fillrank.runtime.paths import expanded
from fillrank.server import gorse
from fillrank.server.arms import Arm, Arms
from fillrank.server.event_types import meaning_of
from fillrank.server.guard import Guard
from fillrank.server.problems import answer_problems
from fillrank.server.retraining.schedule import Schedule, Scheduler
from fillrank.server.routes import about, changes, lists, maps, operator, pages, tables
from fillrank.server.served import ModelHolder, Served
from fillrank.server.settings import ServerSettings
from fillrank.server.state import ServerState
from fillrank.store import Store
from fillrank.store.meaning import EventMeaning

__all__ = ["ROUTERS", "create_app"]

ROUTERS = (
    *(lists.router, changes.router, tables.router, maps.router, about.router, operator.router, about.health),
    *(pages.router, *gorse.ROUTERS),
)
logger = logging.getLogger("fillrank")


@checked
def create_app(
    model: Recommender | str | Path,
    store: Store | str,
    *,
    settings: ServerSettings | None = None,
    schedule: Schedule | None = None,
    against: Mapping[str, Recommender | str | Path] | None = None,
) -> FastAPI:
    """An ASGI application that serves a model.

    Args:
        model: a recommender; or the folder of a saved one, which is then watched: another model saved there is taken
            in the place of this one, between two requests; a torn one is not.
        store: where events are kept; or its URL.
        settings: limits.
        schedule: when to fit the next model, for a model in a folder; None: never.
        against: further models by name, each for an equal share of the users; who gets which is a hash of their id.

    Returns:
        A FastAPI application; its routes are in ``docs/reference/routes.md`` and at ``/openapi.json``.

    Raises:
        ModelFileError: there is no model in the folder.
        StoreError: the store cannot be reached.
        SettingsError: a schedule came with a model that is in no folder.

    Example:
        >>> import tempfile
        >>> import fillrank as fr
        >>> model = fr.Popularity().fit(fr.Interactions.from_arrays(["ann", "bob"], ["Heat", "Heat"]))
        >>> with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/shop.db") as store:
        ...     sorted(create_app(model, store).openapi()["paths"])[-3:]
        ['/v1/predict', '/v1/recommend', '/v1/users/{user_id}']
    """
    settings = settings or ServerSettings()
    folder = None if isinstance(model, Recommender) else expanded(model, "the model")
    served = Served(model, model.name or "model") if isinstance(model, Recommender) else Served.load(expanded(model))
    own = Store(store) if isinstance(store, str) else None
    arms = Arms([Arm(served.model.name or "model", ModelHolder(served, folder)), *_against(against or {})])
    meaning = settings.meaning or meaning_of(folder)
    state = ServerState(arms, own or store, settings, meaning)  # type: ignore[arg-type]
    for arm in arms.all:
        state.ranker.catalogues.of(arm.holder.served)
    if schedule is not None:
        if folder is None:
            raise SettingsError("a schedule goes with the folder of a model, where the next one is put").about(
                "schedule"
            )
        state.scheduler = Scheduler(folder, state.store, schedule, _said(settings.meaning))

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(_watch(state))
        yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        state.close()
        if own is not None:
            own.close()

    app = FastAPI(
        title="fillrank",
        version=__version__,
        summary="A live recommender.",
        lifespan=life,
        docs_url=None,  # pages that fetch scripts from elsewhere
        redoc_url=None,
    )
    app.state.server = state
    for router in ROUTERS:
        app.include_router(router)
    answer_problems(app)
    app.add_middleware(
        Guard, settings=settings, metrics=state.metrics, recent=state.recent, is_open=lambda: state.access.is_open
    )
    return app


def _against(models: Mapping[str, Recommender | str | Path]) -> list[Arm]:
    arms = []
    for name, model in models.items():
        if isinstance(model, Recommender):
            arms.append(Arm(name, ModelHolder(Served(model, f"{name}-{model.name or 'model'}"))))
        else:
            folder = expanded(model, "the model")
            arms.append(Arm(name, ModelHolder(Served.load(folder), folder)))
    return arms


def _said(meaning: EventMeaning | None) -> list[str]:
    """The weights of types of events, where they are not those of the fit, as words for ``fillrank retrain``."""
    weights = None if meaning is None else meaning.weights
    return [] if not weights else ["--event", ",".join(f"{kind}={weight:g}" for kind, weight in weights.items())]


async def _watch(state: ServerState) -> None:
    """Look now and then whether there is another model, and whether somebody has made the first key."""
    while True:
        await asyncio.sleep(state.settings.watch_seconds)
        try:
            for holder in (arm.holder for arm in state.arms.all):
                before = holder.refused
                if await state.aside(holder.look):
                    logger.info("now serving %s", holder.served.version)
                elif holder.refused and holder.refused != before:
                    logger.warning("a new model is not taken: %s", holder.refused)
            await state.aside(state.access.look)
            if state.scheduler is not None:
                await state.aside(state.scheduler.look)
        except FillrankError as error:
            logger.error("%s", error)
