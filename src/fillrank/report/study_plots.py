"""The picture of a study: quality against seconds of training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from fillrank.errors import DataError
from fillrank.experiments.reproduce.table import runs_of
from fillrank.report.canvas import COLOURS, INK, QUIET, blank, write_figure

__all__ = ["quality_against_seconds", "spread"]

_STYLES = ("-", (0, (5, 1)), "-.")  # a second and a third round through the colours
_APART = 0.045  # of two labels, as a share of the height


def quality_against_seconds(record: Mapping[str, Any], path: str | os.PathLike[str]) -> Path:
    """Quality (nDCG of the watched part) against seconds of training, a line for each entry; dashes are published.

    Taken is the first run under the legacy protocol (which watches test), or else under the honest one (validation). A
    model that is not watched epoch by epoch is one point: nDCG on test at the seconds that its fit took. The seconds of
    a line are those of its epochs alone. Entries that end below half of the best are left out, and named in the title:
    they would press the others together.

    Args:
        record: what :meth:`fillrank.experiments.reproduce.record.StudyRecord.to_dict` gave.
        path: of the picture.

    Raises:
        DataError: the record has no run.
        MissingExtraError: Matplotlib is not installed.
    """
    lines = list(_lines(record))
    if not lines:
        raise DataError(
            f"no run of the study {record['study']} is finished, so there is nothing to draw; let it run on"
        )
    least = max(line.quality[-1] for line in lines) / 2
    low = [line.entry for line in lines if line.quality[-1] < least]
    lines = [line for line in lines if line.quality[-1] >= least]
    figure, (axis,) = blank(1, (8.0, 4.8))
    for line in lines:
        axis.plot(line.seconds, line.quality, color=line.colour, ls=line.style, lw=1.8)
        axis.plot(line.seconds[-1], line.quality[-1], "o", color=line.colour, ms=4)
        if line.published is not None:
            ends = (line.seconds[-1] / 1.5, line.seconds[-1] * 1.5)
            axis.plot(ends, [line.published] * 2, ls=(0, (2, 1.5)), color=line.colour, lw=1.4)
    axis.set_xscale("log")
    _plain_ticks(axis)
    axis.margins(x=0.08, y=0.1)
    _label(axis, lines)
    protocols = dict.fromkeys(line.protocol for line in lines)
    axis.set_xlabel("seconds of training, log scale")
    axis.set_ylabel(f"nDCG@{record['k']}")
    words = f"{record['title']}, {' and '.join(protocols)} protocol"
    words += "; dashes: published" if any(line.published is not None for line in lines) else ""
    words += f"; left out, as low: {', '.join(low)}" if low else ""
    axis.set_title(words, loc="left", color=INK, fontsize=10, pad=12)
    return write_figure(figure, path)


def _plain_ticks(axis: Any) -> None:
    """Seconds as 10, 20, 50, 100."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())


@dataclass(frozen=True)
class _Line:
    entry: str
    protocol: str
    seconds: Sequence[float]
    quality: Sequence[float]
    published: float | None
    colour: str
    style: Any


def _lines(record: Mapping[str, Any]) -> list[_Line]:
    k, lines = record["k"], []
    for place, (name, entry) in enumerate(record["entries"].items()):
        runs = runs_of(record, name, "legacy") or runs_of(record, name, "honest")
        if not runs:
            continue
        run = runs[0]
        points = run["curve"] or [{"seconds": run["seconds"], "ndcg": run["metrics"][f"ndcg@{k}"]}]
        lines.append(
            _Line(
                name,
                run["protocol"],
                [max(point["seconds"], 1e-3) for point in points],
                [point["ndcg"] for point in points],
                entry["published"].get(f"ndcg@{k}"),
                COLOURS[place % len(COLOURS)],
                _STYLES[place // len(COLOURS) % len(_STYLES)],
            )
        )
    return lines


def _label(axis: Any, lines: Sequence[_Line]) -> None:
    """Write the names to the right of all lines, each at the height of its line, moved apart if they would overlap."""
    low, high = axis.get_ylim()
    ends = sorted(((line.quality[-1] - low) / (high - low), line.entry, line) for line in lines)
    heights = spread([height for height, _, _ in ends], min(_APART, 1 / len(ends)))
    for height, (_, _, line) in zip(heights, ends, strict=True):
        axis.annotate(
            line.entry,
            xy=(line.seconds[-1], line.quality[-1]),
            xytext=(1.02, height),
            textcoords="axes fraction",
            va="center",
            fontsize=8,
            color=line.colour,
            arrowprops={"arrowstyle": "-", "color": QUIET, "lw": 0.5, "shrinkA": 0, "shrinkB": 3},
            annotation_clip=False,
        )


def spread(heights: Sequence[float], apart: float) -> list[float]:
    """Move ascending ``heights`` as little as possible (least squares), so that none are closer than ``apart``.

    All of them end up between 0 and 1.

    Example:
        >>> [round(height, 2) for height in spread([0.1, 0.12, 0.5, 0.9, 0.9], 0.1)]
        [0.06, 0.16, 0.5, 0.85, 0.95]
        >>> [round(height, 2) for height in spread([0.9, 0.98, 0.98], 0.1)]
        [0.8, 0.9, 1.0]
    """
    steps = apart * np.arange(len(heights))
    moved = isotonic_regression(np.asarray(heights) - steps).x
    return [float(height) for height in np.clip(moved, 0.0, 1.0 - steps[-1]) + steps]
