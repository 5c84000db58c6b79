"""What ``regularization="auto"`` is chosen from: the penalty on the vectors of a contrastive training."""

from __future__ import annotations

from typing import Literal, TypeAlias

from fillrank.losses import Ladder
from fillrank.models.base import NotNegative

__all__ = ["PENALTIES", "Penalty", "penalty_of"]

Penalty: TypeAlias = NotNegative | Literal["auto"]
"""λ of ``λ/2 · |x|²``, or chosen on the validation part."""
PENALTIES = Ladder.along(
    "regularization",
    (0.0, 1e-5, 3e-5, 1e-4, 3e-4),
    first=(3e-5, 1e-5, 1e-4),
    usual=3e-5,
    stride=1,
    hasty=True,
)
"""Small numbers: the loss is a mean over a batch, and each row that a batch touches pays the whole of the penalty.
Products of vectors have no other limit to their size, where cosines have the temperature."""


def penalty_of(asked: Penalty) -> float:
    """That which is asked for, or the usual one where nothing is chosen."""
    usual: float = PENALTIES.rungs[PENALTIES.usual]["regularization"]
    return usual if asked == "auto" else asked
