"""ELSA: item vectors whose products are the weights between items."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.factors.fold_in import Projection
from fillrank.models.autoencoders.base import RowAutoencoder
from fillrank.solvers.item_to_item.elsa import direction_error_by_autograd

__all__ = ["ELSA"]


class ELSA(RowAutoencoder):
    """A linear autoencoder of low rank: the scores of a user with row x are ``x A Aᵀ - x``, rows of A of length 1.

    Lowered is how far they point away from x: :func:`fillrank.solvers.item_to_item.elsa.direction_error`
    (Vančura et al. 2022), for batches of users, by Adam. As the rows of A have length 1, no item speaks for itself.
    ``d`` numbers for each item take the place of EASE's ``n``, so it goes where ``n²`` weights do not fit. What it ends
    in are plain vectors: a user's is the sum of those of their items. So new users cost nothing, and a score is a sum
    over the history. (The ``- x`` concerns items that were met already, which lists leave out; it is not kept.)

    Attributes:
        dim: length of the vectors.
        positive_from: rows with at least this value count; ``"relevant"`` takes the data's own threshold, None all.
        learning_rate: of Adam.
        epochs: at most this many; ``"auto"``: 200, and the best by ``monitor`` is kept.
        batch_size: users of a batch.
        patience: epochs without a better one until it stops.
        max_grad_norm, ema_span, schedule, warmup, eval_every, seed: see :class:`fillrank.training.LoopSettings`.
        monitor: the metric of the validation part that picks the best epoch.
        optimizer, stop: groups of these; see :class:`fillrank.models.Optimizer` and
            :class:`fillrank.models.EarlyStopping`.

    Example:
        >>> from fillrank.data import checkerboard
        >>> model = ELSA(dim=4, epochs=60).fit(checkerboard(20), progress=False)
        >>> [int(item) % 2 for item in model.recommend(["0", "1"], k=1)["item_id"]]  # even users like even items
        [0, 1]
    """

    kind: ClassVar[str] = "elsa"

    def _network(self, log: Interactions, steps_per_epoch: int, generator: torch.Generator) -> nn.Module:  # noqa: ARG002
        return _ItemDirections(log.n_items, self.dim, generator)

    def _factors(self, network: _ItemDirections, log: Interactions, positive_from: float | None) -> Factors:
        items = network.vectors().detach().cpu().contiguous()
        folding = Projection(items, positive_from=positive_from)
        nobody = Factors(items.new_zeros(0, items.shape[1]), items)
        return Factors(folding.solve(nobody, log)[0], items, folding=folding)


class _ItemDirections(nn.Module):
    """The vectors of the items, of which only the directions count."""

    def __init__(self, n_items: int, dim: int, generator: torch.Generator) -> None:
        super().__init__()
        self.items = nn.Parameter(normalize(torch.randn(n_items, dim, generator=generator), dim=1))

    def vectors(self) -> Tensor:
        return normalize(self.items, dim=1)

    def losses(self, rows: Tensor, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        return {"error": direction_error_by_autograd(rows, self.vectors())}
