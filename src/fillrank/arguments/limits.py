"""Limits of arguments: refuse counts that would run for ever, and sizes that do not fit into memory."""

from __future__ import annotations

import os

from fillrank.arguments.memory import Memory
from fillrank.arguments.showing import shown
from fillrank.errors import SettingsError

__all__ = ["MOST_DIM", "MOST_ROUNDS", "affordable", "count", "threads"]

MOST_ROUNDS = 1_000_000
"""The most epochs, iterations or samples that can be asked for. A larger number is probably a typing error."""

MOST_DIM = 1_000_000
"""The most dimensions that a vector can have, for the same reason."""

_THREADS = 256  # allowed on any machine, so that settings of a large machine also work on a small one
_THREADS_A_CORE = 4


def count(name: str, value: int, *, least: int = 1, most: int = MOST_ROUNDS) -> int:
    """Return a number of iterations, dimensions or rows if it is within its limits.

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
    """Return a number of threads or processes if this machine can have so many.

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
    """Refuse work that needs more memory than this machine has free, before the work begins.

    In a container, the container's limit counts.

    Args:
        n_bytes: the memory that the work needs.
        what: the work in words, with the arguments that decide its size.

    Raises:
        SettingsError: ``n_bytes`` is more than the free memory; the message gives both numbers.
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
