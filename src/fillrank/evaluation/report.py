"""``Report``: the metrics of an evaluation and its protocol."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.arguments import checked
from fillrank.errors import DataError
from fillrank.evaluation.comparison import Comparison, differences
from fillrank.evaluation.resampling import bootstrap, has_parts, ratios
from fillrank.evaluation.text import number, table

__all__ = ["Report"]


@checked
@dataclass(frozen=True, eq=False)
class Report:
    """The metrics of one model under one protocol. ``str()`` gives a table with the protocol below it.

    Attributes:
        model: its name.
        metrics: by name: ``"recall@10"``, ``"coverage@10"``, ``"rmse"`` …
        users: int64 ``[n]``, the indices of the users in the metrics, ascending.
        per_user: float64 ``[n]`` by name. The entry of a metric has its value for each user, NaN if a user has none;
            ``squared_error``, ``absolute_error`` (sums) and ``n_rated`` (a count) are the parts of RMSE and MAE.
            Coverage and Gini are about all lists together, so they have no per-user values.
        protocol: how it was measured. Two reports can be compared if their protocols are equal. Its ``refit`` says
            whether the model has learned from the validation part; it is ignored if one of two reports does not have
            it.

    Example:
        >>> report = Report("toy", {"recall@1": 0.5}, np.array([0, 1]), {"recall@1": np.array([1.0, 0.0])}, {})
        >>> report["recall@1"]
        0.5
        >>> report.intervals(n=200)
        {'recall@1': (0.0, 1.0)}
    """

    model: str
    metrics: Mapping[str, float]
    users: NDArray[np.int64]
    per_user: Mapping[str, NDArray[np.float64]]
    protocol: Mapping[str, Any]

    def __getitem__(self, metric: str) -> float:
        if metric not in self.metrics:
            raise DataError(f"no metric {metric!r} in this report; it has {', '.join(self.metrics)}")
        return self.metrics[metric]

    def __str__(self) -> str:
        cells: dict[str, dict[str, str]] = {}
        for metric, value in self.metrics.items():
            name, at, k = metric.partition("@")
            cells.setdefault(name, {})[at + k] = number(value)
        columns = list(dict.fromkeys(column for row in cells.values() for column in row if column)) or [""]
        rows = [[self.model, *columns]]
        for name, row in cells.items():
            in_first = row.get("", row.get(columns[0], ""))  # RMSE and MAE have no k
            rows.append([name, in_first, *(row.get(column, "") for column in columns[1:])])
        return f"{table(rows)}\n{describe(self.protocol)}"

    def to_dict(self) -> dict[str, Any]:
        """Model, metrics and protocol as plain Python values, ready for JSON; a metric that is NaN becomes None."""
        metrics = {name: None if math.isnan(value) else float(value) for name, value in self.metrics.items()}
        return {"model": self.model, "metrics": metrics, "protocol": dict(self.protocol)}

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)

    def to_frame(self) -> pl.DataFrame:
        """A row for each metric: ``model, metric, k, value`` (``k`` is null for RMSE and MAE)."""
        names = [metric.partition("@") for metric in self.metrics]
        return pl.DataFrame(
            {
                "model": [self.model] * len(names),
                "metric": [name for name, _, _ in names],
                "k": pl.Series([int(k) if k else None for _, _, k in names], dtype=pl.Int64),
                "value": pl.Series(list(self.metrics.values()), dtype=pl.Float64),
            }
        )

    @checked
    def intervals(self, level: float = 0.95, n: int = 1000, seed: int = 0) -> dict[str, tuple[float, float]]:
        """Bootstrap intervals over users, for all metrics with per-user values.

        They show how much a metric would change with other users of the same kind. They do not show the change with
        another split or another seed.

        Args:
            level: the share of resamples inside the interval.
            n: the number of resamples.
            seed: the same seed gives the same intervals.
        """
        names = [
            name for name, value in self.metrics.items() if has_parts(name, self.per_user) and math.isfinite(value)
        ]
        if not names:
            return {}
        low, high = bootstrap([ratios(self.per_user, names)], level=level, n=n, seed=seed)
        return {name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)}

    @checked
    def compare(self, other: Report, *, level: float = 0.95, n: int = 1000, seed: int = 0) -> Comparison:
        """Compare with another model on the same users (self minus other), with intervals and p-values.

        Intervals come from a paired bootstrap over users, p-values from a paired permutation test.

        Raises:
            DataError: the two were measured under different protocols or on different users; the message names what
                differs.
        """
        keys = dict.fromkeys([*self.protocol, *other.protocol])
        unlike = [key for key in keys if self.protocol.get(key) != other.protocol.get(key)]
        if None in (self.protocol.get("refit"), other.protocol.get("refit")):
            unlike = [key for key in unlike if key != "refit"]
        if unlike:
            shown = "; ".join(f"{key}: {self.protocol.get(key)!r} and {other.protocol.get(key)!r}" for key in unlike)
            raise DataError(f"{self.model} and {other.model} were measured differently ({shown}); evaluate both alike")
        if not np.array_equal(self.users, other.users):
            raise DataError(
                f"{self.model} has {len(self.users)} users and {other.model} {len(other.users)}, not the same ones; "
                "evaluate both alike"
            )
        found = differences((self.metrics, other.metrics), (self.per_user, other.per_user), level=level, n=n, seed=seed)
        return Comparison(self.model, other.model, level, n, found)


def describe(protocol: Mapping[str, Any]) -> str:
    """The protocol in one line."""
    facts = dict(protocol)
    parts = []
    if "protocol" in facts:
        parts.append(f"{facts['protocol']} protocol")
    split = facts.get("split")
    if isinstance(split, Mapping):
        name, settings = split.get("split", "split"), {k: v for k, v in split.items() if k != "split"}
        shown = ", ".join(f"{key} {value}" for key, value in settings.items())
        parts.append(f"{name} split" + (f" ({shown})" if shown else ""))
    if "part" in facts:
        parts.append(f"{facts['part']} part")
    if "n_users" in facts:
        parts.append(f"{facts['n_users']:,} users with relevant items")
    if "candidates" in facts:
        parts.append(f"{facts['candidates']} {facts['n_items']:,} items ranked")
        parts.append("seen removed" if facts["filter_seen"] else "seen kept")
    if facts.get("refit") is not None:
        parts.append("refit on train and valid" if facts["refit"] else "not refit on valid")
    if facts.get("relevant_from") is not None:
        parts.append(f"relevant from {facts['relevant_from']:g}")
    return "; ".join(parts)
