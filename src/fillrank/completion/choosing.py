"""Choose the scale and the regularization of a completion on held-out cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from fillrank.completion.fitting import fit_table
from fillrank.completion.settings import Settings
from fillrank.completion.table import Scale, Table, in_units
from fillrank.completion.telling import NowAndThen
from fillrank.errors import TrainingError
from fillrank.runtime.rng import numpy_stream
from fillrank.solvers.dense.cells import Array

__all__ = ["KeptBack", "errors_kept_back", "with_regularization", "with_scale"]

_FEW = 5_000  # with at most this many known cells, each is held out once, in five turns
_FOLDS = 5
_MOST_KEPT_BACK = 20_000  # with more cells, a tenth is held out, but at most this many
_ROUNDS = 50  # the most iterations of a trial
_STEP = float(np.sqrt(10.0))  # the factor between strengths
_LEAST = 1e-7  # the smallest strength that is tried
_NOTHING_LEFT = 1e-14  # share of the mean square of the values
_DOUBT = 3.0  # see _Search
_FAR = 3  # steps to a strong regularization that is always tried
_PAYS, _CHANCE = (
    0.15,
    10.0,
)  # log of the squared error that a scale for each column must save: the one, and the other / n


class KeptBack:
    """Known cells of a table that are held out in turns, to measure how well they are predicted from the others.

    Args:
        table, weights, seed: as for :func:`~fillrank.completion.fitting.fit_table`.
        bounds: predictions are clipped to them.
    """

    def __init__(self, table: Table, weights: Array, seed: int, bounds: tuple[float, float]) -> None:
        self._table, self._weights, self._seed, self._bounds = table, weights, seed, bounds
        self._errors: dict[Settings, Array] = {}
        self._progress = NowAndThen()

    @cached_property
    def parts(self) -> list[Array]:
        """The held-out cells of each turn, bool ``[m, n]``; no turns if there are too few cells."""
        known = self._table.observed & (self._weights > 0)[:, None]
        found = _parts(self._table.values, known, self._seed)
        return [part for part in found if part.any() and (known & ~part).any()]

    @cached_property
    def spreads(self) -> Array:
        """The standard deviation of each column's known cells, ``[n]``."""
        return np.asarray(Scale.of(self._table, self._weights, centre=True, by_column=True).spread)

    def units(self, settings: Settings) -> float | Array:
        """The unit of errors: the columns' standard deviations if each column has its own scale, else 1."""
        return self.spreads if settings.scale == "columns" else 1.0

    @property
    def count(self) -> float:
        """The number of cells, weighted so that the row of smallest weight counts once."""
        return sum(float(self._shares @ part.sum(axis=1)) for part in self.parts)

    def size(self, units: float | Array) -> float:
        """The sum of the squares of the held-out cells, each in the unit of its column."""
        return self._total(self._squares([np.where(part, self._table.values, 0.0) for part in self.parts]), units)

    def error(self, settings: Settings, units: float | Array) -> float:
        """The sum of the squared errors of a model that is fitted to the other cells, each in the unit of its column.

        Columns without a spread have no unit and do not count. The same settings are never fitted twice.
        """
        if settings not in self._errors:
            self._errors[settings] = self._squares([self._missed(settings, part) for part in self.parts])
            self._progress.say("choosing on held-out cells: %d settings tried", len(self._errors))
        return self._total(self._errors[settings], units)

    def error_of_means(self, units: float | Array) -> float:
        """The same for predictions by the columns' means over the remaining cells, which a model must beat."""
        return self._total(self._squares([self._missed_by_means(part) for part in self.parts]), units)

    def _missed_by_means(self, part: Array) -> Array:
        rest = self._table.observed & ~part
        values = np.where(rest, self._table.values, 0.0).astype(np.float64)
        counts = rest.sum(axis=0)
        means = np.where(counts > 0, values.sum(axis=0) / np.maximum(counts, 1), values.sum() / rest.sum())
        return np.where(part, means - self._table.values, 0.0)

    def _missed(self, settings: Settings, part: Array) -> Array:
        rest = Table(self._table.values, self._table.observed & ~part)
        fitted = fit_table(rest, self._weights, settings, self._seed)
        return np.where(part, np.clip(fitted.predict(rest), *self._bounds) - self._table.values, 0.0)

    @cached_property
    def _shares(self) -> Array:
        shares: Array = self._weights / self._weights[self._weights > 0].min()
        return shares

    def _squares(self, tables: list[Array]) -> Array:
        """Summed over tables and rows, ``[n]``."""
        squares: Array = np.sum([self._shares @ np.square(one) for one in tables], axis=0)
        return squares

    def _total(self, squares: Array, units: float | Array) -> float:
        return float(np.square(in_units(np.sqrt(squares), units)).sum())


def with_scale(settings: Settings, kept_back: KeptBack) -> Settings:
    """Replace the scale ``"auto"`` in the settings by ``"table"`` or ``"columns"``.

    Columns in different units (years beside incomes) need one scale each: with one scale for all, the model learns only
    the largest column, and its errors are added to the others. Columns in the same unit (stars, counts of one kind) are
    better with one scale, because it is information that one varies more than another. So both are fitted once, at the
    usual strength. The scale with the smaller error on held-out cells is taken, where errors are measured in standard
    deviations of their columns. One scale is kept unless the gain is larger than chance.
    """
    if settings.scale != "auto":
        return settings
    if not kept_back.parts or np.ptp(kept_back.spreads) == 0:
        return replace(settings, scale="table")
    # always at the usual strength, so that a given strength leads to the same scale as the same strength when chosen
    route = settings.route
    usual = replace(_shortened(settings), regularization=route.regularization if route.grid else "auto")
    one = kept_back.error(replace(usual, scale="table"), kept_back.spreads)
    each = kept_back.error(replace(usual, scale="columns"), kept_back.spreads)
    gained = np.log(max(one, 1e-300)) - np.log(max(each, 1e-300))
    return replace(settings, scale="columns" if gained > _PAYS + _CHANCE / kept_back.count else "table")


