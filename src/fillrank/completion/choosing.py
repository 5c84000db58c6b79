"""The regularization of a completion, chosen on cells that are kept back for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from fillrank.completion.fitting import fit_table
from fillrank.completion.settings import Settings
from fillrank.completion.table import Table
from fillrank.errors import TrainingError
from fillrank.runtime.rng import numpy_stream
from fillrank.solvers.dense.cells import Array

__all__ = ["with_regularization"]

_FEW = 5_000  # known cells up to which each is kept back once, in five turns
_FOLDS = 5
_MOST_KEPT_BACK = 20_000  # of more cells a tenth, and no more than this
_ROUNDS = 50  # of a trial, at most
_STEP = float(np.sqrt(10.0))  # between strengths
_LEAST = 1e-7  # strength that is tried
_NOTHING_LEFT = 1e-14  # share of the mean square of the values
_DOUBT = 3.0  # see _Search


def with_regularization(
    table: Table, weights: Array, settings: Settings, seed: int, bounds: tuple[float, float]
) -> Settings:
    """The settings with a number in place of ``"auto"``: the regularization with the least error on cells kept back.

    From the solver's usual strength the search goes up or down by factors of √10 for as long as the error falls, and
    ends at the lowest point of a parabola through the last three. That takes three to eight fits as a rule, each of at
    most 50 rounds. Of 5,000 known cells or fewer each is kept back once, in five turns; of more a tenth is kept back,
    20,000 at most.

    Args:
        table, weights, seed: as for :func:`~fillrank.completion.fitting.fit_table`.
        settings: come back as they are unless their regularization is ``"auto"`` and the solver takes one.
        bounds: that predictions are clipped to.

    Raises:
        TrainingError: the learning rate is too high.
    """
    if settings.regularization != "auto" or not settings.route.grid:
        return settings
    known = table.observed & (weights > 0)[:, None]
    parts = [part for part in _parts(table.values, known, seed) if part.any() and (known & ~part).any()]
    if not parts:
        return replace(settings, regularization=settings.strength)
    weight = weights / weights[weights > 0].min()  # the lightest row counts as one
    trial = replace(settings, max_iter=min(settings.max_iter, _ROUNDS))

    def error(strength: float) -> float:
        total = 0.0
        for part in parts:
            rest = Table(table.values, table.observed & ~part)
            fitted = fit_table(rest, weights, replace(trial, regularization=strength), seed)
            missed = np.clip(fitted.predict(rest), *bounds) - table.values
            total += float(weight @ np.square(missed, where=part, out=np.zeros_like(missed)).sum(axis=1))
        return total

    n_kept_back = sum(float(weight @ part.sum(axis=1)) for part in parts)
    enough = _NOTHING_LEFT * sum(float(np.square(table.values[part]).sum()) for part in parts)
    search = _Search(error, settings.strength, settings.strongest, enough, _DOUBT / n_kept_back)
    return replace(settings, regularization=search.best())


def _parts(values: Array, known: Array, seed: int) -> list[Array]:
    """The cells to keep back in each turn, bool ``[m, n]``.

    Chance is drawn from what a row holds, not from where it stands: so a row that is there twice loses the same cells
    both times, is no witness for itself, and counts as one row of weight 2.
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
    """Other words of 64 bits, as if by chance (the finaliser of SplitMix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = words ^ (words >> np.uint64(31))
    return mixed


@dataclass
class _Search:
    """A walk downhill over the logarithm of the strength.

    What it brings down is ``log(error) + doubt · steps²``, with the steps counted from the usual strength: where few
    cells are kept back, chance would otherwise send it far away. With doubt = 3/n, one step out must lower the error by
    a fifth on 14 cells, and by nothing that matters on thousands.

    Attributes:
        error: by strength; it may raise a TrainingError.
        usual: strength to begin at.
        most: largest strength.
        enough: error at which nothing is left to win.
        doubt: see above.
    """

    error: Callable[[float], float]
    usual: float
    most: float
    enough: float
    doubt: float
    _heights: dict[int, float] = field(default_factory=dict)

    def best(self) -> float:
        place = 0
        while self._height(place) > np.log(max(self.enough, 1e-300)):
            lower = min((place - 1, place + 1), key=self._height)
            if not self._height(lower) < self._height(place):
                break
            place = lower
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
        """Of the parabola through a place and its neighbours, counted from the place."""
        left, middle, right = (self._heights.get(step, np.inf) for step in (place - 1, place, place + 1))
        bend = left - 2 * middle + right
        return 0.0 if not 0 < bend < np.inf else 0.5 * (left - right) / bend
