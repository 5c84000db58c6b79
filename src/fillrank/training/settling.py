"""Warn if a training ran out of rounds while the model was still improving."""

from __future__ import annotations

import logging

from fillrank.training.callbacks.events import Stage

__all__ = ["LEARNING", "VALIDATION", "warn_if_unsettled"]

logger = logging.getLogger("fillrank")

VALIDATION, LEARNING = 1e-3, 5e-3
"""A metric is still improving if its relative change in the last round is larger than this: on validation, on train."""


def warn_if_unsettled(
    kind: str, setting: str, limit: int, *, before: float, last: float, of: str, stage: Stage = "fit"
) -> None:
    """Warn that a model stopped because no rounds were left, while it was still improving.

    A second fit stops at the chosen number of rounds; that gives no warning.

    Args:
        kind: the name of the model.
        setting: the setting that limits the rounds, such as ``"epochs"``.
        limit: its value; all these rounds were used.
        before: the best metric before the last round.
        last: the metric of the last round.
        of: the name of the metric; ``"validation"`` for one on the validation part, else the objective.
        stage: the stage of the fit.
    """
    share = VALIDATION if of == "validation" else LEARNING
    if stage == "refit" or not abs(last - before) > share * abs(before):
        return
    figure = "its figure on the validation part" if of == "validation" else of
    logger.warning(
        "%s stopped before it had converged: in the last of its %d %s %s still went from %.4g to %.4g; raise %s",
        kind,
        limit,
        setting,
        figure,
        before,
        last,
        setting,
    )
