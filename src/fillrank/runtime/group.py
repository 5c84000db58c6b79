"""Read from the environment which processes train one model: how many, which one this is, and where they meet.

``torchrun`` sets all of these variables. If only some of them are set, a clear error is raised before any process waits
for another.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from fillrank.errors import SettingsError

__all__ = ["Group", "patience"]

_PATIENCE = 600.0
_TOGETHER = "torchrun sets WORLD_SIZE, RANK, MASTER_ADDR and MASTER_PORT together; for one process, unset them all"


@dataclass(frozen=True)
class Group:
    """The place of this process in a group of ``size`` processes.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
        address: where the first process waits for the others; empty for one process.
        local_rank, local_size: number of this process on this machine, and how many processes this machine has.
    """

    rank: int = 0
    size: int = 1
    address: str = ""
    local_rank: int = 0
    local_size: int = 1

    @classmethod
    def of_environment(cls) -> Self:
        """The group that the environment describes; one process if it describes none.

        Raises:
            SettingsError: a variable is missing, is not a whole number, or contradicts the others.
        """
        given = {name for name in ("WORLD_SIZE", "RANK") if os.environ.get(name, "") != ""}
        if not given:
            return cls()
        if "WORLD_SIZE" not in given:
            raise SettingsError(f"RANK={os.environ['RANK']} is set and WORLD_SIZE is not; {_TOGETHER}")
        size = _number("WORLD_SIZE", 1)
        if size == 1:
            return cls(rank=_number("RANK", 0, below=1) if "RANK" in given else 0)
        missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if os.environ.get(name, "") == ""]
        if missing:
            raise SettingsError(
                f"WORLD_SIZE={size} speaks of {size} processes, and {', '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} not set; {_TOGETHER}"
            )
        rank, port = _number("RANK", 0, below=size), _number("MASTER_PORT", 1, below=1 << 16)
        address = f"{os.environ['MASTER_ADDR']}:{port}"
        local_size = _number("LOCAL_WORLD_SIZE", 1, default=size)
        return cls(rank, size, address, _number("LOCAL_RANK", 0, below=local_size, default=rank), local_size)


def patience() -> timedelta:
    """How long a process waits for the others: ``FILLRANK_TIMEOUT`` seconds, by default ten minutes.

    Raises:
        SettingsError: the variable is not a number above 0.

    Example:
        >>> patience()
        datetime.timedelta(seconds=600)
    """
    text = os.environ.get("FILLRANK_TIMEOUT", "")
    try:
        seconds = float(text) if text else _PATIENCE
        if not (seconds > 0 and math.isfinite(seconds)):
            raise ValueError
        return timedelta(seconds=max(seconds, 1.0))
    except (ValueError, OverflowError):
        raise SettingsError(f"FILLRANK_TIMEOUT must be seconds, a number above 0; got {text!r}") from None


def _number(name: str, least: int, *, below: int | None = None, default: int | None = None) -> int:
    """A variable as a whole number, at least ``least`` and less than ``below``."""
    text = os.environ.get(name, "").strip()
    if not text and default is not None:
        return default
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
    if number is None or number < least or (below is not None and number >= below):
        limit = "" if below is None else f" and at most {below - 1}"
        raise SettingsError(f"{name} must be a whole number of {least} or more{limit}, got {text!r}; torchrun sets it")
    return number
