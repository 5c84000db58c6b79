"""A choice among many fits says now and then how far it is."""

from __future__ import annotations

import logging
import time

__all__ = ["NowAndThen"]

_log = logging.getLogger("fillrank")
_FIRST, _NEXT = 2.0, 10.0
"""Seconds until the first line, and from one to the next, as for a training where there is no bar."""


class NowAndThen:
    """Logs a line soon, and then one every ten seconds at most, at the level ``INFO``: a quick choice is silent."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _FIRST

    def say(self, words: str, *parts: object) -> None:
        """Log ``words % parts``, if it is time."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _NEXT
            _log.info(words, *parts)
