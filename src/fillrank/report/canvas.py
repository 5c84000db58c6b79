"""The common parts of all pictures: colours, an empty figure, and saving it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fillrank.errors import MissingExtraError
from fillrank.runtime.atomic_write import check_file, replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ACCENT", "COLOURS", "INK", "QUIET", "SECOND", "THIRD", "blank", "can_draw", "write_figure"]

INK, QUIET, ACCENT, SECOND, THIRD = "#1b2a41", "#9aa5b1", "#d1495b", "#00798c", "#edae49"
COLOURS = (ACCENT, SECOND, THIRD, INK, "#8d6a9f", "#5b8e3e", "#b5651d", "#4a6fa5", "#c2578b", "#6b705c")


def can_draw() -> bool:
    """Whether Matplotlib is installed and can be imported; check this before a training, not after it."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: F401
        from matplotlib.figure import Figure  # noqa: F401
    except ImportError:
        return False
    return True


def blank(panels: int, size: tuple[float, float]) -> tuple[Figure, list[Any]]:
    """An empty figure with several panels side by side, and their axes.

    Args:
        panels: how many.
        size: width and height in inches.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError('pictures need Matplotlib: pip install "fillrank[plot]"') from error
    figure = Figure(figsize=size, layout="constrained", dpi=130)
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(color=QUIET, alpha=0.25, lw=0.6)
        axis.tick_params(colors=INK)
    return figure, list(axes)


def write_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure in the format of the ending of ``path`` (PNG without one), and return the path."""
    target = check_file(path, "the picture")
    with replacing(target) as fresh:
        figure.savefig(fresh, format=target.suffix.lstrip(".") or "png")
    return target
