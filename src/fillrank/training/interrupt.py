"""Ctrl-C as a wish to stop soon, not as a crash."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Interrupt"]


class Interrupt:
    """Inside the block, the first Ctrl-C sets ``asked``; a second one interrupts at once, as usual.

    Only the main thread can listen to signals; in another, the block changes nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None
        self._listening = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
            self._listening = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listening:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
