"""What a server has done in the last hour: requests and events by the minute, how long answers took, memory."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Recent", "resident_bytes"]

_MINUTES, _ANSWERS = 60, 2_000


class Recent:
    """Counts of this process, in bounded memory.

    Args:
        clock: gives seconds; another one is for tests.

    Example:
        >>> recent = Recent(clock=lambda: 0.0)
        >>> recent.answered("/v1/recommend", 200, 0.004)
        >>> recent.kept(3)
        >>> recent.facts()["events_by_minute"][-1], recent.facts()["latency"]["/v1/recommend"]["p50"]
        (3, 0.004)
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock, self.began = clock, clock()
        self._by_minute: deque[list[int]] = deque(maxlen=_MINUTES)  # minute, requests, refused, events
        self._seconds: dict[str, deque[float]] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """A request was answered; ``route`` is one of few, never what a client sends."""
        now = self._now()
        now[1] += 1
        now[2] += status in {429, 503}
        if route.startswith("/v1/"):
            self._seconds.setdefault(route, deque(maxlen=_ANSWERS)).append(seconds)

    def kept(self, events: int) -> None:
        """Events were kept."""
        self._now()[3] += events

    def facts(self) -> dict[str, Any]:
        """The last hour, oldest minute first, and quantiles of the last answers of each route, in seconds."""
        last = int(self._clock() // 60)
        found = {row[0]: row for row in list(self._by_minute)}
        rows = [found.get(minute, [minute, 0, 0, 0]) for minute in range(last - _MINUTES + 1, last + 1)]
        latency = {}
        for route, seconds in sorted(self._seconds.items()):
            p50, p99 = np.quantile(list(seconds), [0.5, 0.99]).tolist()
            latency[route] = {"answers": len(seconds), "p50": p50, "p99": p99}
        return {
            "began": self.began,
            "requests_by_minute": [row[1] for row in rows],
            "refused_by_minute": [row[2] for row in rows],
            "events_by_minute": [row[3] for row in rows],
            "latency": latency,
            "memory": resident_bytes(),
        }

    def _now(self) -> list[int]:
        minute = int(self._clock() // 60)
        if not self._by_minute or self._by_minute[-1][0] != minute:
            self._by_minute.append([minute, 0, 0, 0])
        return self._by_minute[-1]


def resident_bytes() -> int | None:
    """The memory that this process has in the machine; None where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 -- no file of ours
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
