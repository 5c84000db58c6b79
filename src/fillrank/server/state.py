"""What the routes of one server share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import torch
from fastapi import Request

from fillrank.server.access import Access
from fillrank.server.arms import Arms, Takeup
from fillrank.server.insight.kept import KeptInsights
from fillrank.server.metrics import Metrics
from fillrank.server.problems import ProblemError
from fillrank.server.ranker import Ranker
from fillrank.server.recent import Recent
from fillrank.server.retraining.schedule import Scheduler
from fillrank.server.settings import ServerSettings
from fillrank.store import Store
from fillrank.store.meaning import EventMeaning

__all__ = ["ServerState", "state_of"]

Result = TypeVar("Result")


class ServerState:
    """The model of the moment, the store, and the threads that work.

    Args:
        arms: the models.
        store: of events.
        settings: of the server.
        meaning: of types of events.
    """

    def __init__(self, arms: Arms, store: Store, settings: ServerSettings, meaning: EventMeaning) -> None:
        self.arms, self.store, self.settings, self.meaning = arms, store, settings, meaning
        self.holder, self.recent, self.insights = arms.main.holder, Recent(), KeptInsights()
        self.takeup = Takeup([arm.name for arm in arms.all], meaning)
        holder = self.holder
        self.metrics, self.access = Metrics(), Access(store)
        self.scheduler: Scheduler | None = None
        self.ranker = Ranker(arms, store, meaning, self.takeup, self.insights)
        self._pool = ThreadPoolExecutor(
            settings.workers, "fillrank-serve", initializer=torch.set_num_threads, initargs=(1,)
        )
        self._side = ThreadPoolExecutor(1, "fillrank-watch", initializer=torch.set_num_threads, initargs=(1,))
        self._slow = ThreadPoolExecutor(1, "fillrank-insight", initializer=torch.set_num_threads, initargs=(1,))
        for arm in arms.all:
            arm.holder.listeners.append(self._prepare)
        self.metrics.arms(self.takeup)
        self.metrics.gauge("fillrank_model_loaded_seconds", "When the model was loaded.", lambda: holder.served.loaded)
        self.metrics.gauge("fillrank_model_items", "Items of the model.", lambda: len(holder.served.ids))

    async def work(self, function: Callable[..., Result], *args: Any) -> Result:
        """What a function gives, worked out in one of the threads.

        Raises:
            ProblemError: no thread was free for so long that whoever asked has hardly waited for it.
        """
        due = time.monotonic() + self.settings.patience

        def begin() -> Result:
            if time.monotonic() > due:
                raise ProblemError(503, "overloaded", "too much to do; try again")
            return function(*args)

        return await asyncio.get_running_loop().run_in_executor(self._pool, begin)

    async def aside(self, function: Callable[..., Result], *args: Any) -> Result:
        """The same in a thread of its own, for what may take long and nobody waits for."""
        return await asyncio.get_running_loop().run_in_executor(self._side, function, *args)

    async def slowly(self, function: Callable[..., Result], *args: Any) -> Result:
        """The same for what is worked out once for each model, and for the operator: nothing else waits behind it."""
        return await asyncio.get_running_loop().run_in_executor(self._slow, function, *args)

    def close(self) -> None:
        """Let the threads end, and an attempt at a new model."""
        if self.scheduler is not None:
            self.scheduler.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._side.shutdown(wait=True, cancel_futures=True)
        self._slow.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, served: Any) -> None:
        self.ranker.catalogues.of(served)
        self.metrics.swaps.inc()


def state_of(request: Request) -> ServerState:
    """The state of the server that a request came to."""
    return cast(ServerState, request.app.state.server)
