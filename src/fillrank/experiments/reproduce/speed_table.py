"""Write the records of the scripts in ``benchmarks/`` as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fillrank.errors import DataError

__all__ = ["numbers_of", "speeds_of"]


class _Measure(NamedTuple):
    words: str
    form: str
    scale: float = 1.0


_SPEEDS = {
    "seconds": _Measure("seconds a round", ".3f"),
    "time_to_equal_error": _Measure("seconds to equal error", ".2f"),
    "updates_per_second": _Measure("million updates a second", ".1f", 1e-6),
    "seconds_for_all": _Measure("seconds for all lists", ".2f"),
    "microseconds": _Measure("µs an interaction", ".2f"),
    "interactions_per_second": _Measure("thousand interactions a second", ".1f", 1e-3),
}
_QUALITIES = {"rmse": ".4f", "loss": ",.0f"}
_NUMBERS = {
    "log": _Measure("log", ""),
    "interactions": _Measure("interactions", ","),
    "microseconds": _Measure("a step, µs an interaction", ".2f"),
    "against_gowalla": _Measure("Gowalla's = 1", ".2f"),
    "average_microseconds": _Measure("the running average, µs an interaction", ".2f"),
    "route": _Measure("route", ""),
    "batch_size": _Measure("batch", ","),
    "n_negatives": _Measure("negatives", ","),
    "before_mb": _Measure("before the first step, MB", ",.0f"),
    "highest_mb": _Measure("peak, MB", ",.0f"),
    "steps_mb": _Measure("the steps' own, MB", ",.0f"),
    "part": _Measure("part of a step", ""),
    "one_ms": _Measure("one process, ms", ".2f"),
    "two_ms": _Measure("each of two, ms", ".2f"),
}
_NOTHING = "–"


def speeds_of(record: Mapping[str, Any]) -> str:
    """Write the record of a benchmark as a Markdown table: a row per measure and setting, ours and the rival's.

    Args:
        record: what a script in ``benchmarks/`` wrote, with ``results``: each has a ``dim`` and, for a measure,
            ``median`` (of the ratios of neighbouring runs), ``ours`` and ``theirs``. ``sides`` says what these two are,
            if not fillrank and a rival. Quality and peak memory are columns where any result has them.
    """
    rows = [row for result in record["results"] for row in _rows(result)]
    heads = ["what", "measure", *record.get("sides", ("fillrank", "rival")), "ratio", "quality", "peak, MB"]
    always = len(heads) - 2
    kept = [place for place in range(len(heads)) if place < always or any(row[place] != _NOTHING for row in rows)]
    return _table([heads[place] for place in kept], [[row[place] for place in kept] for row in rows], n_words=2)


def numbers_of(record: Mapping[str, Any], part: str) -> str:
    """One part of a benchmark's record as a Markdown table: a list of rows, a column for each of their numbers.

    Raises:
        DataError: the record has no such part, or the part a figure that has no words here.

    Example:
        >>> print(numbers_of({"parts": [{"part": "exchange", "one_ms": 0, "two_ms": 1.5}]}, "parts"), end="")
        | part of a step | one process, ms | each of two, ms |
        |---|--:|--:|
        | exchange | 0.00 | 1.50 |
    """
    if part not in record:
        raise DataError(f"the record has no part {part!r}; it has {', '.join(record)}")
    rows: Sequence[Mapping[str, Any]] = record[part]
    strange = {name for row in rows for name in row} - set(_NUMBERS)
    if strange:
        raise DataError(f"no words for the numbers {', '.join(sorted(strange))} of {part!r}; add them to _NUMBERS")
    names = list(rows[0])
    cells = [[format(row[name], _NUMBERS[name].form).replace("_", " ") for name in names] for row in rows]
    return _table([_NUMBERS[name].words for name in names], cells, n_words=1)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, n_words: int) -> str:
    """The first ``n_words`` columns hold words, the others numbers."""
    rule = "|" + "---|" * n_words + "--:|" * (len(heads) - n_words)
    return "\n".join([f"| {' | '.join(heads)} |", rule, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _rows(result: Mapping[str, Any]) -> list[list[str]]:
    """A row for each measure that a result has."""
    what = ", ".join(str(result[key]) for key in ("rival", "method") if key in result) + f", d={result['dim']}"
    rows = []
    for name, measure in _SPEEDS.items():
        if name in result:
            pair = [format(result[name][side] * measure.scale, measure.form) for side in ("ours", "theirs")]
            ratio = f"{result[name]['median']:.2f}×"
            rows.append([what, measure.words, *pair, ratio, _qualities(result), _peaks(result)])
    return rows


def _qualities(result: Mapping[str, Any]) -> str:
    for name, form in _QUALITIES.items():
        sides = _sides(result, name)
        if sides:
            return f"{name} {format(sides[0], form)} / {format(sides[1], form)}"
    return f"{result['overlap']:.2%} the same" if "overlap" in result else _NOTHING


def _peaks(result: Mapping[str, Any]) -> str:
    sides = _sides(result, "peak_mb")
    return f"{sides[0]:.0f} / {sides[1]:.0f}" if sides else _NOTHING


def _sides(result: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """A number of ours and of the rival, wherever the record has it."""
    if name in result:
        return result[name]["ours"], result[name]["theirs"]
    last = result.get("last", {})
    return (last["ours"][name], last["theirs"][name]) if name in last.get("ours", {}) else None
