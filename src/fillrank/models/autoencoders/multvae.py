"""Mult-VAE: a variational autoencoder with a multinomial likelihood."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import nn

from fillrank.data import Interactions
from fillrank.encoders.whole_rows import VariationalRows
from fillrank.factors import Factors
from fillrank.factors.encoded_history import EncodedHistory
from fillrank.models.autoencoders.base import RowAutoencoder
from fillrank.models.base import NotNegative, Positive

__all__ = ["MultVAE"]


class MultVAE(RowAutoencoder):
    """What a user met goes through a narrow code, and out comes how likely each item is (Liang et al. 2018).

    See :class:`fillrank.encoders.whole_rows.VariationalRows` for the network and its loss. The last layer is a product:
    the scores are those of a user's vector, the last hidden layer, with a vector of each item, plus a bias of the item.
    So it ends in plain factors, and a new user's vector is what the network makes of their history. It only ranks, and
    its scores are no sums over a history, so it cannot ``explain``.

    Attributes:
        dim: of the code.
        hidden: width of the hidden layers, and length of the vectors that score.
        dropout: share of a user's items that a step does not see.
        beta: weight of the divergence of the codes from a standard normal distribution, at its height.
        anneal_epochs: epochs over which that weight rises from 0 to its height.
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
        >>> recipe = MultVAE(dim=4, hidden=16, epochs=60, dropout=0.2, learning_rate=0.01)
        >>> model = recipe.fit(checkerboard(20), progress=False)
        >>> [int(item) % 2 for item in model.recommend(["0", "1"], k=1)["item_id"]]  # even users like even items
        [0, 1]
    """

    kind: ClassVar[str] = "multvae"
    unwatched_epochs: ClassVar[int] = 50

    dim: int = Field(default=200, ge=1)
    hidden: Annotated[int, Field(ge=1)] = 600
    dropout: float = Field(default=0.5, ge=0, lt=1)
    beta: NotNegative = 0.2
    anneal_epochs: Annotated[int, Field(ge=1)] = 50
    learning_rate: Positive = 0.001

    def _network(self, log: Interactions, steps_per_epoch: int, generator: torch.Generator) -> nn.Module:
        return VariationalRows(
            log.n_items,
            self.hidden,
            self.dim,
            dropout=self.dropout,
            beta=self.beta,
            anneal_steps=self.anneal_epochs * steps_per_epoch,
            generator=generator,
        )

    def _factors(self, network: VariationalRows, log: Interactions, positive_from: float | None) -> Factors:
        items, bias = network.item_side()
        folding = EncodedHistory.of(network.layers_to_users(), positive_from)
        nobody = Factors(items.new_zeros(0, items.shape[1]), items)
        return Factors(folding.solve(nobody, log)[0], items, item_bias=bias, folding=folding)
