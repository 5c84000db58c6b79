"""When a server begins an attempt: in a process of its own, so that it takes neither memory nor time from requests."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fillrank.errors import SettingsError
from fillrank.server.retraining.journal import last_entry
from fillrank.server.retraining.versions import Versions
from fillrank.store import Store

__all__ = ["Schedule", "Scheduler"]

logger = logging.getLogger("fillrank")


@dataclass(frozen=True)
class Schedule:
    """When to fit again: whichever comes first, and only if there are new events.

    Attributes:
        every: seconds since the last attempt; None: time alone is no reason.
        after: events since the last attempt; None: their number is no reason.

    Raises:
        SettingsError: a number is not above 0.
    """

    every: float | None = None
    after: int | None = None

    def __post_init__(self) -> None:
        for name in ("every", "after"):
            number = getattr(self, name)
            if number is not None and not number > 0:
                raise SettingsError(f"{name} must be above 0, got {number}").about(name)

    def is_due(self, seconds: float, events: int) -> bool:
        """Whether it is time, so long after the last attempt, with so many new events.

        Example:
            >>> schedule = Schedule(every=3600, after=100)
            >>> [schedule.is_due(10, 100), schedule.is_due(4000, 1), schedule.is_due(4000, 0), schedule.is_due(10, 99)]
            [True, True, False, False]
        """
        by_time = self.every is not None and seconds >= self.every
        by_number = self.after is not None and events >= self.after
        return events > 0 and (by_time or by_number)


class Scheduler:
    """Begins attempts, one at a time. Several servers of one run may have one each: a second attempt ends at once.

    Args:
        run: the folder of the model at work.
        store: its events are counted.
        schedule: when.
        words: more words of the command line for ``fillrank retrain``.
    """

    def __init__(self, run: Path, store: Store, schedule: Schedule, words: Sequence[str] = ()) -> None:
        self._run, self._store, self._schedule, self._words = run, store, schedule, tuple(words)
        self._process: subprocess.Popen[bytes] | None = None
        self._born = time.time()

    @property
    def running(self) -> bool:
        """Whether an attempt of this server is under way."""
        return self._process is not None and self._process.poll() is None

    def look(self) -> bool:
        """Begin an attempt if it is time; whether it was."""
        if self.running:
            return False
        if self._process is not None:
            if self._process.returncode:
                logger.error("retraining ended with the exit code %s", self._process.returncode)
            self._process = None
        since, seq = self._last()
        if not self._schedule.is_due(time.time() - since, self._store.count_after(seq)):
            return False
        logger.info("fitting the next model")
        command = [sys.executable, "-m", "fillrank", "retrain", str(self._run), *self._words]
        url = self._store.url.render_as_string(hide_password=False)
        self._process = subprocess.Popen(  # the password goes by the environment: others can read command lines
            command, env=os.environ | {"FILLRANK_STORE": url}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        return True

    def outlook(self) -> dict[str, Any]:
        """What the next attempt waits for: the moment by time, the number of events, and how many there are."""
        since, seq = self._last()
        return {
            "running": self.running,
            "every": self._schedule.every,
            "after": self._schedule.after,
            "next_by_time": None if self._schedule.every is None else since + self._schedule.every,
            "events_since": self._store.count_after(seq),
        }

    def _last(self) -> tuple[float, int]:
        """When the last attempt began (or this server did), and the last event that it has seen."""
        last = last_entry(Versions(self._run).folder, "begun")
        return (self._born, 0) if last is None else (float(last["time"]), int(last["seq"]))

    def close(self) -> None:
        """End an attempt that is under way; the model at work stays."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
