"""What reading a log gives: the log, and the counts of what was met on the way."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from fillrank.data.assemble import assemble
from fillrank.data.interactions import Interactions
from fillrank.data.options import LogOptions
from fillrank.data.rows import clean_rows
from fillrank.errors import BadRowsError, DataError

__all__ = ["ReadResult", "result_of"]

_LOGGER = logging.getLogger("fillrank")
_SHOWN = 5  # bad rows named in a message


@dataclass(frozen=True, eq=False)
class ReadResult:
    """A log as it was read.

    Attributes:
        interactions: the log.
        n_rows: rows there were, good and bad.
        n_duplicates: good rows that went into another row of their (user, item) pair.
        bad: the rows that were left out: ``file, line`` (the first line of a file is 1; in formats without lines, the
            first row) and ``reason``.
    """

    interactions: Interactions
    n_rows: int
    n_duplicates: int
    bad: pl.DataFrame

    @property
    def n_bad(self) -> int:
        """How many rows were left out."""
        return len(self.bad)

    @property
    def bad_lines(self) -> tuple[int, ...]:
        """The lines of the bad rows, in the order of the files."""
        return tuple(self.bad["line"])

    def __str__(self) -> str:
        return (
            f"{self.n_rows:,} rows read, {self.n_bad:,} bad ones left out, "
            f"{self.n_duplicates:,} joined with another of the same pair"
        )


def result_of(
    raw: pl.DataFrame, broken: pl.DataFrame, options: LogOptions, *, from_text: bool, noun: str, source: str
) -> ReadResult:
    """The log from raw columns.

    Args:
        raw: ``user, item`` and where there are any ``value, time, label``; then ``file`` and ``line``.
        broken: ``file, line, reason`` of the rows that did not even become raw columns.
        options: what becomes of bad and of repeated rows, and what the log is called.
        from_text: see :func:`~fillrank.data.rows.clean_rows`.
        noun: what ``line`` counts: ``"line"`` or ``"row"``.
        source: where the rows come from, for messages.

    Raises:
        BadRowsError: some rows are bad, and ``options.on_bad`` is ``"raise"``.
        DataError: no row is left.
    """
    n_rows = len(raw) + len(broken)
    if not n_rows:
        raise DataError(f"{source} holds no rows below its header; there is nothing to read")
    good, bad_rows = clean_rows(raw, from_text=from_text)
    bad = pl.concat([broken, bad_rows.select(broken.columns)]).sort("file", "line", maintain_order=True)
    _report(bad, n_rows, options, noun=noun, source=source)
    log, n_duplicates = assemble(
        good,
        titles=good.select("item", pl.col("label").cast(pl.String)) if "label" in good.columns else None,
        duplicates=options.duplicates,
        relevant_from=options.relevant_from,
        name=Path(source).name.partition(".")[0] if options.name is None else options.name,
    )
    return ReadResult(log, n_rows, n_duplicates, bad)


def _report(bad: pl.DataFrame, n_rows: int, options: LogOptions, *, noun: str, source: str) -> None:
    if not len(bad):
        return
    several = bad["file"].n_unique() > 1
    shown = [
        f"{f'{file} ' if several else ''}{noun} {line}: {reason}" for file, line, reason in bad.head(_SHOWN).rows()
    ]
    first = "; ".join(shown) + ("; …" if len(bad) > _SHOWN else "")
    if options.on_bad == "raise":
        raise BadRowsError(
            f"{len(bad):,} of {n_rows:,} rows of {source} cannot be read: {first}. Mend them, or leave them out with "
            "on_bad='skip'"
        )
    if len(bad) == n_rows:
        raise BadRowsError(
            f"none of the {n_rows:,} rows of {source} can be read: {first}. Are the columns the right ones?"
        )
    _LOGGER.warning("%s: left out %s of %s rows that cannot be read: %s", source, f"{len(bad):,}", f"{n_rows:,}", first)
