"""Log the progress of a search over many fits."""

from __future__ import annotations

import logging
import time

__all__ = ["NowAndThen"]

logger = logging.getLogger("fillrank")
_FIRST, _NEXT = 2.0, 10.0
"""Seconds until the first line, and between two lines, as for a training without a progress bar."""


class NowAndThen:
    """Logs a line after a while, then at most one every ten seconds, at level ``INFO``. A quick search logs nothing."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _FIRST

    def say(self, words: str, *parts: object) -> None:
        """Log ``words % parts``, if it is time."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _NEXT
            logger.info(words, *parts)
