"""The pictures of docs/tutorials/completion-course-2.md and of the studies, drawn anew: ``python docs/pictures.py``.

Every seed is fixed; the studies are drawn from their records.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

import fillrank as fr
from fillrank.report.grid_plots import grid_lines, grid_map
from fillrank.report.study_plots import quality_against_seconds
from fillrank.runtime.atomic_write import replacing

IMAGES = Path(__file__).parent / "images"
STUDIES = Path(__file__).parents[1] / "experiments" / "studies"
MMCL = STUDIES.with_name("mmcl")
MAPS = {"margins-gowalla"}
SERIES = {"gowalla", "yelp2018", "sparsity-gowalla", "sparsity-ml-1m"}
SOLVERS = {"gd": "#00798c", "sgd": "#d1495b", "adam": "#edae49", "als": "#1b2a41", "svd": "#8d6a9f"}
COMPLETE = np.array([[0.3374, 0.6005, 0.1735], [3.3359, 0.0492, 1.8374], [2.9407, 0.5301, 2.2620]])
_ = np.nan
RATINGS = np.array([[5, 3, _, 1], [4, _, _, 1], [1, 1, _, 5], [1, _, _, 4], [_, 1, 5, 4]])
SMALLEST = 1e-6  # what is nearer than this counts as there


def draw_all() -> None:
    """All pictures, into docs/images."""
    complete_matrix(IMAGES / "solvers-3x3.png")
    matrix_with_holes(IMAGES / "solvers-5x4.png")
    for file in sorted(STUDIES.glob("*.json")):
        quality_against_seconds(json.loads(file.read_text(encoding="utf-8")), IMAGES / f"study-{file.stem}.png")
    for file in sorted(MMCL.glob("*.json")):
        if file.stem in MAPS | SERIES:
            draw = grid_map if file.stem in MAPS else grid_lines
            draw(json.loads(file.read_text(encoding="utf-8")), IMAGES / f"mmcl-{file.stem}.png")


def complete_matrix(path: Path) -> None:
    """How far each solver is above the best matrix of rank 2, round by round."""
    least = np.linalg.svd(COMPLETE)[1][2] ** 2
    figure, (axis,) = _figure(1, (6.4, 3.6))
    for name, model in _fits(COMPLETE, regularization=0).items():
        errors = model.loss_curve_ * np.square(COMPLETE).sum()  # per cell and for unit spread, the curve; a sum, these
        _line(axis, name, np.maximum(errors - least, SMALLEST))
    axis.set_ylabel("squared error above 0.12191, to 0.000001")
    axis.set_title("A complete 3×3 matrix, rank 2", loc="left")
    axis.legend(frameon=False)
    _write(figure, path)


def matrix_with_holes(path: Path) -> None:
    """The error on the 13 known cells, round by round, and what then stands in the seven holes."""
    figure, (left, right) = _figure(2, (9.6, 3.8))
    for name, model in _fits(RATINGS, regularization=0).items():
        errors = model.loss_curve_ * np.nanmean(np.square(RATINGS))
        _line(left, name, np.maximum(errors, SMALLEST))
    left.set_ylabel("mean squared error, known cells, to 0.000001")
    left.set_title("13 of 5×4 cells known, rank 2, no penalty", loc="left")
    left.legend(frameon=False)
    holes = np.isnan(RATINGS)
    for shift, (strength, marker) in ((-0.15, (0.0, "o")), (0.15, (0.1, "s"))):
        for place, (name, model) in enumerate(_fits(RATINGS, regularization=strength).items()):
            x = np.arange(holes.sum()) + shift + 0.04 * (place - 2)
            filled = "none" if strength == 0 else SOLVERS[name]
            right.plot(x, model.reconstruct()[holes], marker, ms=5, color=SOLVERS[name], mfc=filled)
    right.set_xticks(range(holes.sum()), [f"{row + 1},{column + 1}" for row, column in np.argwhere(holes)])
    right.set_xlabel("hole: row, column")
    right.set_title("what is filled in: ○ no penalty, ■ penalty 0.1", loc="left")
    _write(figure, path)


def _fits(table: NDArray[np.float64], *, regularization: float) -> Mapping[str, fr.MatrixCompletion]:
    return {
        solver: fr.MatrixCompletion(
            2, solver=solver, regularization=regularization, bias=False, max_iter=2000, tol=0
        ).fit(table)
        for solver in SOLVERS
    }


def _line(axis: Axes, name: str, errors: NDArray[np.float64]) -> None:
    there = np.flatnonzero(errors <= SMALLEST)
    shown = errors[: there[0] + 1] if len(there) else errors
    axis.loglog(
        np.arange(1, len(shown) + 1), shown, "o-", markevery=[-1], ms=5, color=SOLVERS[name], label=name, lw=1.6
    )
    axis.set_xlabel("rounds")


def _figure(panels: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=size, layout="constrained", dpi=100)
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(1, panels, squeeze=False)[0])
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25, lw=0.6)
    return figure, axes


def _write(figure: Figure, path: Path) -> None:
    with replacing(path) as fresh:
        figure.savefig(fresh, format="png")


if __name__ == "__main__":
    draw_all()
