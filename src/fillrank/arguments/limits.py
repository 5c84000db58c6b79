"""How much can be asked for: counts that would run for ever, and sizes that no memory holds, are refused in words."""

from __future__ import annotations

import os

from fillrank.arguments.memory import Memory
from fillrank.arguments.showing import shown
from fillrank.errors import SettingsError

__all__ = ["MOST_DIM", "MOST_ROUNDS", "affordable", "count", "threads"]

MOST_ROUNDS = 1_000_000
"""The most epochs, iterations or samples that can be asked for: more is likelier a slip of the pen than a wish."""

MOST_DIM = 1_000_000
"""The most dimensions of a vector, for the same reason."""

_THREADS = 256  # may be asked for on any machine, so that settings can move from a large one to a small one
_THREADS_A_CORE = 4


def count(name: str, value: int, *, least: int = 1, most: int = MOST_ROUNDS) -> int:
    """A number of rounds, dimensions or rows that can be meant.

    Raises:
        SettingsError: it is below ``least`` or above ``most``.

    Example:
        >>> count("epochs", 2**31)
        Traceback (most recent call last):
        fillrank.errors.SettingsError: epochs must be from 1 to 1,000,000, got 2,147,483,648
    """
    if not least <= value <= most:
        raise SettingsError(f"{name} must be from {least:,} to {most:,}, got {_written(value)}").about(name)
    return value


def threads(name: str, value: int) -> int:
    """A number of threads, workers or processes that this machine can be asked for.

    Raises:
        SettingsError: it is below 1, or above 256 and four for each core.

    Example:
        >>> threads("n_threads", 8)
        8
        >>> threads("n_threads", 0)
        Traceback (most recent call last):
        fillrank.errors.SettingsError: n_threads must be from 1 to ..., got 0
    """
    cores = os.cpu_count() or 1
    most = max(_THREADS, _THREADS_A_CORE * cores)
    if not 1 <= value <= most:
        raise SettingsError(
            f"{name} must be from 1 to {most:,} on this machine, which has {cores} cores, got {_written(value)}"
        ).about(name)
    return value


def affordable(n_bytes: float, what: str) -> None:
    """Refuse what cannot fit into the memory of this machine, or into what is free of it, before it is tried.

    In a container with a limit of memory that limit counts, and what is free below it.

    Args:
        n_bytes: that it would take.
        what: it is, in words that name the arguments that it follows from.

    Raises:
        SettingsError: ``n_bytes`` is more than that; the message names both.
    """
    memory = Memory()
    whole = memory.whole()
    there = min(whole, memory.free())
    if not n_bytes <= there:
        free = f"{there / 2**30:,.1f} free of {whole / 2**30:,.1f}" if there < whole else f"{whole / 2**30:,.1f}"
        raise SettingsError(
            f"{what} would take {n_bytes / 2**30:,.1f} GiB of memory where this machine has {free}; ask for less"
        )


def _written(value: int) -> str:
    return f"{value:,}" if abs(value) < 2**63 else shown(value)
