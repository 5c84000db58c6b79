"""Every item alike."""

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

_SMALL = 2**16  # items; up to here a whole permutation costs a quarter of a millisecond or less


@SAMPLERS.own("uniform")
@checked
class Uniform:
    """``n_negatives`` items of the whole catalogue, each as likely as any other.

    Shared by the batch they are drawn without replacement; for each positive by itself, with replacement. Either way
    the expected number of times that an item is in the draw is ``n_negatives / n_items``, and ``log_q`` its log.

    Args:
        known: the positives, rows = users.
        n_negatives: how many; at most the size of the catalogue.
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
    """``n`` different places of ``n_items``, every set of them alike: int64 ``[n]`` on the generator's device.

    From a large catalogue, time and memory grow with ``n`` alone.
    """
    if n_items <= _SMALL or 8 * n >= n_items:
        return torch.randperm(n_items, generator=generator, device=generator.device)[:n]
    return _few(n, n_items, generator)


def _few(n: int, n_items: int, generator: torch.Generator) -> Tensor:
    """The first ``n`` different ones of a row of independent draws: a simple random sample, in random order."""
    kept = torch.empty(0, dtype=torch.int64, device=generator.device)
    while len(kept) < n:
        more = torch.randint(n_items, (n + n // 8,), generator=generator, device=generator.device)
        kept = _first_of_each(torch.cat([kept, more]))
    return kept[:n]


def _first_of_each(values: Tensor) -> Tensor:
    """The values in the order in which they first come up, each once."""
    ordered, places = torch.sort(values, stable=True)
    first = torch.ones_like(ordered, dtype=torch.bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return values[places[first].sort().values]
