"""How much memory the building of a store may take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from fillrank.errors import SettingsError

__all__ = ["Budget"]

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?B?)", re.IGNORECASE)
_LEAST = 5 * 10**8
_PYTHON = 4 * 10**8  # what Python, Polars and the chunk that is being read take beside DuckDB


@dataclass(frozen=True)
class Budget:
    """Bytes of memory for a build.

    Attributes:
        whole: what the process may take.
    """

    whole: int

    @classmethod
    def of(cls, memory: float | str) -> Self:
        """A budget from a number of bytes, or from a text such as ``"2GB"``.

        Raises:
            SettingsError: it is neither, or too little for any build.

        Example:
            >>> Budget.of("1.5 GB").whole, Budget.of(2e9).duckdb
            (1500000000, 1600000000)
        """
        found = _SIZE.fullmatch(memory.strip()) if isinstance(memory, str) else None
        unit = "" if found is None else found[2].upper()
        unit = unit if not unit or unit.endswith("B") else f"{unit}B"
        if isinstance(memory, str):
            size = float(found[1]) * _UNITS[unit] if found is not None else -1.0
        else:
            size = float(memory)
        if not _LEAST <= size < 2**60:
            raise SettingsError(f"memory must be a size of {_LEAST // 10**6} MB or more, such as '2GB'; got {memory!r}")
        return cls(int(size))

    @property
    def duckdb(self) -> int:
        """Bytes for DuckDB."""
        return self.whole - _PYTHON if self.whole >= 2 * _PYTHON else self.whole // 4

    @property
    def rows(self) -> int:
        """Rows of a log that may be sorted in memory at once."""
        return max(self.duckdb // 64, 1 << 16)
