"""Errors of predicted values on held-out rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fillrank.data.held_out_users import HeldOutUsers
from fillrank.data.ids import shown_id
from fillrank.data.interactions import Interactions
from fillrank.errors import DataError, ScoreError
from fillrank.evaluation.model import introduced
from fillrank.factors import Scorer
from fillrank.factors.temporal import TimeAwareFactors

__all__ = ["error_sums", "prediction_errors"]

_PAIR_BYTES = 4096  # memory of a scorer for one pair: two vectors of 256 numbers, their product, and a reserve


def prediction_errors(
    predictor: Scorer, test: Interactions, *, value_range: tuple[float, float] | None, memory: int
) -> NDArray[np.float32]:
    """Prediction minus value for every row of ``test``, computed in blocks.

    Args:
        predictor: predicts values of pairs. A time-aware one predicts each row at its time, if the log has times.
        test: a log with values; held-out users are introduced to the predictor by their known rows.
        value_range: predictions are clipped to ``(lowest, highest)``; None: they are not.
        memory: bytes for a block.

    Returns:
        float32 ``[len(test)]``.

    Raises:
        DataError: the log has no values.
        ScoreError: a prediction is NaN or infinite.
    """
    if test.values is None:
        raise DataError("prediction errors need values, and this log has none")
    if isinstance(test, HeldOutUsers):
        known, test = test.alone()
        predictor = introduced(predictor, known)
    assert test.values is not None  # noqa: S101 -- for mypy
    predicted = np.empty(len(test), dtype=np.float32)
    predict: Callable[..., Tensor] = predictor.score_pairs
    columns: list[NDArray[Any]] = [test.users, test.items]
    if isinstance(predictor, TimeAwareFactors) and test.times is not None:
        predict, columns = predictor.score_pairs_at, [*columns, test.times]
    device, step = getattr(predictor, "device", "cpu"), max(1, memory // _PAIR_BYTES)
    for start in range(0, len(test), step):
        rows = slice(start, start + step)
        block = (torch.from_numpy(column[rows].astype(np.int64)).to(device) for column in columns)
        with torch.no_grad():
            predicted[rows] = predict(*block).float().cpu().numpy()
    bad = np.flatnonzero(~np.isfinite(predicted))
    if len(bad):
        user, item = test.user_ids.ids[int(test.users[bad[0]])], test.item_ids.ids[int(test.items[bad[0]])]
        named = f"user {shown_id(user)} and item {shown_id(item)}"
        raise ScoreError(
            f"{len(bad)} of {len(test)} predictions are NaN or infinite, the first in row {bad[0]}, of {named}; "
            "look for a division by zero or a diverged model",
            user,
            item,
        )
    return (predicted if value_range is None else predicted.clip(*value_range)) - test.values


def error_sums(errors: NDArray[np.float32], rows: NDArray[np.int64], n_users: int) -> dict[str, NDArray[np.float64]]:
    """Sums of squared and of absolute errors, and numbers of errors, by user; ``rows`` is the user of each error.

    >>> sums = error_sums(np.array([3.0, -4.0, 1.0], np.float32), np.array([0, 0, 1]), 2)
    >>> sums["squared_error"], sums["n_rated"]
    (array([25.,  1.]), array([2., 1.]))
    """
    sizes = np.abs(errors).astype(np.float64)
    parts = {"squared_error": sizes**2, "absolute_error": sizes, "n_rated": np.ones(len(errors))}
    return {name: np.bincount(rows, weights=part, minlength=n_users).astype(np.float64) for name, part in parts.items()}
