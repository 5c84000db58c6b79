"""``Scorer``: the interface that evaluation and recommendation need."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from fillrank.data.interactions import Interactions
from fillrank.factors.growth import Growth

__all__ = ["FittedScorer", "Scorer"]


@runtime_checkable
class Scorer(Protocol):
    """An object that scores items for users. Evaluation and recommendation need nothing else of a model."""

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


@runtime_checkable
class FittedScorer(Scorer, Protocol):
    """What a recipe ends in: a :class:`Scorer` that can take in new users and be saved."""

    @property
    def largest_score(self) -> float:
        """A bound of the size of every score; infinite where there is none."""
        ...

    @property
    def foldings(self) -> tuple[Any, ...]:
        """Whatever looks at the histories of new users, for :func:`fillrank.factors.fold_in.looks_at_values`."""
        ...

    def fold_in(self, interactions: Interactions) -> Any:
        """The same items with the users of ``interactions``; a DataError where there is no way."""
        ...

    def grown(self, growth: Growth) -> Any:
        """The same with what came after its log; see :mod:`fillrank.factors.growth`."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor, by name."""
        ...

    def settings(self) -> dict[str, Any]:
        """The parts that are not tensors, as plain data, with the scorer's ``kind``."""
        ...
