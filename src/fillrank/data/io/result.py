"""Finish the reading: make the columns of a log from the collected rows, or an error that names the bad rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data.io.clean import Rules
from fillrank.data.io.collect import Collector, RowCollector
from fillrank.data.io.events import unknown_events
from fillrank.data.io.options import LogOptions
from fillrank.data.log_columns import LogColumns
from fillrank.errors import BadRowsError, DataError

__all__ = ["Scan", "Source", "finished", "result_of"]

_LOGGER = logging.getLogger("fillrank")
_SHOWN = 5  # bad rows named in a message


@dataclass(frozen=True, eq=False)
class Scan:
    """The fields of :class:`~fillrank.data.io.read_result.ReadResult`, with ``LogColumns`` in place of the log."""

    interactions: LogColumns
    n_rows: int
    n_duplicates: int
    bad: pl.DataFrame
    columns: Mapping[str, str]
    unused: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Where rows come from, for messages and for the result.

    Attributes:
        name: name of the file or the table.
        noun: what the line numbers of bad rows count: ``"line"`` or ``"row"``.
        columns, unused, notes: see :class:`~fillrank.data.io.read_result.ReadResult`.
        way_out: what to do if rows cannot be read.
    """

    name: str
    noun: str
    columns: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    way_out: str = "Correct them, or leave them out with on_bad='skip'"


def result_of(raw: pl.DataFrame, broken: pl.DataFrame, options: LogOptions, *, from_text: bool, source: Source) -> Scan:
    """Make the columns of a log from raw columns.

    Args:
        raw: ``user, item``, perhaps others of :data:`~fillrank.data.io.columns.ROLES`, and ``file`` and ``line``.
        broken: ``file, line, reason`` of the rows that could not be parsed.
        options: what to do with bad and with repeated rows, and the name of the log.
        from_text: see :class:`~fillrank.data.io.clean.Rules`.
        source: where the rows come from, for messages.

    Raises:
        BadRowsError: some rows are bad, and ``options.on_bad`` is ``"raise"``.
        DataError: no row is left.
    """
    collector = Collector()
    rules = Rules(options.missing_words, from_text=from_text, day_first=options.day_first, events=options.event)
    for (file,), part in raw.partition_by("file", as_dict=True, maintain_order=True).items():
        collector.add(part.drop("file", "line"), part["line"].to_numpy(), str(file), rules)
    for (file,), part in broken.partition_by("file", as_dict=True, maintain_order=True).items():
        collector.add_bad(str(file), part)
        collector.n_rows += len(part)
    return finished(collector, options, source)


def finished(collector: RowCollector, options: LogOptions, source: Source) -> Scan:
    """Make the columns of a log from all collected rows; errors as in :func:`result_of`."""
    if not collector.n_rows:
        raise DataError(f"{source.name} holds no rows below its header; there is nothing to read")
    n_bad = sum(map(len, collector.bad))
    if n_bad and (options.on_bad == "raise" or n_bad == collector.n_rows):
        _report(_all_bad(collector), collector.n_rows, options, source)
    found = collector.finish(options.join, time_unit=options.time_unit)
    bad = _all_bad(collector)
    _report(bad, collector.n_rows, options, source)
    notes = source.notes
    if not collector.titles.are_titles:
        notes = (
            *notes,
            f"{source.columns.get('label', 'the column of titles')!r} differs among the rows of one item: it is "
            "no title of items (label=… takes it all the same)",
        )
    if options.time_unit is None and (odd := _odd_times(found.rows.times)):
        _LOGGER.warning("%s: %s", source.name, odd)
        notes = (*notes, odd)
    for column in found.rows:
        if column is not None:
            column.setflags(write=False)  # so that the log can use them without a copy
    interactions = LogColumns(
        users=found.rows.users,
        items=found.rows.items,
        values=found.rows.values,
        times=found.rows.times,
        weights=found.rows.weights,
        user_ids=found.user_ids,
        item_ids=found.item_ids,
        relevant_from=options.relevant_from,
        name=Path(source.name).name.partition(".")[0] if options.name is None else options.name,
    )
    if interactions.weights is not None and len(interactions) and not interactions.weights.any():
        raise DataError(f"every weight in {source.name} is 0, so that no row counts; give some rows a greater one")
    n_duplicates = found.n_good - len(interactions)
    return Scan(interactions, collector.n_rows, n_duplicates, bad, dict(source.columns), source.unused, notes)


def _odd_times(times: NDArray[np.int64] | None) -> str:
    """In words, that all times are numbers as years, months or the days of a spreadsheet are written; else nothing."""
    if times is None or not len(times):
        return ""
    low, high = int(times.min()), int(times.max())
    ranges = {"years": (1900, 2100), "months": (190001, 210012), "days of a spreadsheet": (36526, 54789)}
    what = next((words for words, (least, most) in ranges.items() if least <= low and high <= most), "")
    if not what or (what == "months" and not ((times % 100 >= 1) & (times % 100 <= 12)).all()):
        return ""
    return (
        f"the times, {low} to {high}, are read as seconds since 1970; if they are {what}, write them as dates "
        "(2020-01-31), or say that they are seconds: time_unit='s'"
    )


def _all_bad(collector: RowCollector) -> pl.DataFrame:
    nothing = pl.DataFrame(schema={"file": pl.String, "line": pl.Int64, "reason": pl.String})
    return pl.concat([nothing, *collector.bad]).sort("file", "line", maintain_order=True)


def _report(bad: pl.DataFrame, n_rows: int, options: LogOptions, source: Source) -> None:
    if not len(bad):
        return
    several = bad["file"].n_unique() > 1
    shown = [
        f"{f'{file} ' if several else ''}{source.noun} {line}: {reason}"
        for file, line, reason in bad.head(_SHOWN).rows()
    ]
    first = "; ".join(shown) + ("; …" if len(bad) > _SHOWN else "")
    if options.on_bad == "raise":
        if unknown := unknown_events(bad["reason"]):
            raise BadRowsError(f"{source.name} has event types without a weight: {unknown}")
        raise BadRowsError(
            f"{len(bad):,} of {n_rows:,} rows of {source.name} cannot be read: {first}. {source.way_out}",
            bad=bad,
            columns=source.columns,
        )
    if len(bad) == n_rows:
        raise BadRowsError(
            f"none of the {n_rows:,} rows of {source.name} can be read: {first}. Are the columns the right ones?",
            bad=bad,
            columns=source.columns,
        )
    _LOGGER.warning(
        "%s: left out %s of %s rows that cannot be read: %s", source.name, f"{len(bad):,}", f"{n_rows:,}", first
    )
