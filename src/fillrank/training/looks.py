"""Somebody outside who is told how a training goes: a search that stops a hopeless one, a command that was interrupted.

The loop hands each look at the modules to whoever listens, and asks nothing back: data keep moving forward. A listener
that raises ends the training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["Listener", "Look", "listening", "listening_alone", "only_stops", "tell"]


@dataclass(frozen=True)
class Look:
    """What the loop saw after an epoch.

    Attributes:
        epoch: from 1.
        score: of the monitor, higher is better; without a monitor, the epoch.
        figures: of the monitor.
        interrupted: the user asked to stop, and this is the last epoch.
    """

    epoch: int
    score: float
    figures: Mapping[str, float]
    interrupted: bool = False


Listener = Callable[[Look], None]

_LISTENERS: ContextVar[tuple[Listener, ...]] = ContextVar("listeners", default=())


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Inside the block, ``listener`` is called with each look of the trainings that run there.

    Example:
        >>> seen = []
        >>> with listening(seen.append):
        ...     tell(Look(epoch=1, score=0.5, figures={}))
        >>> tell(Look(epoch=2, score=0.6, figures={}))  # nobody listens any more
        >>> [look.epoch for look in seen]
        [1]
    """
    token = _LISTENERS.set((*_LISTENERS.get(), listener))
    try:
        yield
    finally:
        _LISTENERS.reset(token)


@contextmanager
def listening_alone(listener: Listener) -> Iterator[Callable[[Look], None]]:
    """Like :func:`listening`, but who listened before hears nothing; what the block is given tells them after all.

    For a training made of trainings, whose looks would mean something else to those outside.

    Example:
        >>> seen, heard = [], []
        >>> with listening(seen.append), listening_alone(heard.append) as pass_on:
        ...     tell(Look(epoch=1, score=0.5, figures={}))
        ...     pass_on(Look(epoch=2, score=0.6, figures={}))
        >>> [look.epoch for look in seen], [look.epoch for look in heard]
        ([2], [1])
    """
    before = _LISTENERS.get()
    token = _LISTENERS.set((listener,))
    try:
        yield lambda look: _tell(before, look)
    finally:
        _LISTENERS.reset(token)


@contextmanager
def only_stops() -> Iterator[None]:
    """Inside the block, who listened before hears nothing but that a training was stopped.

    For a training whose looks are not those that outsiders wait for, such as one without a validation part.
    """

    def heard(look: Look) -> None:
        if look.interrupted:
            pass_on(look)

    with listening_alone(heard) as pass_on:
        yield


def tell(look: Look) -> None:
    """Call every listener, the outermost first."""
    _tell(_LISTENERS.get(), look)


def _tell(listeners: tuple[Listener, ...], look: Look) -> None:
    for listener in listeners:
        listener(look)
