"""Choose settings on the validation part, one after the other; each grid grows while its best value is at an end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from fillrank.training.context import FitContext
from fillrank.training.rounds import Rounds

__all__ = ["Axis", "Judgement", "Point", "best_point"]

Point = Mapping[str, float]
"""A value for each setting to choose."""
Judgement = tuple[float, Mapping[str, float]]
"""The score of a point (higher is better), and its metrics."""

_SWEEPS = 3


@dataclass(frozen=True)
class Axis:
    """The values of one setting that are tried.

    Attributes:
        values: always tried first, in ascending order; none: only the neighbours of the start are tried.
        factor: beyond an end, the next value is that end times this factor (or divided by it).
        step: if not 0, the next value is that end plus this step (or minus it); ``factor`` is not used then.
        rungs: if there are any, these are the only possible values, in ascending order.
        allowed: whether a value may be tried; the grid ends before a value that is not allowed.
        also: distant values that are tried once, without their neighbours.
    """

    values: tuple[float, ...] = ()
    factor: float = 2.0
    allowed: Callable[[float], bool] = field(default=lambda _: True)
    also: tuple[float, ...] = ()
    step: float = 0.0
    rungs: tuple[float, ...] = ()

    def beyond(self, tried: Sequence[float], best: float) -> list[float]:
        """The next values to try, if ``best`` is at an end of the values tried so far.

        >>> Axis(factor=2.0).beyond([1.0, 2.0], best=2.0), Axis().beyond([1.0, 2.0, 4.0], best=2.0)
        ([4.0], [])
        >>> Axis(step=0.1).beyond([0.2], best=0.2)
        [0.1, 0.3]
        >>> Axis(rungs=(4, 8, 64)).beyond([8, 64], best=8), Axis(rungs=(4, 8, 64)).beyond([8, 64], best=64)
        ([4], [])
        """
        below = [self._next(best, up=False)] if best == min(tried) else []
        above = [self._next(best, up=True)] if best == max(tried) else []
        whole = isinstance(best, int)
        values = (round(v) if whole else v for v in below + above)
        return [value for value in values if value != best and self.allowed(value)]

    def _next(self, best: float, *, up: bool) -> float:
        if self.rungs:
            beside = [rung for rung in self.rungs if (rung > best if up else rung < best)]
            return (min(beside) if up else max(beside)) if beside else best
        if self.step:
            return round(best + self.step if up else best - self.step, 9)
        return best * self.factor if up else best / self.factor


def best_point(
    axes: Mapping[str, Axis],
    start: Point,
    judge: Callable[[Point], Judgement],
    *,
    most: int,
    together: Sequence[str] = (),
    context: FitContext | None = None,
) -> dict[str, float]:
    """Search along one axis after the other for a point that no change of one setting improves.

    Along an axis, all its values are tried; while the best is the lowest or the highest value, the next value beyond it
    is tried. After the last axis, the neighbours of the best point are tried along each axis, until nothing changes
    (three times at most). The cost is about the sum of the sizes of the grids; a full product of the grids would cost
    their product.

    Args:
        axes: the values of each setting, in the order in which the settings are chosen.
        start: the first point; settings without an axis do not change.
        judge: scores a point. No point is judged twice. Of equals, the first is taken.
        most: the largest number of points to judge.
        together: settings whose best values depend on each other: all pairs of their values are tried first.
        context: the context of the fit, whose callbacks are called after each point and may end the search; None: no
            callbacks.

    Example:
        >>> def judge(point):
        ...     return -((point["x"] - 16) ** 2) - (point["y"] - 3) ** 2, {}
        >>> best_point({"x": Axis((1.0, 2.0, 4.0)), "y": Axis((1.0, 3.0))}, {"x": 1.0, "y": 1.0}, judge, most=30)
        {'x': 16.0, 'y': 3.0}
    """
    gains: dict[tuple[float, ...], float] = {}
    point, context = dict(start), (context or FitContext()).trial()
    if not context.begins():
        return point
    with Rounds[tuple[float, ...]](context, most, unit="trial", what="the settings", holds=False) as rounds:

        def gain(there: Point) -> float:
            """The score of a point; minus infinity if no more trials are allowed."""
            key = tuple(there.values())
            if key not in gains:
                if len(gains) >= most or rounds.over:
                    return -math.inf
                gains[key], metrics = judge(there)
                rounds.epoch_end(metrics, score=gains[key], keep=lambda: key)
            return gains[key]

        open_together = [name for name in together if name in axes]
        if len(open_together) > 1:
            values = product(*(axes[name].values for name in open_together))
            pairs = [{**point, **dict(zip(open_together, own, strict=True))} for own in values]
            point = max((point, *pairs), key=gain)
        for sweep in range(_SWEEPS):
            before = dict(point)
            for name, axis in axes.items():
                tried = [point[name]]
                if sweep == 0 and axis.values:
                    tried = sorted({*axis.values, point[name]})
                point[name] = _best_along(axis, tried, lambda value, name=name: gain({**point, name: value}))  # type: ignore[misc]
            if point == before:
                break
    return point


def _best_along(axis: Axis, tried: list[float], gain: Callable[[float], float]) -> float:
    """The best value of one axis, with all other settings fixed."""
    best = max(tried, key=gain)
    while fresh := [value for value in axis.beyond(tried, best) if value not in tried]:
        tried += fresh
        further = max((best, *fresh), key=gain)
        if further == best:
            break
        best = further
    return max((best, *axis.also), key=gain)
