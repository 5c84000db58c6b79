"""Records as Markdown: the tables in the README and the docs are written from the committed records."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fillrank.errors import DataError

__all__ = ["fill_tables", "table_of"]

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
        return match[1] + table_of(json.loads(file.read_text(encoding="utf-8"))) + match[3]

    return _BLOCK.sub(fill, text)
