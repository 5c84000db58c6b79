"""How much a row counts that happened long ago."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fillrank.errors import DataError, SettingsError

__all__ = ["faded_weights"]

_DAY = 86_400.0
_LEAST = 1e-30


def faded_weights(
    times: NDArray[np.int64] | None, weights: NDArray[np.float32] | None, *, half_life: float, now: float | None
) -> NDArray[np.float32]:
    """``w · 2^(-age / half_life)`` with the age in days, float32; nothing that counted comes to count nothing.

    Args:
        times: seconds since 1970.
        weights: of the rows; None: 1.
        half_life: in days.
        now: seconds since 1970; a row of a later moment counts in full. None: the last moment of ``times``.

    Raises:
        SettingsError: ``half_life`` is not a number above 0.
        DataError: there are no times.

    Example:
        >>> faded_weights(np.array([0, 86_400]), None, half_life=1, now=86_400).tolist()
        [0.5, 1.0]
    """
    if not (math.isfinite(half_life) and half_life > 0):
        raise SettingsError(f"half_life must be a number of days above 0, got {half_life!r}")
    if times is None:
        raise DataError("half_life asks for times, and this log has none; name their column: time=…")
    now = float(times.max(initial=0)) if now is None else now
    age = np.maximum(now - times.astype(np.float64), 0.0) / _DAY
    before = np.ones(len(times)) if weights is None else weights.astype(np.float64)
    after = before * np.exp2(-age / half_life)
    return np.where(before > 0, np.maximum(after, np.minimum(before, _LEAST)), 0.0).astype(np.float32)
