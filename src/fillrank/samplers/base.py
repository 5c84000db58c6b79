"""The interface of samplers, and ``Negatives``, their result."""

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
"""``(users [B], items [N] or [B, N]) → scores [B, N]``: the current scores of the model. The training step passes this
function, so a sampler can use scores without knowing the model."""


@checked
@dataclass(frozen=True)
class Negatives:
    """The negatives of a batch of B pairs: N items that all rows share, or N items for each row.

    Attributes:
        items: int64 ``[N]``, shared by the batch, each item once; or int64 ``[B, N]``, one row for each positive, in
            which items can repeat.
        log_q: float32 with the shape of ``items``: the log of the expected number of times that the item is in this
            draw. For items that can be drawn only once, this number is the probability to be in the draw.
        mask: bool ``[B, N]``, True if the item does not count as a negative of the row; None: all items count.

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
        """The negatives of some rows of the batch."""
        items, log_q = (part if part.dim() == 1 else part[rows] for part in (self.items, self.log_q))
        return Negatives(items, log_q, None if self.mask is None else self.mask[rows])


class Sampler(Protocol):
    """Draws the negatives of a batch.

    A sampler can have these optional attributes:

    * ``shared``: False if each row of the batch gets its own negatives (``items [B, N]``). Default: True.
    * ``exclude``: ``"known"`` if every known positive of a user is masked. Default: ``"none"``. For such a sampler,
      recipes leave users who have met every item out of the batches.
    * Each parameter of its constructor, under its own name. Then a recipe can make the sampler again for another log,
      and a saved model can store its name and settings.
    """

    def sample(
        self, users: Tensor, positives: Tensor, generator: torch.Generator, score: Score | None = None
    ) -> Negatives:
        """Draw negatives for a batch of (user, positive) pairs.

        Args:
            users: int64 ``[B]``.
            positives: int64 ``[B]``, the positive item of each row.
            generator: the source of all randomness.
            score: the current scores of the model; only :class:`~fillrank.samplers.Hard` uses them.
        """
        ...


def is_whole(number: object) -> bool:
    """Whether this is a whole number. ``True`` is not one, although Python's bool is an int."""
    return isinstance(number, int) and not isinstance(number, bool)


def check_count(n_negatives: int, n_items: int) -> int:
    """Return ``n_negatives`` if so many items can be drawn.

    Raises:
        SettingsError: it is not a whole number from 1 to ``n_items``.
    """
    if not is_whole(n_negatives) or not 1 <= n_negatives <= n_items:
        raise SettingsError(f"n_negatives must be from 1 to the {n_items} items there are, got {n_negatives!r}")
    return n_negatives
