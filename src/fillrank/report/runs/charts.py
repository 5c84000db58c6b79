"""Lines, bars and points as SVG, without any other file; each says in words what it shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["bar_chart", "legend", "line_chart", "point_chart"]

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 460, 230, 58, 34, 12
_KINDS = 6  # colours

Points = Sequence[tuple[float, float]]


def legend(names: Sequence[str]) -> str:
    """The colours of the runs."""
    return "".join(f'<span><i class="b{n % _KINDS}"></i>{escape(name)}</span>' for n, name in enumerate(names))


def line_chart(lines: Mapping[str, Points], x: str, y: str) -> str:
    """A line for each name."""
    frame, at = _frame([point for points in lines.values() for point in points], x)
    drawn = [
        f'<polyline class="c{n % _KINDS}" points="{" ".join(at.text(*point) for point in points)}"/>'
        for n, points in enumerate(lines.values())
    ]
    said = "; ".join(
        f"{name} from {points[0][1]:.4g} to {points[-1][1]:.4g}" for name, points in lines.items() if points
    )
    return _chart(f"{y} over {x}: {said}", frame + "".join(drawn))


def point_chart(points: Mapping[str, tuple[float, float]], x: str, y: str) -> str:
    """A point for each name."""
    frame, at = _frame(list(points.values()), x)
    drawn = []
    for n, (name, point) in enumerate(points.items()):
        across, down = at(*point)
        anchor = "end" if across > _WIDTH * 0.75 else "start"
        place = across - 9 if anchor == "end" else across + 9
        drawn.append(f'<circle class="b{n % _KINDS}" cx="{across:.1f}" cy="{down:.1f}" r="6"/>')
        drawn.append(f'<text x="{place:.1f}" y="{down - 8:.1f}" text-anchor="{anchor}">{escape(name[:28])}</text>')
    said = "; ".join(f"{name} at {a:.4g}, {b:.4g}" for name, (a, b) in points.items())
    return _chart(f"{y} against {x}: {said}", frame + "".join(drawn))


def bar_chart(bars: Mapping[str, Sequence[float]], groups: Sequence[str], x: str, y: str) -> str:
    """For each group a bar for each name, from zero."""
    most = max((value for values in bars.values() for value in values if math.isfinite(value)), default=0.0) or 1.0
    frame, at = _frame([(0.0, 0.0), (float(len(groups)), most)], x, ticks_across=False)
    wide = (_WIDTH - _LEFT - 10) / max(len(groups), 1)
    thick = wide * 0.8 / max(len(bars), 1)
    drawn = []
    for n, values in enumerate(bars.values()):
        for group, value in enumerate(values):
            if math.isfinite(value):
                across = _LEFT + group * wide + wide * 0.1 + n * thick
                top, floor = at(0.0, value)[1], at(0.0, 0.0)[1]
                drawn.append(
                    f'<rect class="b{n % _KINDS}" x="{across:.1f}" y="{top:.1f}" width="{max(thick - 1, 0.5):.1f}" '
                    f'height="{floor - top:.1f}"/>'
                )
    for group, name in enumerate(groups):
        across = _LEFT + (group + 0.5) * wide
        drawn.append(f'<text x="{across:.1f}" y="{_HEIGHT - _BOTTOM + 14}" text-anchor="middle">{escape(name)}</text>')
    said = "; ".join(f"{name}: {', '.join(f'{value:.3g}' for value in values)}" for name, values in bars.items())
    return _chart(f"{y} by {x}. {said}", frame + "".join(drawn))


def _frame(points: Points, x: str, *, ticks_across: bool = True) -> tuple[str, _At]:
    across, down = _ends([point[0] for point in points]), _ends([point[1] for point in points])
    at = _At(across, down)
    parts = [f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{_HEIGHT - _BOTTOM}" y2="{_HEIGHT - _BOTTOM}"/>']
    for n in range(5):
        value = down[0] + (down[1] - down[0]) * n / 4
        place = at(across[0], value)[1]
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{place:.1f}" y2="{place:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{place + 3:.1f}" text-anchor="end">{value:.3g}</text>')
    for n in range(5) if ticks_across else ():
        value = across[0] + (across[1] - across[0]) * n / 4
        place = at(value, down[0])[0]
        parts.append(f'<text x="{place:.1f}" y="{_HEIGHT - _BOTTOM + 14}" text-anchor="middle">{value:.3g}</text>')
    middle = _LEFT + (_WIDTH - _LEFT) / 2
    parts.append(f'<text class="name" x="{middle:.0f}" y="{_HEIGHT - 4}" text-anchor="middle">{escape(x)}</text>')
    return "".join(parts), at


class _At:
    """From figures to places on the picture."""

    def __init__(self, across: tuple[float, float], down: tuple[float, float]) -> None:
        self._across, self._down = across, down

    def __call__(self, x: float, y: float) -> tuple[float, float]:
        """The place of a point."""
        right = (x - self._across[0]) / (self._across[1] - self._across[0])
        up = (y - self._down[0]) / (self._down[1] - self._down[0])
        return _LEFT + right * (_WIDTH - _LEFT - 10), _TOP + (1 - up) * (_HEIGHT - _BOTTOM - _TOP)

    def text(self, x: float, y: float) -> str:
        """The same as SVG writes it."""
        right, down = self(x, y)
        return f"{right:.1f},{down:.1f}"


def _ends(values: Sequence[float]) -> tuple[float, float]:
    known = [value for value in values if math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if low == high:
        low, high = low - (abs(low) or 1.0) * 0.1, high + (abs(high) or 1.0) * 0.1
    room = 0.05 * (high - low)
    return (low - room if low > 0 or low < 0 else 0.0), high + room


def _chart(about: str, content: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(about)}">{content}</svg>'
