"""``AliasTable``: draw from any discrete distribution with two look-ups per draw."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["AliasTable"]


class AliasTable:
    """Walker's alias method, with the table built in linear time (Vose 1991).

    The unit interval is cut into n slots of equal width. Slot k belongs to index k up to ``share[k]`` of its width, and
    to index ``other[k]`` beyond. One uniform number u gives both: the integer part of ``n·u`` is the slot, and its
    fraction decides between the two indices.

    Args:
        probability: float64 ``[n]``, 0 or more, summing to 1 up to rounding.

    Attributes:
        share: float64 ``[n]``, from 0 to 1.
        other: int64 ``[n]``.

    Example:
        >>> table = AliasTable(torch.tensor([0.5, 0.25, 0.25]))
        >>> table.share
        tensor([1.0000, 0.7500, 0.7500], dtype=torch.float64)
        >>> table.other[1:]
        tensor([0, 0])
    """

    def __init__(self, probability: Tensor) -> None:
        share = (probability.double() * len(probability)).tolist()
        other = list(range(len(share)))
        small = [k for k, width in enumerate(share) if width < 1]
        large = [k for k, width in enumerate(share) if width >= 1]
        while small and large:
            k, donor = small.pop(), large[-1]
            other[k] = donor
            share[donor] -= 1 - share[k]
            if share[donor] < 1:
                small.append(large.pop())
        for k in (*small, *large):  # only rounding errors are left, so these slots are full
            share[k] = 1.0
        self.share = torch.tensor(share, dtype=torch.float64, device=probability.device)
        self.other = torch.tensor(other, dtype=torch.int64, device=probability.device)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Independent draws, int64 of ``shape``, on the device of the table."""
        spread = torch.rand(shape, generator=generator, dtype=torch.float64, device=generator.device)
        spread = spread.to(self.share.device).mul_(len(self.share))
        slot = spread.long().clamp_(max=len(self.share) - 1)
        return torch.where(spread.sub_(slot) < self.share[slot], slot, self.other[slot])

    def probability(self) -> Tensor:
        """The probabilities that the table draws with: float64 ``[n]``, the given ones up to rounding."""
        mass = self.share.scatter_add(0, self.other, 1 - self.share)
        return mass / len(self.share)
