"""``InBatch``: the other positives of the batch as negatives."""

from __future__ import annotations

import torch
from torch import Tensor

from fillrank.arguments import check_indices, checked, fitting
from fillrank.samplers.base import Negatives, Score
from fillrank.samplers.inclusion import log_absent, log_inclusion, shares
from fillrank.samplers.known import KnownPositives
from fillrank.samplers.policy import Exclude, NegativePolicy
from fillrank.samplers.registry import SAMPLERS

__all__ = ["InBatch"]


@SAMPLERS.own("in-batch")
@checked
class InBatch:
    """The negatives of each user are the *other* items of the batch.

    These negatives cost nothing, but they have three problems. Each is solved here:

    * An item that is twice in the batch would count twice. So every item is taken once.
    * An item that this user likes too would be pushed away. So known positives are masked.
    * Popular items are drawn in proportion to their popularity, and would be pushed away in the same proportion. So
      ``log_q`` is the log of the probability ``1 - (1 - p_i)^B`` that item i is in a batch of B positives, with
      ``p_i`` its share of all positives (the correction of Yi et al. 2019, for items taken once).

    Args:
        known: the positives, rows = users.
        exclude: ``"known"`` or ``"own"``, see :class:`~fillrank.samplers.NegativePolicy`.
        logq_correction: return this ``log_q``; if False it is zero for all, and popular items are pushed down.

    Raises:
        SettingsError: ``exclude`` is ``"none"``, but a batch contains each row's own positive.

    Example:
        >>> known = KnownPositives(torch.tensor([0, 2, 3]), torch.tensor([0, 1, 2]), n_columns=3)
        >>> drawn = InBatch(known).sample(torch.tensor([0, 1]), torch.tensor([1, 2]), torch.Generator())
        >>> drawn.items, drawn.mask
        (tensor([1, 2]), tensor([[ True, False], [False, True]]))
    """

    def __init__(self, known: KnownPositives, *, exclude: Exclude = "known", logq_correction: bool = True) -> None:
        self._policy = NegativePolicy(known, exclude, logq_correction)
        self.exclude, self.logq_correction = exclude, logq_correction
        self._policy.refuse_none("in-batch")
        self._log_absent = log_absent(shares(known))

    @checked
    def sample(
        self,
        users: Tensor,
        positives: Tensor,
        generator: torch.Generator,  # noqa: ARG002
        score: Score | None = None,  # noqa: ARG002
    ) -> Negatives:
        """See :class:`fillrank.samplers.Sampler`; nothing is drawn, so the generator is not used."""
        fitting({"users": "int B", "positives": "int P"}, users=users, positives=positives)  # P: of all processes
        check_indices("positives", positives, len(self._log_absent))
        items = torch.unique(positives)
        absent = len(positives) * self._log_absent[items]  # log of the chance that no row of the batch holds the item
        return self._policy.negatives(users, positives, items, log_inclusion(absent))
