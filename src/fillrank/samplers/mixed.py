"""``Mixed``: the positives of the batch and uniform items as negatives."""

from __future__ import annotations

import torch
from torch import Tensor

from fillrank.arguments import check_indices, checked, fitting
from fillrank.samplers.base import Negatives, Score, check_count
from fillrank.samplers.inclusion import log_absent, log_inclusion, shares
from fillrank.samplers.known import KnownPositives
from fillrank.samplers.policy import Exclude, NegativePolicy
from fillrank.samplers.registry import SAMPLERS
from fillrank.samplers.uniform import distinct

__all__ = ["Mixed"]


@SAMPLERS.own("mixed")
@checked
class Mixed:
    """The items of the batch together with ``n_negatives`` uniform ones (mixed negative sampling, Yang et al. 2020).

    A batch contains mostly popular items, so rare items would never be pushed away, and would drift to the top. The
    uniform part contains the rest of the catalogue. Every item is taken once, and ``log_q`` is the log of the
    probability to be in the union: ``1 - (1 - p_i)^B · (1 - n_negatives / n_items)``, with ``p_i`` the item's share of
    all positives and B the size of the batch.

    Args:
        known: the positives, rows = users.
        n_negatives: number of uniform items; at most the size of the catalogue.
        exclude: ``"known"`` or ``"own"``, see :class:`~fillrank.samplers.NegativePolicy`.
        logq_correction: return this ``log_q``; if False it is zero for all.

    Raises:
        SettingsError: ``n_negatives`` does not fit the catalogue, or ``exclude`` is ``"none"``.

    Example:
        >>> known = KnownPositives(torch.tensor([0, 1, 2]), torch.tensor([0, 1]), n_columns=3)
        >>> drawn = Mixed(known, 3).sample(torch.tensor([0]), torch.tensor([0]), torch.Generator())
        >>> drawn.items, drawn.log_q
        (tensor([0, 1, 2]), tensor([0., 0., 0.]))
    """

    def __init__(
        self, known: KnownPositives, n_negatives: int, *, exclude: Exclude = "known", logq_correction: bool = True
    ) -> None:
        self.n_negatives = check_count(n_negatives, known.n_columns)
        self._policy, self._n_items = NegativePolicy(known, exclude, logq_correction), known.n_columns
        self.exclude, self.logq_correction = exclude, logq_correction
        self._policy.refuse_none("mixed")
        self._log_absent = log_absent(shares(known))
        self._not_drawn = log_absent(torch.tensor(n_negatives / self._n_items, dtype=torch.float64)).item()

    @checked
    def sample(
        self,
        users: Tensor,
        positives: Tensor,
        generator: torch.Generator,
        score: Score | None = None,  # noqa: ARG002
    ) -> Negatives:
        """See :class:`fillrank.samplers.Sampler`."""
        fitting({"users": "int B", "positives": "int P"}, users=users, positives=positives)  # P: of all processes
        check_indices("positives", positives, self._n_items)
        drawn = distinct(self.n_negatives, self._n_items, generator).to(positives.device)
        items = torch.unique(torch.cat([positives, drawn]))
        absent = len(positives) * self._log_absent[items] + self._not_drawn
        return self._policy.negatives(users, positives, items, log_inclusion(absent))
