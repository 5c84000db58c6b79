"""Compare two models on the same users, with intervals and p-values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from fillrank.errors import DataError
from fillrank.evaluation.resampling import Floats, bootstrap, has_parts, permutation_p_values, ratios
from fillrank.evaluation.text import number, table

__all__ = ["Comparison", "Difference"]


@dataclass(frozen=True)
class Difference:
    """One metric of two models.

    Attributes:
        metric: its name, such as ``"recall@10"``.
        first, second: the two values.
        difference: first minus second.
        low, high: the interval of the difference; None for a metric of all lists together (coverage, gini).
        p_value: of a paired permutation test over users; None for the same metrics.
    """

    metric: str
    first: float
    second: float
    difference: float
    low: float | None
    high: float | None
    p_value: float | None


@dataclass(frozen=True)
class Comparison:
    """Two reports side by side; ``str()`` gives a table, ``comparison["recall@10"]`` one line of it.

    Attributes:
        first, second: the names of the models.
        level: of the intervals.
        n: the number of resamples behind each interval and each p-value.
        differences: one for each metric that both reports have.
    """

    first: str
    second: str
    level: float
    n: int
    differences: tuple[Difference, ...]

    def __getitem__(self, metric: str) -> Difference:
        for difference in self.differences:
            if difference.metric == metric:
                return difference
        known = ", ".join(d.metric for d in self.differences)
        raise DataError(f"no metric {metric!r} in this comparison; it has {known}")

    def __str__(self) -> str:
        rows = [["", self.first, self.second, "difference", f"{self.level:.0%} interval", "p"]]
        for d in self.differences:
            interval = "–" if d.low is None else f"{number(d.low)} … {number(d.high)}"
            rows.append(
                [
                    d.metric,
                    number(d.first),
                    number(d.second),
                    number(d.difference, signed=True),
                    interval,
                    number(d.p_value),
                ]
            )
        return f"{table(rows)}\npaired over users, {self.n} resamples"

    def to_frame(self) -> pl.DataFrame:
        """A frame with a row for each metric and the fields of :class:`Difference` as columns."""
        return pl.DataFrame([asdict(d) for d in self.differences])


def differences(
    metrics: tuple[Mapping[str, float], Mapping[str, float]],
    per_user: tuple[Mapping[str, Floats], Mapping[str, Floats]],
    *,
    level: float,
    n: int,
    seed: int,
) -> tuple[Difference, ...]:
    """The metrics that both models have, with intervals and p-values for those that have per-user parts."""
    first, second = metrics
    shared = [name for name in first if name in second]
    known = [name for name in shared if np.isfinite([first[name], second[name]]).all()]
    paired = [name for name in known if all(has_parts(name, values) for values in per_user)]
    sure: dict[str, tuple[float, float, float]] = {}
    if paired:
        a, b = (ratios(values, paired) for values in per_user)
        low, high = bootstrap([a, b], level=level, n=n, seed=seed)
        p_values = permutation_p_values(a, b, n=n, seed=seed)
        sure = {
            name: (float(lo), float(hi), float(p)) for name, lo, hi, p in zip(paired, low, high, p_values, strict=True)
        }
    nothing = (None, None, None)
    return tuple(
        Difference(
            name, first[name], second[name], float(np.subtract(first[name], second[name])), *sure.get(name, nothing)
        )
        for name in shared
    )
