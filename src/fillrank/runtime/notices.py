"""What a user should know and no error says: a thing that was given and is not used. Said once, and always so."""

from __future__ import annotations

import logging
import threading

__all__ = ["Notices", "say_once"]

logger = logging.getLogger("fillrank")


class Notices:
    """Warnings on the logger ``fillrank``, each text once.

    Python shows what is logged as a warning on standard error, unless a program has set its own handlers.

    Example:
        >>> notices = Notices()
        >>> [notices.say("ratings are not used"), notices.say("ratings are not used")]
        [True, False]
    """

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def say(self, text: str) -> bool:
        """Log ``text`` as a warning, unless it was before; whether it was logged."""
        with self._lock:
            fresh = text not in self._said
            self._said.add(text)
        if fresh:
            logger.warning("%s", text)
        return fresh

    def forget(self) -> None:
        """Begin anew: everything may be said once more."""
        with self._lock:
            self._said.clear()


_NOTICES = Notices()
say_once = _NOTICES.say
"""Say something once in the life of the program; see :class:`Notices`."""
