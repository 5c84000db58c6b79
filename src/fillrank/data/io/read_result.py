"""``ReadResult``: a log with the counts of bad and repeated rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from fillrank.data.interactions import Interactions
from fillrank.data.io.result import Scan

__all__ = ["ReadResult", "read_result"]


@dataclass(frozen=True, eq=False)
class ReadResult:
    """A log as it was read.

    Attributes:
        interactions: the log.
        n_rows: number of rows, good and bad.
        n_duplicates: number of good rows that were merged into another row of their (user, item) pair.
        bad: the rows that were left out: ``file, line`` (the first line is 1; in formats without lines, the first row)
            and ``reason``.
        columns: the role of each column that was read: ``{"user": "userId", …}``.
        unused: the names of the other columns.
        notes: what was left out or guessed, in words.
    """

    interactions: Interactions
    n_rows: int
    n_duplicates: int
    bad: pl.DataFrame
    columns: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def n_bad(self) -> int:
        """The number of rows that were left out."""
        return len(self.bad)

    @property
    def bad_lines(self) -> tuple[int, ...]:
        """The lines of the bad rows, in the order of the files."""
        return tuple(self.bad["line"])

    def __str__(self) -> str:
        return (
            f"{self.n_rows:,} rows read, {self.n_bad:,} bad ones left out, "
            f"{self.n_duplicates:,} merged with another row of their pair"
        )


def read_result(scan: Scan) -> ReadResult:
    """Make the log of a scan from its columns."""
    parts = vars(scan).copy()
    return ReadResult(Interactions(**vars(parts.pop("interactions"))), **parts)