def with_regularization(settings: Settings, kept_back: KeptBack) -> Settings:
    """Replace the regularization ``"auto"`` in the settings by the number with the smallest error on held-out cells.

    From the solver's usual strength the search goes up or down by factors of √10 while the error falls, and ends at the
    minimum of a parabola through the last three points. A strength of 30 times the usual one is tried too: if the table
    is mostly noise, the error may rise before it falls to that of the column means. This usually takes four to nine
    fits, each of at most 50 iterations. With at most 5,000 known cells, each is held out once, in five turns; with
    more, a tenth is held out, at most 20,000. If each column has its own scale, errors are measured in it.

    Settings whose regularization is not ``"auto"``, or whose solver has none, are returned unchanged.

    Raises:
        TrainingError: the learning rate is too high.
    """
    if settings.regularization != "auto" or not settings.route.grid:
        return settings
    if not kept_back.parts:
        return replace(settings, regularization=settings.strength)
    trial, units = _shortened(settings), kept_back.units(settings)

    def error(strength: float) -> float:
        return kept_back.error(replace(trial, regularization=strength), units)

    enough = _NOTHING_LEFT * kept_back.size(units)
    search = _Search(error, settings.strength, settings.strongest, enough, _DOUBT / kept_back.count)
    return replace(settings, regularization=search.best())


def errors_kept_back(settings: Settings, kept_back: KeptBack) -> tuple[float, float] | None:
    """The root mean squared error on held-out cells: of a model (at most 50 iterations), and of column means.

    The errors are in the units of the data, or in standard deviations of the columns if each column has its own scale.
    None if there are too few cells.
    """
    if not kept_back.parts:
        return None
    units, n = kept_back.units(settings), kept_back.count
    model, means = kept_back.error(_shortened(settings), units), kept_back.error_of_means(units)
    return float(np.sqrt(model / n)), float(np.sqrt(means / n))


def _shortened(settings: Settings) -> Settings:
    return replace(settings, max_iter=min(settings.max_iter, _ROUNDS))


def _parts(values: Array, known: Array, seed: int) -> list[Array]:
    """The cells to hold out in each turn, bool ``[m, n]``.

    The random choice depends on the content of a row, not on its position. So if a row is in the table twice, the same
    cells are held out both times, and it gives the same result as one row of weight 2.
    """
    largest = float(np.abs(values[known]).max(initial=0.0)) or 1.0
    rounded = np.where(known, np.round(np.where(known, values, 0.0) / largest * 1e6), -2e6).astype(np.int64)
    columns = numpy_stream(seed, "regularization").integers(2**63, size=values.shape[1], dtype=np.uint64)
    rows = _mixed(rounded.astype(np.uint64) ^ columns).sum(axis=1, dtype=np.uint64)
    chance = _mixed(_mixed(rows)[:, None] ^ columns) / 2.0**64
    n_known = int(known.sum())
    if n_known > _FEW:
        return [known & (chance < min(0.1, _MOST_KEPT_BACK / n_known))]
    return [known & (chance >= turn / _FOLDS) & (chance < (turn + 1) / _FOLDS) for turn in range(_FOLDS)]


def _mixed(words: Array) -> Array:
    """Pseudo-random 64-bit words from the given ones (the finaliser of SplitMix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = words ^ (words >> np.uint64(31))
    return mixed


@dataclass
class _Search:
    """A search for the minimum over the logarithm of the strength.

    It minimises ``log(error) + doubt · steps²``, with the steps counted from the usual strength. Without this penalty,
    chance would lead it far away if few cells are held out. With doubt = 3/n, the first step must lower the error by a
    fifth on 14 cells, and by almost nothing on thousands.

    Attributes:
        error: returns the error of a strength; it may raise a TrainingError.
        usual: the strength to begin with.
        most: the largest strength.
        enough: an error that is small enough to stop.
        doubt: see above.
    """

    error: Callable[[float], float]
    usual: float
    most: float
    enough: float
    doubt: float
    _heights: dict[int, float] = field(default_factory=dict)

    def best(self) -> float:
        place = self._downhill(0)
        if self._height(place) > np.log(max(self.enough, 1e-300)) and self._height(_FAR) < self._height(place):
            place = self._downhill(_FAR)  # beyond a local maximum: so strong that almost only the means are left
        return self._strength(place)

    def _downhill(self, place: int) -> int:
        while self._height(place) > np.log(max(self.enough, 1e-300)):
            lower = min((place - 1, place + 1), key=self._height)
            if not self._height(lower) < self._height(place):
                break
            place = lower
        return place

    def _strength(self, place: int) -> float:
        return float(self.usual * _STEP ** (place + self._lowest_point(place)))

    def _height(self, step: int) -> float:
        if step not in self._heights:
            strength = self.usual * _STEP**step
            error = np.inf
            if _LEAST <= strength <= self.most:
                try:
                    error = self.error(strength)
                except TrainingError:  # too strong for the learning rate; at the usual strength the rate is at fault
                    if step == 0:
                        raise
            self._heights[step] = float(np.log(max(error, 1e-300))) + self.doubt * step**2
        return self._heights[step]

    def _lowest_point(self, place: int) -> float:
        """The minimum of the parabola through a point and its neighbours, relative to the point."""
        left, middle, right = (self._heights.get(step, np.inf) for step in (place - 1, place, place + 1))
        bend = left - 2 * middle + right
        return 0.0 if not 0 < bend < np.inf else 0.5 * (left - right) / bend
