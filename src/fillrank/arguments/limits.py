"""How much can be asked for: counts that would run for ever, and sizes that no memory holds, are refused in words."""

from __future__ import annotations

import math
import os
from pathlib import Path

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

    Args:
        n_bytes: that it would take.
        what: it is, in words that name the arguments that it follows from.

    Raises:
        SettingsError: ``n_bytes`` is more than that; the message names both.
    """
    whole = _memory()
    there = min(whole, _free())
    if not n_bytes <= there:
        free = f"{there / 2**30:,.1f} free of {whole / 2**30:,.1f}" if there < whole else f"{whole / 2**30:,.1f}"
        raise SettingsError(
            f"{what} would take {n_bytes / 2**30:,.1f} GiB of memory where this machine has {free}; ask for less"
        )


def _written(value: int) -> str:
    return f"{value:,}" if abs(value) < 2**63 else shown(value)


def _memory() -> float:
    """Bytes of memory that the machine has; without a limit where the system does not say."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return math.inf
    return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")


def _free() -> float:
    """Bytes that can be had without taking them from another program, swap included; on Linux, elsewhere no limit."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return math.inf
    sizes = {name: rest.split()[0] for name, _, rest in (line.partition(":") for line in lines) if rest.split()}
    if "MemAvailable" not in sizes:
        return math.inf
    return 1024.0 * (int(sizes["MemAvailable"]) + int(sizes.get("SwapFree", 0)))
