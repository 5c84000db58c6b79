"""Ctrl-C, and a request to terminate, as a wish to stop soon, not as a crash."""

from __future__ import annotations

import signal
import threading
from contextvars import ContextVar, Token
from types import FrameType, TracebackType
from typing import Any, ClassVar, NoReturn, Self

__all__ = ["Interrupt", "Terminated", "exit_code", "terminate"]

_OPEN: ContextVar[tuple[Interrupt, ...]] = ContextVar("interrupts", default=())


class Terminated(KeyboardInterrupt):
    """SIGTERM came, and nothing held it back. As a ``KeyboardInterrupt`` it ends all that Ctrl-C ends, and as well."""


class Interrupt:
    """Inside the block, the first Ctrl-C or SIGTERM sets ``asked``; a second one interrupts at once, as usual.

    Blocks may stand inside one another. A signal that one holds back is known to those around it, and a block that is
    opened after the signal begins with ``asked`` set: of several trainings in a row, one Ctrl-C ends all.

    Only the main thread can listen to signals; in another, the block holds nothing back. A program's own handler of
    SIGTERM is left as it is.

    Args:
        holds: False only notes what the blocks inside it hold back. Elsewhere a signal interrupts at once.

    Attributes:
        asked: a signal came.
    """

    last: ClassVar[int] = signal.SIGINT
    """The signal that came last; see :func:`exit_code`."""

    def __init__(self, *, holds: bool = True) -> None:
        self.asked = False
        self._holds = holds
        self._around: tuple[Interrupt, ...] = ()
        self._token: Token[tuple[Interrupt, ...]] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._around = _OPEN.get()
        self.asked = any(one.asked for one in self._around)
        self._token = _OPEN.set((*self._around, self))
        if self._holds and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if number == signal.SIGINT or _is_free(signal.getsignal(number)):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
        if self._token is not None:
            _OPEN.reset(self._token)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            terminate(number, frame)
        Interrupt.last = number
        for one in (*self._around, self):
            one.asked = True


def exit_code() -> int:
    """What a program ends with after a signal, as shells have it: 128 and the number of the last signal that came.

    Example:
        >>> exit_code()  # Ctrl-C, unless it was SIGTERM (143)
        130
    """
    return 128 + int(Interrupt.last)


def terminate(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 -- a handler is given both
    """A handler of signals that raises: ``Terminated`` on SIGTERM, ``KeyboardInterrupt`` on any other."""
    Interrupt.last = number
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _is_free(handler: Any) -> bool:
    """Whether a handler of SIGTERM may be replaced for a while: the system's, or one of this module."""
    ours = handler is terminate or isinstance(getattr(handler, "__self__", None), Interrupt)
    return ours or handler is signal.SIG_DFL
