"""What a sampler hands to a loss, and what it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from fillrank.arguments import checked
from fillrank.errors import DataError, SettingsError

__all__ = ["Negatives", "Sampler", "Score", "check_count", "is_whole"]

Score: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""``(users [B], items [N] or [B, N]) → scores [B, N]``: what the model thinks now. The training step hands it in, so a
sampler may look at scores without knowing any model."""


@checked
@dataclass(frozen=True)
class Negatives:
    """What a batch of B pairs is contrasted with: N items that all rows share, or N for each row.

    Attributes:
        items: int64 ``[N]``, shared by the batch, each item once; or int64 ``[B, N]``, one row for each positive, where
            an item may come up again.
        log_q: float32, log of the expected number of times that the item is in this draw: ``[N]``, or ``[B, N]`` where
            the items are. For items that come up at most once, that number is the probability to be in the draw.
        mask: bool ``[B, N]``, True where the item does not count as a negative of the row; None where all count.

    Raises:
        DataError: the shapes do not fit together.

    Example:
        >>> drawn = Negatives(torch.tensor([4, 7]), torch.zeros(2), torch.tensor([[False, True]]))
        >>> drawn.shared
        True
    """

    items: Tensor
    log_q: Tensor
    mask: Tensor | None

    def __post_init__(self) -> None:
        items, log_q = self.items.shape, self.log_q.shape
        mask = None if self.mask is None else self.mask.shape
        fit = len(items) in {1, 2} and log_q in {items, items[-1:]}
        if not fit or not (mask is None or (len(mask) == 2 and mask[-len(items) :] == items)):
            raise DataError(
                "negatives must be items [N] or [B, N], log_q [N] or as the items, and mask [B, N] or None; got "
                f"{list(items)}, {list(log_q)} and {None if mask is None else list(mask)}"
            )

    @property
    def shared(self) -> bool:
        """Whether all rows of the batch share the same items."""
        return self.items.dim() == 1

    def rows(self, rows: slice | Tensor) -> Negatives:
        """What is drawn for some rows of the batch."""
        items, log_q = (part if part.dim() == 1 else part[rows] for part in (self.items, self.log_q))
        return Negatives(items, log_q, None if self.mask is None else self.mask[rows])


class Sampler(Protocol):
    """Draws what a batch is contrasted with.

    Whoever asks a sampler also looks at these, where it has them:

    * ``shared``: False where each row of the batch gets negatives of its own (``items [B, N]``); True if it has none.
    * ``exclude``: ``"known"`` where every known positive of a user is masked; ``"none"`` if it has none. Recipes leave
      users who have met every item out of the batches of such a sampler.
    * Each parameter of its constructor, under its own name: then a recipe can make the sampler anew for another log,
      and a saved model can name it with its settings.
    """

    def sample(
        self, users: Tensor, positives: Tensor, generator: torch.Generator, score: Score | None = None
    ) -> Negatives:
        """Negatives for a batch of (user, positive) pairs.

        Args:
            users: int64 ``[B]``.
            positives: int64 ``[B]``, the item that each user met.
            generator: all randomness comes from it.
            score: what the model thinks now; only :class:`~fillrank.samplers.Hard` asks for it.
        """
        ...


def is_whole(number: object) -> bool:
    """Whether this is a whole number, as a setting should be; ``True`` is none, though Python counts with it."""
    return isinstance(number, int) and not isinstance(number, bool)


def check_count(n_negatives: int, n_items: int) -> int:
    """The number itself, if so many items can be drawn.

    Raises:
        SettingsError: it is no whole number from 1 to ``n_items``.
    """
    if not is_whole(n_negatives) or not 1 <= n_negatives <= n_items:
        raise SettingsError(f"n_negatives must be from 1 to the {n_items} items there are, got {n_negatives!r}")
    return n_negatives
