"""Examine a log for ``data inspect``: its content, and whether ``fit`` would accept it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fillrank.cli.wording import in_options
from fillrank.errors import BadRowsError, DataError

if TYPE_CHECKING:
    import polars as pl

    from fillrank.data import ReadResult

__all__ = ["LogCheck", "check_log"]

_SHOWN = 5  # bad rows that are listed
_FEW = 100  # rows; a smaller log may be too small to be split
_SETTLING = ("day_first", "decimal", "thousands", "time_unit", "encoding")  # options that a reason may name


@dataclass(frozen=True)
class LogCheck:
    """A log as ``data inspect`` shows it.

    Attributes:
        result: what was read; without times if no row has a time that can be read.
        columns: which column was taken for what.
        bad: ``file, line, reason`` of the first bad rows.
        n_bad: how many rows are bad.
        timeless: the name of a column of times of which nothing can be read, or None.
        reasons: why ``fit`` would refuse the file, each with the option that settles it; empty if it would not.
    """

    result: ReadResult
    columns: Mapping[str, str]
    bad: list[dict[str, Any]]
    n_bad: int
    timeless: str | None
    reasons: list[str]

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return asdict(self.result.interactions.summary()) | {
            "n_rows": self.result.n_rows,
            "n_bad": self.n_bad,
            "n_duplicates": self.result.n_duplicates,
            "bad": self.bad,
            "columns": dict(self.columns),
            "unused": [name for name in self.result.unused if name != self.timeless],
            "notes": list(self.result.notes),
            "fit": {"accepts": not self.reasons, "reasons": self.reasons},
        }

    def __str__(self) -> str:
        said = self.to_dict()
        columns = ", ".join(f"{role} = {name}" for role, name in self.columns.items())
        unused = f"; not used: {', '.join(said['unused'])}" if said["unused"] else ""
        lines = [
            str(self.result.interactions.summary()),
            f"{self.result.n_rows:,} rows read, {self.n_bad:,} of them bad; "
            f"{self.result.n_duplicates:,} more repeat the (user, item) pair of another row",
            f"columns: {columns}{unused}",
            *(f"note: {note}" for note in self.result.notes),
            *(f"  {row['file']}, line {row['line']}: {row['reason']}" for row in self.bad),
        ]
        if self.n_bad > len(self.bad):
            lines.append(f"  … and {self.n_bad - len(self.bad):,} more")
        if self.timeless is not None:
            lines.append(f"the numbers above leave the column {self.timeless!r} out: none of its times can be read")
        if self.reasons:
            return "\n".join([*lines, "fit refuses this file as it is:", *(f"  - {reason}" for reason in self.reasons)])
        return "\n".join([*lines, "fit accepts this file" + (" with these options" if self._has_options else "")])

    @property
    def _has_options(self) -> bool:
        return self.n_bad > 0 or self.result.n_duplicates > 0


def check_log(path: str, asked: Mapping[str, Any]) -> LogCheck:
    """Read a log leniently, and say what stands in the way of a strict reading.

    Args:
        path: as :func:`fillrank.read` takes it.
        asked: options of reading. Unless they say otherwise, bad rows are left out and the last row of a pair is kept.

    Raises:
        BadRowsError: no row can be read, for another reason than its time.
        DataError, SettingsError: as :func:`fillrank.read`.
    """
    from fillrank.data import scan

    events = "event" in asked
    lenient = {"on_bad": "skip", "duplicates": "sum" if events else "last"} | dict(asked)
    timeless = None
    try:
        result = scan(path, **lenient)
        bad, columns = result.bad, result.columns
    except BadRowsError as error:
        if error.bad is None or "time" not in error.columns:
            raise
        # the rest of the file can be shown all the same, unless it is just as bad
        result = scan(path, **(lenient | {"time": False}))
        bad, columns, timeless = error.bad, error.columns, error.columns["time"]
    settling = [option for option in _SETTLING if bad["reason"].str.contains(f"{option}=", literal=True).any()]
    shown = [row | {"reason": in_options(row["reason"])} for row in bad.head(_SHOWN).to_dicts()]
    return LogCheck(result, columns, shown, len(bad), timeless, _reasons(result, bad, settling, asked))


def _reasons(result: ReadResult, bad: pl.DataFrame, settling: list[str], asked: Mapping[str, Any]) -> list[str]:
    from fillrank.data.io.events import unknown_events

    reasons = []
    if "day_first" in settling:
        reasons.append(
            "dates such as 01/02/2020 can be read in two ways: --read day_first=true (the first of February) or "
            "--read day_first=false (the second of January)"
        )
    others = [f"--read {option}=…" for option in settling if option != "day_first"]
    if others:
        reasons.append(f"{' and '.join(others)} may make bad rows readable: see the rows above")
    # the option above settles the dates; what is left has to be corrected or left out
    n_left = len(bad) - int(bad["reason"].str.contains("day_first=", literal=True).sum())
    if unknown := unknown_events(bad["reason"]):
        reasons.append(f"there are types of events without a weight: {in_options(unknown)}")
    elif n_left and "on_bad" not in asked:
        reasons.append(
            f"{n_left:,} of {result.n_rows:,} rows are bad: correct them, or leave them out: --read on_bad=skip"
        )
    if result.n_duplicates and not {"duplicates", "event"} & asked.keys():  # of events, repeated ones add up
        reasons.append(
            f"{result.n_duplicates:,} rows repeat a (user, item) pair: say which row counts, --read duplicates=last "
            "(or first, mean, sum)"
        )
    return reasons + _too_few(result)


def _too_few(result: ReadResult) -> list[str]:
    """Whether the log is too small for the parts that ``fit`` holds out by default."""
    from fillrank.data import split

    if len(result.interactions) >= _FEW:
        return []
    try:
        split.random(result.interactions, test=0.1, valid=0.1)
    except DataError:
        return [
            f"{len(result.interactions):,} rows are too few to hold a tenth out for the test and for validation: "
            "--test 0 --valid 0 learns from all of them"
        ]
    return []
