"""Pictures of a study that is a grid: lines over the columns, and a heat map."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fillrank.experiments.reproduce.pivot import Pivot, number_in, pivot
from fillrank.report.canvas import COLOURS, INK, blank, write_figure

__all__ = ["grid_lines", "grid_map"]


def grid_lines(record: Mapping[str, Any], path: str | os.PathLike[str]) -> Path:
    """A line for each line of the grid: nDCG on the test part over its columns.

    Args:
        record: see :func:`fillrank.experiments.reproduce.pivot.pivot`.
        path: of the picture.

    Raises:
        DataError: the study is no grid, or no run is finished.
        MissingExtraError: Matplotlib is not installed.
    """
    grid = pivot(record)
    figure, (axis,) = blank(1, (7.0, 4.2))
    for place, line in enumerate(grid.lines):
        known = [at for at, column in enumerate(grid.columns) if (line, column) in grid.cells]
        heights = [_ndcg(grid, line, grid.columns[at]) for at in known]
        style = "-" if place < len(COLOURS) else "--"
        axis.plot(known, heights, "o", ls=style, color=COLOURS[place % len(COLOURS)], ms=4, lw=1.8, label=line)
    axis.set_xticks(range(len(grid.columns)), grid.columns)
    axis.set_ylabel(f"nDCG@{record['k']}")
    axis.set_title(record["title"], loc="left", color=INK)
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return write_figure(figure, path)


def grid_map(record: Mapping[str, Any], path: str | os.PathLike[str]) -> Path:
    """A heat map of nDCG on the test part: the rows of the grid from below, its columns from the left.

    It takes what :func:`grid_lines` takes.
    """
    grid = pivot(record)
    lines = sorted(grid.lines, key=lambda line: number_in(line) or 0.0)
    heights = np.full((len(lines), len(grid.columns)), np.nan)
    for (line, column), row in grid.cells.items():
        heights[lines.index(line), grid.columns.index(column)] = row.metrics["ndcg"].mean
    figure, (axis,) = blank(1, (1.1 * len(grid.columns) + 2.2, 0.6 * len(lines) + 1.4))
    axis.imshow(heights, origin="lower", aspect="auto", cmap="viridis")
    middle = (np.nanmin(heights) + np.nanmax(heights)) / 2
    for (at, across), height in np.ndenumerate(heights):
        if not np.isnan(height):
            colour = "white" if height < middle else INK
            axis.text(across, at, f"{height:.4f}", ha="center", va="center", fontsize=8, color=colour)
    axis.set_xticks(range(len(grid.columns)), grid.columns)
    axis.set_yticks(range(len(lines)), lines)
    axis.grid(visible=False)
    axis.set_title(f"{record['title']}: nDCG@{record['k']}", loc="left", color=INK)
    return write_figure(figure, path)


def _ndcg(grid: Pivot, line: str, column: str) -> float:
    return grid.cells[line, column].metrics["ndcg"].mean
