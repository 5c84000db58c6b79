"""Pictures of trials: every trial as a line through its settings, and the importance of each setting."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fillrank.errors import DataError
from fillrank.experiments.tune.record import brief
from fillrank.report.canvas import INK, QUIET, SECOND, blank, write_figure

__all__ = ["draw", "importance", "parallel_coordinates"]

_MOST_AXES = 8


def draw(record: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw ``parallel.png`` and ``importance.png``, if there are enough trials for them."""
    drawn = []
    if any(trial["value"] is not None for trial in record["trials"]):
        drawn.append(parallel_coordinates(record, folder / "parallel.png"))
    if record["importance"]:
        drawn.append(importance(record, folder / "importance.png"))
    return drawn


def parallel_coordinates(record: Mapping[str, Any], path: str | os.PathLike[str]) -> Path:
    """Each complete trial as a line: the metric to the left, then its parameters, those that matter most first.

    The better a trial, the stronger its line; the best is drawn over the others. Only parameters that every trial has
    get an axis, eight at most.

    Args:
        record: what :meth:`fillrank.experiments.tune.record.TuneRecord.to_dict` gave.
        path: of the picture.

    Raises:
        DataError: no trial is complete.
        MissingExtraError: Matplotlib is not installed.
    """
    trials, metric = _complete(record), record["plan"]["metric"]
    names = _axes(record, trials)
    places = [_ParameterAxis(metric, [trial["value"] for trial in trials])]
    for name, title in zip(names, brief(names), strict=True):
        places.append(_ParameterAxis(title, [trial["params"][name] for trial in trials]))
    figure, (axis,) = blank(1, (max(4.5, 1.5 * len(places) + 1), 4.2))
    best_first = sorted(range(len(trials)), key=lambda n: trials[n]["value"], reverse=not _lower_is_better(metric))
    for rank, n in reversed(list(enumerate(best_first))):
        good = 1 - rank / max(len(trials) - 1, 1)
        heights = [place.heights[n] for place in places]
        axis.plot(range(len(places)), heights, color=_between(QUIET, SECOND, good), lw=2.4 if rank == 0 else 1.0)
    for at, place in enumerate(places):
        axis.axvline(at, color=INK, lw=0.8)
        for height, label in place.marks():
            axis.annotate(label, (at, height), xytext=(4, 0), textcoords="offset points", fontsize=7, color=INK)
    axis.set_xticks(range(len(places)), [place.title for place in places], fontsize=8)
    axis.set_yticks([])
    axis.grid(visible=False)
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.set_title(f"{record['plan']['model']}: {len(trials)} trials", loc="left", color=INK)
    axis.margins(x=0.08)
    return write_figure(figure, path)


def importance(record: Mapping[str, Any], path: str | os.PathLike[str]) -> Path:
    """How much of the metric's variance each parameter explains, as bars.

    Args:
        record: see :func:`parallel_coordinates`.
        path: of the picture.

    Raises:
        DataError: fewer than two trials are complete, or all came to the same figure.
        MissingExtraError: Matplotlib is not installed.
    """
    shares: Mapping[str, float] = record["importance"]
    if not shares:
        raise DataError("importance needs two complete trials of different figures; let it run on")
    ordered = sorted(shares.items(), key=lambda pair: pair[1])
    figure, (axis,) = blank(1, (6.4, 0.36 * len(ordered) + 1.3))
    names = brief([name for name, _ in ordered])
    axis.barh(names, [share for _, share in ordered], color=SECOND, height=0.6)
    axis.set_xlim(left=0)
    axis.set_xlabel(f"share of the variance of {record['plan']['metric']} (fANOVA)")
    axis.set_title(f"{record['plan']['model']}: what mattered", loc="left", color=INK)
    return write_figure(figure, path)


class _ParameterAxis:
    """The values of one parameter as heights from 0 to 1; on a logarithmic scale if their range is large."""

    def __init__(self, title: str, values: Sequence[Any]) -> None:
        self.title = title
        self._words = [] if all(_is_number(value) for value in values) else sorted({str(value) for value in values})
        numbers = (
            [float(self._words.index(str(value))) for value in values] if self._words else list(map(float, values))
        )
        self._log = not self._words and min(numbers) > 0 and max(numbers) >= 10 * min(numbers)
        self._whole = (
            not self._log and all(isinstance(value, int) for value in values) and max(numbers) < min(numbers) + 9
        )
        scaled = [math.log(number) if self._log else number for number in numbers]
        self._low, self._span = min(scaled), (max(scaled) - min(scaled)) or 1.0
        self.heights = [(number - self._low) / self._span for number in scaled]

    def marks(self) -> list[tuple[float, str]]:
        """Heights of the ticks, and their labels."""
        if self._words:
            return [((n - self._low) / self._span, word) for n, word in enumerate(self._words)]
        if self._whole:
            return [
                ((n - self._low) / self._span, f"{n}") for n in range(int(self._low), int(self._low + self._span) + 1)
            ]
        ends = [(height, self._low + height * self._span) for height in (0.0, 0.5, 1.0)]
        return [(height, f"{math.exp(number) if self._log else number:.3g}") for height, number in ends]


def _complete(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    trials = [trial for trial in record["trials"] if trial["value"] is not None]
    if not trials:
        raise DataError("no trial is complete, so there is nothing to draw; let it run on")
    return trials


def _axes(record: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> list[str]:
    """The parameters that every trial has, those that matter most first."""
    common = [name for name in trials[0]["params"] if all(name in trial["params"] for trial in trials)]
    return sorted(common, key=lambda name: -record["importance"].get(name, 0.0))[:_MOST_AXES]


def _lower_is_better(metric: str) -> bool:
    return metric in {"rmse", "mae"}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _between(one: str, other: str, share: float) -> tuple[float, float, float]:
    """A colour between two."""
    ends = [[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in (one, other)]
    red, green, blue = (low + (high - low) * share for low, high in zip(*ends, strict=True))
    return red, green, blue
