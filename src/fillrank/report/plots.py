"""Pictures of results. Each function draws one figure and writes it to a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fillrank.report.canvas import ACCENT, INK, SECOND, THIRD, blank, write_figure

__all__ = ["accuracy_against_coverage", "temperature_study"]


def accuracy_against_coverage(record: Mapping[str, Any], path: str | os.PathLike[str], *, k: int = 10) -> Path:
    """Plot every model as a point: coverage to the right, recall upwards; bars are intervals over seeds.

    Args:
        record: what :meth:`fillrank.experiments.compare.table.ComparisonTable.to_dict` gave.
        path: of the picture.
        k: the cut-off of the metrics.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    figure, axes = blank(1, (7.0, 4.4))
    (axis,) = axes
    names = (f"coverage@{k}", f"recall@{k}")
    for model, means in record["models"].items():
        x, y = (means[name] for name in names)
        ours = model.startswith("cmc")
        colour = ACCENT if ours else SECOND
        spans = [_half(record["intervals"][model][name]) for name in names]
        axis.errorbar(x, y, xerr=spans[0], yerr=spans[1], fmt="o", ms=9 if ours else 7, color=colour, lw=1.2)
        axis.annotate(
            model, (x, y), xytext=(9, 6), textcoords="offset points", color=INK, weight="bold" if ours else "normal"
        )
    axis.set_xlabel(f"{names[0]}: share of the catalogue recommended to anybody")
    axis.set_ylabel(f"{names[1]}: share of a user's liked items found")
    axis.set_title(f"{record['data']}: accuracy against coverage", loc="left", color=INK)
    axis.margins(x=0.22, y=0.15)
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=0)
    return write_figure(figure, path)


def temperature_study(
    points: Sequence[Mapping[str, Any]], path: str | os.PathLike[str], *, k: int = 10, title: str = ""
) -> Path:
    """Plot the effect of the temperature on recall, coverage and the popularity of recommended items.

    Args:
        points: one mapping per temperature, with ``temperature``, ``recall@k``, ``coverage@k``, ``popularity@k``.
        path: of the picture.
        k: the cut-off of the metrics.
        title: above the picture.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    figure, axes = blank(3, (9.6, 3.2))
    ordered = sorted(points, key=lambda point: point["temperature"])
    x = [point["temperature"] for point in ordered]
    panels = ((f"recall@{k}", ACCENT), (f"coverage@{k}", SECOND), (f"popularity@{k}", THIRD))
    for axis, (metric, colour) in zip(axes, panels, strict=True):
        axis.plot(x, [point[metric] for point in ordered], "o-", color=colour)
        axis.set_xscale("log")
        axis.set_xticks(x, [f"{value:g}" for value in x])
        axis.minorticks_off()
        axis.set_xlabel("temperature")
        axis.set_title(metric, loc="left", color=INK)
        axis.margins(y=0.12)
        axis.set_ylim(bottom=0)
    if title:
        figure.suptitle(title, x=0.01, ha="left", color=INK)
    return write_figure(figure, path)


def _half(interval: Sequence[float] | None) -> float | None:
    return None if interval is None else (interval[1] - interval[0]) / 2
