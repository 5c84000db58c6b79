"""``Hard``: keep the hardest negatives of a larger draw."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor

from fillrank.arguments import checked, shown
from fillrank.errors import DataError, SettingsError
from fillrank.samplers.base import Negatives, Sampler, Score, is_whole
from fillrank.samplers.known import KnownPositives
from fillrank.samplers.policy import Exclude
from fillrank.samplers.popularity import Popularity
from fillrank.samplers.registry import SAMPLERS, as_sampler
from fillrank.samplers.uniform import Uniform

__all__ = ["Hard"]


@SAMPLERS.own("hard")
@checked
class Hard:
    """For each positive, keep the items of a larger draw with the highest current scores, hardest first.

    This is dynamic negative sampling (Zhang et al. 2013) over the draws of another sampler, the base. Items that the
    base masks are taken last. Of the ``n_negatives``, ``n_easy`` can be drawn at random, with replacement, from the
    items that are not among the hardest:

    * ``n_easy = 0`` is hard sampling as published. ``log_q`` is that of the base. The corrected sum is over the hardest
      items only, so it is smaller than the sum over the catalogue.
    * ``n_easy ≥ 1`` makes the corrected sum an unbiased estimate of the sum over the *whole* catalogue. The easy items
      represent the rest of the draw; their ``log_q`` is that of the base plus ``log(n_easy / (M - n_hard))``, with M
      the size of the draw and ``n_hard = n_negatives - n_easy`` (two-phase sampling; the base is the first phase).

    If a draw has fewer than ``n_negatives`` items (a small batch), all of them are returned, hardest first.

    Args:
        base: draws the candidates, shared or for each positive.
        n_negatives: number of negatives to keep.
        n_easy: how many of these are random.
        logq_correction: return ``log_q``; if False it is zero for all.

    Raises:
        SettingsError: a number does not fit the others, or the base draws fewer than ``n_negatives`` items.

    Example:
        >>> from fillrank.samplers import KnownPositives
        >>> known = KnownPositives(torch.tensor([0, 1]), torch.tensor([3]), n_columns=4)
        >>> sampler = Hard(Uniform(known, 4), n_negatives=2)
        >>> taste = torch.tensor([[0.1, 0.7, 0.3, 0.9]])
        >>> batch = torch.tensor([0]), torch.tensor([3]), torch.Generator()
        >>> sampler.sample(*batch, score=lambda users, items: taste[users][:, items]).items
        tensor([[1, 2]])
    """

    shared = False
    takes_usual_count = False  # the usual number of negatives of a recipe is not meant for this sampler

    def __init__(self, base: Sampler, n_negatives: int, *, n_easy: int = 0, logq_correction: bool = True) -> None:
        if not is_whole(n_negatives) or n_negatives < 1:
            raise SettingsError(f"n_negatives must be a whole number of 1 or more, got {n_negatives!r}")
        if not is_whole(n_easy) or not 0 <= n_easy < n_negatives:
            raise SettingsError(f"n_easy must be from 0 to n_negatives - 1 = {n_negatives - 1}, got {n_easy!r}")
        if isinstance(base, Uniform | Popularity) and base.n_negatives < n_negatives:
            raise SettingsError(
                f"the base draws {base.n_negatives} candidates, and the n_negatives={n_negatives} hardest are to be "
                "kept of them; raise the base's n_negatives, ten times as many is usual"
            )
        self.base, self.n_negatives, self.n_easy, self.logq_correction = base, n_negatives, n_easy, logq_correction
        self.exclude: Exclude = getattr(base, "exclude", "none")

    @classmethod
    def from_settings(cls, known: KnownPositives, *, base: Any, **settings: Any) -> Self:
        """As :func:`fillrank.samplers.as_sampler` makes it: the base may be a table or the name of a sampler.

        Raises:
            SettingsError: the base is no sampler.
        """
        given = {"name": base} if isinstance(base, str) else base
        if isinstance(given, Mapping):
            if "name" not in given:
                raise SettingsError(
                    f"base must say the name of a sampler; it has {', '.join(map(str, given)) or 'no settings'}"
                )
            return cls(as_sampler(given, known), **settings)
        if not hasattr(given, "sample"):
            raise SettingsError(f"base must be a sampler or a table with its name and settings, got {given!r}")
        return cls(given, **settings)

    @checked
    def sample(
        self, users: Tensor, positives: Tensor, generator: torch.Generator, score: Score | None = None
    ) -> Negatives:
        """See :class:`fillrank.samplers.Sampler`; the items are always ``[B, N]``.

        Raises:
            SettingsError: there is no ``score``.
            DataError: the scores are not ``[B, M]``.
        """
        if score is None:
            raise SettingsError("the sampler 'hard' goes by the model's scores; hand in score=, as the training does")
        pool = self.base.sample(users, positives, generator, score)
        hardest = self._hardest(pool, users, score)
        easy, log_share = self._easy(hardest, pool.items.shape[-1], generator)
        places = torch.cat([hardest, easy], dim=1)
        log_q = _at(pool.log_q, places)
        log_q[:, hardest.shape[1] :] += log_share
        return Negatives(
            items=_at(pool.items, places),
            log_q=log_q if self.logq_correction else torch.zeros_like(log_q),
            mask=None if pool.mask is None else pool.mask.gather(1, places),
        )

    def _hardest(self, pool: Negatives, users: Tensor, score: Score) -> Tensor:
        """Positions in the pool of the highest scores of each row, int64 ``[B, n_hard]``."""
        size = pool.items.shape[-1]
        with torch.no_grad():
            scores = score(users, pool.items)
        if not isinstance(scores, Tensor) or scores.shape != (len(users), size):
            raise DataError(f"score must give a Tensor [B, N] = [{len(users)}, {size}], got {shown(scores)}")
        if pool.mask is not None:
            scores = scores.masked_fill(pool.mask, -torch.inf)
        return scores.topk(min(self.n_negatives - self.n_easy, size), dim=1).indices

    def _easy(self, taken: Tensor, size: int, generator: torch.Generator) -> tuple[Tensor, float]:
        """Random free positions, int64 ``[B, n_easy]``, and the log of the expected number of times of each."""
        left = size - taken.shape[1]
        if not self.n_easy or not left:
            return taken[:, :0], 0.0
        shape = (len(taken), self.n_easy)
        rank = torch.randint(left, shape, generator=generator, device=generator.device).to(taken.device)
        return skip(taken, rank), math.log(self.n_easy / left)


def skip(taken: Tensor, rank: Tensor) -> Tensor:
    """The ``rank``-th of the positions 0, 1, 2 … that are not in ``taken``.

    Args:
        taken: int64 ``[B, m]``, different in each row.
        rank: int64 ``[B, n]``, from 0.

    Returns:
        int64 ``[B, n]``.

    Example:
        >>> skip(torch.tensor([[3, 0]]), torch.tensor([[0, 1, 2]]))
        tensor([[1, 2, 4]])
    """
    ordered = taken.sort(dim=1).values
    free_before = ordered - torch.arange(taken.shape[1], device=taken.device)
    return rank + torch.searchsorted(free_before, rank, right=True)


def _at(values: Tensor, places: Tensor) -> Tensor:
    """``values`` (``[N]`` for all rows, or ``[B, N]``) at ``places`` ``[B, n]``: a new ``[B, n]``."""
    return values[places] if values.dim() == 1 else values.gather(1, places)
