"""What a server takes, and how much of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from fillrank.errors import SettingsError
from fillrank.store.meaning import EventMeaning

__all__ = ["ServerSettings"]


@dataclass(frozen=True)
class ServerSettings:
    """Limits and habits of a server.

    Attributes:
        workers: threads that rank; as many as there are cores.
        max_waiting: requests that may be under way at once; beyond it they get 503 at once, and none waits long.
        patience: seconds within which a request has to find a free thread; beyond it 503, and no work is done for it.
        max_body: bytes of a request; beyond it 413.
        rate: requests a second that one client (its key, or else its address) may make for long; beyond it 429.
        burst: requests that it may make at once.
        max_k: length of a list.
        max_history: items of a history in a request.
        max_events: events of a request.
        max_cells: of a table to complete.
        body_seconds: within which a request has to be there; beyond it 408.
        watch_seconds: between two looks at the folder of the model.
        meaning: of types of events; None: what the fit of the model took them for.

    Raises:
        SettingsError: a number is not above 0.
    """

    workers: int = max(1, os.cpu_count() or 1)
    max_waiting: int = 64
    patience: float = 1.0
    max_body: int = 1 << 20
    rate: float = 500.0
    burst: int = 1000
    max_k: int = 500
    max_history: int = 1000
    max_events: int = 1000
    max_cells: int = 10_000
    body_seconds: float = 10.0
    watch_seconds: float = 2.0
    meaning: EventMeaning | None = None

    def __post_init__(self) -> None:
        for one in fields(self):
            number = getattr(self, one.name)
            if isinstance(number, int | float) and not number > 0:
                raise SettingsError(f"{one.name} must be above 0, got {number}").about(one.name)
