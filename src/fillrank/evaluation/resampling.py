"""Uncertainty of metrics, by resampling the users.

Every metric with per-user values is a ratio of two sums over users, ``f(Σ_u a_u / Σ_u b_u)``. For recall, ``a`` is the
user's value and ``b`` is 1. For RMSE, ``a`` is the sum of the user's squared errors, ``b`` the number of the user's
rated rows, and f the square root. A user without a value has ``a = b = 0``. So a new draw of users, or an exchange of
two models for some users, only changes the weights in these sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fillrank.arguments import affordable, count
from fillrank.errors import SettingsError
from fillrank.runtime.rng import numpy_stream

__all__ = ["Ratios", "bootstrap", "has_parts", "permutation_p_values", "ratios"]

_ERROR_SUMS = {"rmse": "squared_error", "mae": "absolute_error"}  # each is divided by n_rated

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ratios:
    """Metrics as ratios of sums over users.

    Attributes:
        names: of the metrics.
        parts: float64 ``[2, n_metrics, n_users]``: all the a's, then all the b's.
    """

    names: tuple[str, ...]
    parts: Floats

    def of(self, sums: Floats) -> Floats:
        """The metrics ``[n_metrics]`` from weighted sums ``[2, n_metrics]``; NaN for a sum over no users."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = sums[0] / sums[1]
            values = np.where([name == "rmse" for name in self.names], np.sqrt(np.maximum(mean, 0)), mean)
        return np.asarray(values, dtype=np.float64)


def has_parts(metric: str, per_user: Mapping[str, Floats]) -> bool:
    """Whether a metric can be resampled from these per-user values."""
    return _ERROR_SUMS.get(metric, metric) in per_user


def ratios(per_user: Mapping[str, Floats], names: Sequence[str]) -> Ratios:
    """The metrics ``names`` as ratios, from a report's per-user values.

    >>> recall = ratios({"recall@1": np.array([1.0, np.nan, 0.0])}, ["recall@1"])
    >>> recall.of(recall.parts.sum(-1))
    array([0.5])
    """
    pairs = [
        (per_user[_ERROR_SUMS[name]], per_user["n_rated"])
        if name in _ERROR_SUMS
        else (np.nan_to_num(per_user[name]), np.isfinite(per_user[name]).astype(np.float64))
        for name in names
    ]
    return Ratios(tuple(names), np.stack([np.stack(side) for side in zip(*pairs, strict=True)]))


def bootstrap(models: Sequence[Ratios], *, level: float, n: int, seed: int) -> tuple[Floats, Floats]:
    """Percentile intervals from ``n`` draws of users with replacement.

    Args:
        models: the metrics of one model; or of two models on the same users. For two, the intervals are of the first
            minus the second, with the same draws for both (a paired bootstrap).
        level: the share of draws inside the interval, such as .95.
        n: the number of draws.
        seed: the same seed gives the same intervals.

    Returns:
        The lower and upper ends, ``[n_metrics]`` each.

    Raises:
        SettingsError: ``level`` is not between 0 and 1, or ``n`` is below 1.
    """
    if not 0 < level < 1 or n < 1:
        raise SettingsError(f"level must lie between 0 and 1 and n be 1 or more, got level={level} and n={n}")
    count("n", n)
    affordable(8.0 * n * len(models[0].names), f"n={n:,} resamples of {len(models[0].names):,} users")
    rng = numpy_stream(seed, "bootstrap")
    n_users = models[0].parts.shape[-1]
    draws = np.empty((n, len(models[0].names)))
    for draw in draws:
        weights = np.bincount(rng.integers(n_users, size=n_users), minlength=n_users).astype(np.float64)
        first, *second = (model.of(model.parts @ weights) for model in models)
        draw[:] = first - second[0] if second else first
    low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def permutation_p_values(first: Ratios, second: Ratios, *, n: int, seed: int) -> Floats:
    """Two-sided p-values ``[n_metrics]`` of a paired permutation test.

    If two models are equally good, exchanging their results for some users changes the difference only by chance. So,
    ``n`` times, a fair coin for each user decides whether the results are exchanged. The p-value is
    ``(1 + m) / (n + 1)``, where m of these draws gave a difference at least as large as the observed one.
    """
    count("n", n)
    rng = numpy_stream(seed, "permutation")
    gap = first.parts - second.parts
    sums = (first.parts.sum(-1), second.parts.sum(-1))
    found = np.abs(first.of(sums[0]) - second.of(sums[1]))
    as_large = np.zeros(len(first.names))
    for _ in range(n):
        coins = rng.integers(2, size=gap.shape[-1], dtype=np.uint8).astype(np.float64)
        moved = gap @ coins
        exchanged = np.abs(first.of(sums[0] - moved) - second.of(sums[1] + moved))
        as_large += exchanged >= found - 1e-12  # a tolerance, because sums in another order differ in the last bits
    return (1 + as_large) / (n + 1)
