"""Records as Markdown: the tables in the README and the docs are written from the committed records."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fillrank.errors import DataError

__all__ = ["fill_tables", "speeds_of", "table_of"]

_BLOCK = re.compile(r"(<!-- table: (?P<file>\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_COLUMNS = (("rmse", 4), ("recall", 3), ("ndcg", 3), ("coverage", 3), ("novelty", 2))
_HEADS = {
    "rmse": "RMSE",
    "recall": "Recall@{k}",
    "ndcg": "nDCG@{k}",
    "coverage": "coverage@{k}",
    "novelty": "novelty@{k}, bits",
}


def table_of(record: Mapping[str, Any]) -> str:
    """A comparison's record as a Markdown table: one row per model, mean ± half of the interval over seeds.

    Args:
        record: what :meth:`fillrank.experiments.table.ComparisonTable.to_dict` gave.
    """
    (k,) = record["protocol"]["k"]
    names = [name if name == "rmse" else f"{name}@{k}" for name, _ in _COLUMNS]
    heads = [_HEADS[name].format(k=k) for name, _ in _COLUMNS]
    lines = ["| model | " + " | ".join(heads) + " |", "|---|" + "--:|" * len(heads)]
    for model, means in record["models"].items():
        cells = []
        for name, (_, digits) in zip(names, _COLUMNS, strict=True):
            mean, interval = means.get(name), record["intervals"][model].get(name)
            half = "" if interval is None else f" ± {(interval[1] - interval[0]) / 2:.{digits}f}"
            cells.append("–" if mean is None else f"{mean:.{digits}f}{half}")
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


_SPEEDS = {
    "seconds": ("seconds a round", ".3f"),
    "time_to_equal_error": ("seconds to equal error", ".2f"),
    "updates_per_second": ("million updates a second", ".1f"),
}
_QUALITIES = {"rmse": ".4f", "loss": ",.0f"}


def speeds_of(record: Mapping[str, Any]) -> str:
    """A benchmark's record as a Markdown table: a row for each measure of each setting, ours beside the rival's.

    Args:
        record: what a script in ``benchmarks/`` wrote, with ``results``: each has a ``dim`` and, for a measure,
            ``median`` (of the ratios of neighbouring runs), ``ours`` and ``theirs``.
    """
    lines = ["| what | measure | fillrank | rival | ratio | quality | peak, MB |", "|---|---|--:|--:|--:|--:|--:|"]
    for result in record["results"]:
        what = ", ".join(str(result[key]) for key in ("rival", "method") if key in result) + f", d={result['dim']}"
        for measure, (words, form) in _SPEEDS.items():
            if measure not in result:
                continue
            million = 1e-6 if measure == "updates_per_second" else 1
            pair = [format(result[measure][side] * million, form) for side in ("ours", "theirs")]
            ratio = f"{result[measure]['median']:.2f}×"
            lines.append(
                f"| {what} | {words} | {' | '.join(pair)} | {ratio} | {_qualities(result)} | {_peaks(result)} |"
            )
    return "\n".join(lines) + "\n"


def _qualities(result: Mapping[str, Any]) -> str:
    for name, form in _QUALITIES.items():
        sides = _sides(result, name)
        if sides:
            return f"{name} {format(sides[0], form)} / {format(sides[1], form)}"
    return "–"


def _peaks(result: Mapping[str, Any]) -> str:
    sides = _sides(result, "peak_mb")
    return f"{sides[0]:.0f} / {sides[1]:.0f}" if sides else "–"


def _sides(result: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """A figure of ours and of the rival, wherever the record holds it."""
    if name in result:
        return result[name]["ours"], result[name]["theirs"]
    last = result.get("last", {})
    return (last["ours"][name], last["theirs"][name]) if name in last.get("ours", {}) else None


def fill_tables(text: str, root: Path) -> str:
    """``text`` with the table of each record written between its two marks.

    The marks are comments: ``<!-- table: experiments/NAME.json -->`` and ``<!-- end of table -->``.

    Raises:
        DataError: a record that is named is not there.
    """

    def fill(match: re.Match[str]) -> str:
        file = root / match["file"]
        if not file.is_file():
            raise DataError(f"the record {match['file']} is not there; run its plan, or take the mark out")
        record = json.loads(file.read_text(encoding="utf-8"))
        return match[1] + (speeds_of(record) if "benchmark" in record else table_of(record)) + match[3]

    return _BLOCK.sub(fill, text)
