"""Warnings that are logged once: for example that the ratings of a log are not used by a model."""

from __future__ import annotations

import logging
import threading

__all__ = ["Notices", "say_once"]

logger = logging.getLogger("fillrank")


class Notices:
    """Logs each warning text once, on the logger ``fillrank``.

    Python shows logged warnings on standard error, unless the program has set its own handlers.

    Example:
        >>> notices = Notices()
        >>> [notices.say("ratings are not used"), notices.say("ratings are not used")]
        [True, False]
    """

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def say(self, text: str) -> bool:
        """Log ``text`` as a warning if it was not logged before. Return whether it was logged now."""
        with self._lock:
            fresh = text not in self._said
            self._said.add(text)
        if fresh:
            logger.warning("%s", text)
        return fresh

    def forget(self) -> None:
        """Forget what was logged, so that each text can be logged once more."""
        with self._lock:
            self._said.clear()


_NOTICES = Notices()
say_once = _NOTICES.say
"""Log a warning once in the life of the program; see :class:`Notices`."""
