"""All that evaluation and recommendation ask of a model."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

__all__ = ["Scorer"]


@runtime_checkable
class Scorer(Protocol):
    """Scores every item for some users. All that evaluation and recommendation ask of a model."""

    @property
    def n_users(self) -> int: ...

    @property
    def n_items(self) -> int: ...

    def score(self, users: Tensor) -> Tensor:
        """Scores of all items for ``users``: int64 ``[B]`` → float ``[B, n_items]``, higher is better."""
        ...

    def score_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Scores of single pairs: int64 ``[B]``, int64 ``[B]`` → float ``[B]``, without forming ``[B, n_items]``."""
        ...
