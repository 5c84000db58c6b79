"""``Popularity``: draw popular items more often."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fillrank.arguments import checked
from fillrank.errors import SettingsError
from fillrank.samplers.alias import AliasTable
from fillrank.samplers.base import Negatives, Score, check_count
from fillrank.samplers.inclusion import log_absent, log_inclusion
from fillrank.samplers.known import KnownPositives
from fillrank.samplers.policy import Exclude, NegativePolicy
from fillrank.samplers.registry import SAMPLERS

__all__ = ["Popularity"]


@SAMPLERS.own("popularity")
@checked
class Popularity:
    """Draw items in proportion to a power of their number of users c: ``p_i = c_i^β / Σ_j c_j^β``.

    ``β = 0.75`` is the unigram^.75 of word2vec (Mikolov et al. 2013), 0 is uniform, 1 is the distribution of in-batch
    negatives; with β below 0, rare items are drawn more often. An item without users counts as if it had one, so that
    every item can be drawn, and the corrected sum is over the whole catalogue.

    ``n_negatives`` independent draws are made. With one draw for each positive, items can repeat, and ``log_q`` is the
    log of the expected count ``n_negatives · p_i``. In a draw that the batch shares, an item that was drawn twice is
    taken once. So there are *at most* ``n_negatives`` items, and ``log_q`` is the log of the probability
    ``1 - (1 - p_i)^n_negatives`` to be drawn at all.

    Args:
        known: the positives, rows = users; they decide how popular an item is.
        n_negatives: number of draws; at most the size of the catalogue.
        beta: the power β.
        shared: one draw for the batch, or one for each positive.
        exclude: ``"known"``, ``"own"`` or ``"none"``, see :class:`~fillrank.samplers.NegativePolicy`.
        logq_correction: return this ``log_q``; if False it is zero, and popular items are pushed down.

    Attributes:
        probability: ``p``, float64 ``[n_items]``.

    Raises:
        SettingsError: β is NaN or infinite, ``n_negatives`` does not fit the catalogue, or ``exclude`` is unknown.

    Example:
        >>> known = KnownPositives(torch.tensor([0, 2, 3, 4]), torch.tensor([0, 1, 0, 0]), n_columns=2)
        >>> Popularity(known, 2, beta=1).probability  # three users met item 0, one met item 1
        tensor([0.7500, 0.2500], dtype=torch.float64)
    """

    def __init__(
        self,
        known: KnownPositives,
        n_negatives: int,
        *,
        beta: float = 0.75,
        shared: bool = True,
        exclude: Exclude = "known",
        logq_correction: bool = True,
    ) -> None:
        if isinstance(beta, bool) or not isinstance(beta, int | float) or not math.isfinite(beta):
            raise SettingsError(f"beta must be a finite number, got {beta!r}; 0 is uniform and 0.75 usual")
        self.n_negatives, self.shared = check_count(n_negatives, known.n_columns), shared
        self._policy = NegativePolicy(known, exclude, logq_correction)
        self.exclude, self.logq_correction, self.beta = exclude, logq_correction, beta
        counts = torch.bincount(known.columns, minlength=known.n_columns).clamp(min=1).double()
        log_p = torch.log_softmax(beta * counts.log(), dim=0)  # in logs, because the power of a count may overflow
        self.probability = log_p.exp()
        self._table = AliasTable(self.probability)
        count = log_p + math.log(n_negatives)
        present = log_inclusion(n_negatives * log_absent(self.probability))
        self._log_q = (present if shared else count).float()

    @checked
    def sample(
        self,
        users: Tensor,
        positives: Tensor,
        generator: torch.Generator,
        score: Score | None = None,  # noqa: ARG002
    ) -> Negatives:
        """See :class:`fillrank.samplers.Sampler`."""
        shape = (self.n_negatives,) if self.shared else (len(users), self.n_negatives)
        drawn = self._table.draw(shape, generator)
        items = torch.unique(drawn) if self.shared else drawn
        return self._policy.negatives(users, positives, items, self._log_q[items])
