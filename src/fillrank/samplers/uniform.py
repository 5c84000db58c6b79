"""``Uniform``: draw all items with the same probability."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fillrank.arguments import checked
from fillrank.samplers.base import Negatives, Score, check_count
from fillrank.samplers.known import KnownPositives
from fillrank.samplers.policy import Exclude, NegativePolicy
from fillrank.samplers.registry import SAMPLERS

__all__ = ["Uniform", "distinct"]

_SMALL = 2**16  # items; up to here a permutation of all items costs a quarter of a millisecond or less


@SAMPLERS.own("uniform")
@checked
class Uniform:
    """Draw ``n_negatives`` items of the whole catalogue with equal probability.

    A draw that the batch shares is without replacement; draws for each positive are with replacement. In both cases the
    expected number of times of an item is ``n_negatives / n_items``, and ``log_q`` is its log.

    Args:
        known: the positives, rows = users.
        n_negatives: number of items; at most the size of the catalogue.
        shared: one draw for the batch, or one for each positive.
        exclude: ``"known"``, ``"own"`` or ``"none"``, see :class:`~fillrank.samplers.NegativePolicy`.
        logq_correction: give that ``log_q``; if False it is zero.

    Raises:
        SettingsError: ``n_negatives`` is below 1 or above the number of items, or ``exclude`` is something else.

    Example:
        >>> known = KnownPositives(torch.tensor([0, 1]), torch.tensor([0]), n_columns=4)
        >>> batch = torch.tensor([0]), torch.tensor([0]), torch.Generator().manual_seed(0)
        >>> Uniform(known, 2).sample(*batch).log_q.exp()
        tensor([0.5000, 0.5000])
        >>> Uniform(known, 3, shared=False).sample(*batch).items.shape
        torch.Size([1, 3])
    """

    def __init__(
        self,
        known: KnownPositives,
        n_negatives: int,
        *,
        shared: bool = True,
        exclude: Exclude = "known",
        logq_correction: bool = True,
    ) -> None:
        self.n_negatives, self.shared = check_count(n_negatives, known.n_columns), shared
        self._policy, self._n_items = NegativePolicy(known, exclude, logq_correction), known.n_columns
        self.exclude, self.logq_correction = exclude, logq_correction
        self._log_q = math.log(n_negatives / known.n_columns)

    @checked
    def sample(
        self,
        users: Tensor,
        positives: Tensor,
        generator: torch.Generator,
        score: Score | None = None,  # noqa: ARG002
    ) -> Negatives:
        """See :class:`fillrank.samplers.Sampler`."""
        if self.shared:
            drawn = distinct(self.n_negatives, self._n_items, generator)
        else:
            shape = (len(users), self.n_negatives)
            drawn = torch.randint(self._n_items, shape, generator=generator, device=generator.device)
        log_q = torch.full((self.n_negatives,), self._log_q, device=users.device)
        return self._policy.negatives(users, positives, drawn.to(users.device), log_q)


def distinct(n: int, n_items: int, generator: torch.Generator) -> Tensor:
    """``n`` different indices below ``n_items``; all sets are equally likely. int64 ``[n]`` on the generator's device.

    For a large catalogue, time and memory depend on ``n`` only.
    """
    if n_items <= _SMALL or 8 * n >= n_items:
        return torch.randperm(n_items, generator=generator, device=generator.device)[:n]
    return _few(n, n_items, generator)


def _few(n: int, n_items: int, generator: torch.Generator) -> Tensor:
    """The first ``n`` different values of independent draws: a simple random sample, in random order."""
    kept = torch.empty(0, dtype=torch.int64, device=generator.device)
    while len(kept) < n:
        more = torch.randint(n_items, (n + n // 8,), generator=generator, device=generator.device)
        kept = _first_of_each(torch.cat([kept, more]))
    return kept[:n]


def _first_of_each(values: Tensor) -> Tensor:
    """The different values in the order of their first occurrence."""
    ordered, places = torch.sort(values, stable=True)
    first = torch.ones_like(ordered, dtype=torch.bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return values[places[first].sort().values]
