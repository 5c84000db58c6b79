"""Treat Ctrl-C and SIGTERM as a request to stop soon, so that the best result so far can be kept."""

from __future__ import annotations

import signal
import threading
from contextvars import ContextVar, Token
from types import FrameType, TracebackType
from typing import Any, ClassVar, NoReturn, Self

__all__ = ["Interrupt", "Terminated", "exit_code", "terminate"]

_OPEN: ContextVar[tuple[Interrupt, ...]] = ContextVar("interrupts", default=())


class Terminated(KeyboardInterrupt):
    """SIGTERM came outside a block that holds signals back. It ends all that Ctrl-C (``KeyboardInterrupt``) ends."""


class Interrupt:
    """Inside the block, the first Ctrl-C or SIGTERM only sets ``asked``; a second one interrupts at once, as usual.

    Blocks can be nested. If an inner block holds a signal back, ``asked`` is set in the outer blocks too, and a block
    that is opened later inside them begins with ``asked`` set. So one Ctrl-C ends several trainings in a row.

    Only the main thread receives signals; in another thread the block holds nothing back. If the program has its own
    handler of SIGTERM, that handler is kept.

    Args:
        holds: whether this block holds signals back itself. False: it only learns what the blocks inside it hold back.

    Attributes:
        asked: whether a signal came.
    """

    last: ClassVar[int] = signal.SIGINT
    """The last signal that came; see :func:`exit_code`."""

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
    """The exit code of a program after a signal, as shells define it: 128 plus the number of the last signal.

    Example:
        >>> exit_code()  # Ctrl-C, unless it was SIGTERM (143)
        130
    """
    return 128 + int(Interrupt.last)


def terminate(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 -- a handler is given both
    """A signal handler that raises ``Terminated`` on SIGTERM and ``KeyboardInterrupt`` on any other signal."""
    Interrupt.last = number
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _is_free(handler: Any) -> bool:
    """Whether a handler of SIGTERM can be replaced for a while: it is the system's, or one of this module."""
    ours = handler is terminate or isinstance(getattr(handler, "__self__", None), Interrupt)
    return ours or handler is signal.SIG_DFL
