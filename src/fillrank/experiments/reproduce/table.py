"""Summarise the record of a study: a row for each entry and protocol, with the published numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from fillrank.experiments.compare.table import interval_of
from fillrank.terminal import shown

__all__ = ["METRICS", "Estimate", "StudyRow", "published_text", "rows_of", "runs_of", "study_table"]

METRICS = ("recall", "ndcg", "coverage", "novelty", "gini")
"""The metrics of the test part in the record of a run."""
_DIGITS = {"recall": 4, "ndcg": 4, "coverage": 3, "novelty": 2, "gini": 3, "seconds": 1}


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Attributes:
        mean: over the seeds.
        half: of its 95 % interval (Student's); None with one seed.
    """

    mean: float
    half: float | None = None

    def text(self, digits: int) -> str:
        """The number with ``digits`` digits after the point.

        Example:
            >>> Estimate(0.18823, 0.0004).text(4), Estimate(12.0).text(1)
            ('0.1882 ± 0.0004', '12.0')
        """
        return f"{self.mean:.{digits}f}" + ("" if self.half is None else f" ± {self.half:.{digits}f}")


@dataclass(frozen=True)
class StudyRow:
    """An entry under a protocol.

    Attributes:
        entry: its name.
        protocol: ``"honest"`` or ``"legacy"``.
        seeds: that the metrics are over.
        metrics: ``recall``, ``ndcg``, ``coverage``, ``novelty``, ``gini`` (on test) and ``seconds`` of fitting; the
            seconds are over the runs on a machine like that of the first, as those of two kinds have no mean.
        published: ``recall`` and ``ndcg``, as far as there are such metrics.
        source: of what was published.
    """

    entry: str
    protocol: str
    seeds: tuple[int, ...]
    metrics: Mapping[str, Estimate]
    published: Mapping[str, float]
    source: str | None = None

    def difference(self, name: str) -> float | None:
        """The difference of the mean to the published number, in percent; None if one of the two is missing."""
        if name not in self.metrics or not self.published.get(name):
            return None
        return 100 * (self.metrics[name].mean / self.published[name] - 1)

    def text(self, name: str) -> str:
        """A number as text for a table."""
        return self.metrics[name].text(_DIGITS[name]) if name in self.metrics else "–"


def rows_of(record: Mapping[str, Any]) -> list[StudyRow]:
    """The rows of a record, entry by entry; an entry without a finished run has none.

    Args:
        record: what :meth:`fillrank.experiments.reproduce.record.StudyRecord.to_dict` gave.
    """
    rows = []
    for name, entry in record["entries"].items():
        published = {metric: entry["published"].get(f"{metric}@{record['k']}") for metric in ("recall", "ndcg")}
        known = {metric: value for metric, value in published.items() if value is not None}
        for protocol in record["protocols"]:
            runs = runs_of(record, name, protocol)
            if runs:
                seeds = tuple(run["seed"] for run in runs)
                metrics = dict(_metrics(runs, record["k"]))
                rows.append(StudyRow(name, protocol, seeds, metrics, known, entry["published"].get("source")))
    return rows


def runs_of(record: Mapping[str, Any], entry: str, protocol: str) -> list[Mapping[str, Any]]:
    """The runs of an entry under a protocol, over the seeds that the study has now."""
    seeds = record["entries"][entry]["seeds"]
    return [
        run for run in record["runs"] if run["entry"] == entry and run["protocol"] == protocol and run["seed"] in seeds
    ]


def study_table(record: Mapping[str, Any]) -> Table:
    """The rows as a table for people."""
    k, rows = record["k"], rows_of(record)
    several = any(len(row.seeds) > 1 for row in rows)
    spread = ", mean ± half of the 95 % interval over seeds" if several else ""
    table = Table(title=shown(f"{record['title']}: test part{spread}"), box=box.SIMPLE_HEAD, title_justify="left")
    heads = [f"recall@{k}", f"ndcg@{k}", "published", "difference, %", "coverage", "novelty", "seconds"]
    for place, head in enumerate(["entry", "protocol", *heads]):
        table.add_column(head, justify="left" if place < 2 else "right", no_wrap=True)
    for row in rows:
        first = [row.text("recall"), row.text("ndcg"), published_text(row), _differences(row)]
        table.add_row(
            shown(row.entry), row.protocol, *first, *(row.text(name) for name in ("coverage", "novelty", "seconds"))
        )
    return table


def published_text(row: StudyRow) -> str:
    """Published recall and nDCG, with a stroke between them."""
    if not row.published:
        return "–"
    return " / ".join(f"{row.published[name]:.4f}" if name in row.published else "–" for name in ("recall", "ndcg"))


def _differences(row: StudyRow) -> str:
    found = [row.difference(name) for name in ("recall", "ndcg")]
    if found == [None, None]:
        return "–"
    return " / ".join("–" if value is None else f"{value:+.1f}" for value in found)


def _metrics(runs: Sequence[Mapping[str, Any]], k: int) -> Iterator[tuple[str, Estimate]]:
    for name in _DIGITS:
        if name == "seconds":
            values = [run["seconds"] for run in runs if _hardware(run) == _hardware(runs[0])]
        else:
            values = [run["metrics"].get(f"{name}@{k}") for run in runs]
        if None not in values:
            interval = interval_of(values)
            half = None if interval is None else (interval[1] - interval[0]) / 2
            yield name, Estimate(float(np.mean(values)), half)


def _hardware(run: Mapping[str, Any]) -> dict[str, Any]:
    """The machine of a run without its software."""
    return {name: value for name, value in run["machine"].items() if name not in ("fillrank", "python", "versions")}
