"""How much can be asked for: counts that would run for ever, and sizes that no memory holds, are refused in words."""

from __future__ import annotations

import math
import os

from fillrank.arguments.showing import shown
from fillrank.errors import SettingsError

__all__ = ["MOST_DIM", "MOST_ROUNDS", "affordable", "count"]

MOST_ROUNDS = 1_000_000
"""The most epochs, iterations or samples that can be asked for: more is likelier a slip of the pen than a wish."""

MOST_DIM = 1_000_000
"""The most dimensions of a vector, for the same reason."""


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
        came = f"{value:,}" if abs(value) < 2**63 else shown(value)
        raise SettingsError(f"{name} must be from {least:,} to {most:,}, got {came}")
    return value


def affordable(n_bytes: float, what: str) -> None:
    """Refuse what cannot fit into the memory of this machine, before it is tried.

    Raises:
        SettingsError: ``n_bytes`` is more than the machine has; the message names both.
    """
    there = _memory()
    if not n_bytes <= there:
        raise SettingsError(
            f"{what} would take {n_bytes / 2**30:,.1f} GiB of memory where this machine has {there / 2**30:,.1f}; "
            "ask for less"
        )


def _memory() -> float:
    """Bytes of memory that the machine has; without a limit where the system does not say."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return math.inf
    return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
