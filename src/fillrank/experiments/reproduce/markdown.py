"""Write records as Markdown tables, for the README and the docs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fillrank.errors import DataError
from fillrank.experiments.reproduce.pivot import pivot
from fillrank.experiments.reproduce.speed_table import numbers_of, speeds_of
from fillrank.experiments.reproduce.table import StudyRow, published_text, rows_of
from fillrank.experiments.toml.documents import read_document
from fillrank.terminal import printable

__all__ = ["fill_tables", "gridded", "speeds_of", "studied", "table_of"]

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
    """Write the record of a comparison as a Markdown table: a row per model, mean ± half of the interval over seeds.

    Args:
        record: what :meth:`fillrank.experiments.compare.table.ComparisonTable.to_dict` gave.
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
        lines.append(f"| {_name(model)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def studied(record: Mapping[str, Any]) -> str:
    """A study's record as a Markdown table: a row for each entry, the protocols side by side.

    What was published stands beside them, if anything was.

    Coverage, novelty and seconds are those of the honest run, or of the legacy one where there is no other.

    Args:
        record: what :meth:`fillrank.experiments.reproduce.record.StudyRecord.to_dict` gave.
    """
    k, rows = record["k"], rows_of(record)
    protocols = [name for name in ("honest", "legacy") if any(row.protocol == name for row in rows)]
    published = any(row.published for row in rows)
    heads = [f"{protocol}: Recall@{k} / nDCG@{k}" for protocol in protocols]
    heads += ["published"] * published + [f"coverage@{k}", f"novelty@{k}, bits", "seconds"]
    lines = ["| entry | " + " | ".join(heads) + " |", "|---|" + "--:|" * len(heads)]
    for name in dict.fromkeys(row.entry for row in rows):
        own = {row.protocol: row for row in rows if row.entry == name}
        first = own.get("honest") or own["legacy"]
        cells = [_accuracy(own.get(protocol)) for protocol in protocols]
        cells += [published_text(first)] * published
        cells += [first.text(column) for column in ("coverage", "novelty", "seconds")]
        lines.append(f"| {_name(name)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def gridded(record: Mapping[str, Any]) -> str:
    """Write a study with entries "THIS, THAT" as a Markdown grid; the best recall and nDCG of a column are bold.

    Args:
        record: see :func:`fillrank.experiments.reproduce.pivot.pivot`.
    """
    grid, k = pivot(record), record["k"]
    lines = [
        f"| Recall@{k} / nDCG@{k} | " + " | ".join(map(_name, grid.columns)) + " |",
        "|---|" + "--:|" * len(grid.columns),
    ]
    best = {
        (column, name): max(row.metrics[name].mean for (_, other), row in grid.cells.items() if other == column)
        for column in grid.columns
        for name in ("recall", "ndcg")
    }

    def text(row: StudyRow, column: str, name: str) -> str:
        return f"**{row.text(name)}**" if row.metrics[name].mean == best[column, name] else row.text(name)

    for line in grid.lines:
        own = {column: grid.cells.get((line, column)) for column in grid.columns}
        cells = [
            "–" if row is None else f"{text(row, column, 'recall')} / {text(row, column, 'ndcg')}"
            for column, row in own.items()
        ]
        lines.append(f"| {_name(line)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _name(name: str) -> str:
    """Escape a name for a cell of a Markdown table."""
    return printable(name).replace("|", "\\|").replace("<", "&lt;")


def _accuracy(row: StudyRow | None) -> str:
    return "–" if row is None else f"{row.text('recall')} / {row.text('ndcg')}"


def fill_tables(text: str, root: Path) -> str:
    """Replace the tables in ``text``: each record is written between its two marks.

    The marks are comments: ``<!-- table: experiments/NAME.json -->`` and ``<!-- end of table -->``. A benchmark's
    record may have several tables: ``benchmarks/records/NAME.json#PART`` is that of one part. Of a study
    ``#grid`` is the table that :func:`gridded` writes.

    Raises:
        DataError: a record that is named is not there, or has no such table.
    """

    def fill(match: re.Match[str]) -> str:
        name, _, part = match["file"].partition("#")
        file = root / name
        if not file.is_file():
            raise DataError(f"the record {name} is not there; run its plan, or take the mark out")
        return match[1] + _written(read_document(file), part) + match[3]

    return _BLOCK.sub(fill, text)


def _written(record: Mapping[str, Any], part: str) -> str:
    """A record, or a part of it, as the table of its kind."""
    if part and "study" in record:
        if part != "grid":
            raise DataError(f"a study has no table {part!r}; write #grid, or nothing for a row to each entry")
        return gridded(record)
    if part:
        return numbers_of(record, part)
    if "benchmark" in record:
        return speeds_of(record)
    return studied(record) if "study" in record else table_of(record)
