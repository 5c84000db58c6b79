"""``RatingHead``: predicts ratings from the similarities of a contrastive model."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from fillrank.arguments import affordable, checked, fitting
from fillrank.encoders.base import rows_of
from fillrank.errors import SettingsError
from fillrank.factors import Factors
from fillrank.factors.fold_in import Folding

__all__ = ["RatingHead"]


@checked
class RatingHead(nn.Module):
    """``r = offset + b_u + b_i + scale · cos(p_u, q_i) + <x_u, y_i>``.

    ``p, q`` are the encoder's vectors, shared with the contrastive loss. ``x, y`` are the head's own vectors, for what
    ratings show beyond implicit feedback. With ``dim = 0`` the head has no own vectors.

    Args:
        n_users, n_items: sizes.
        dim: length of the head's own vectors, 0 or more.
        offset: the mean rating; not trained.
        generator: for the initial vectors, normal with standard deviation ``0.3/√dim``.
    """

    offset: Tensor

    def __init__(self, n_users: int, n_items: int, dim: int, *, offset: float, generator: torch.Generator) -> None:
        super().__init__()
        if min(n_users, n_items, dim) < 0:
            raise SettingsError(f"sizes must be 0 or more, got n_users={n_users}, n_items={n_items} and dim={dim}")
        asked = f"dim={dim:,} for n_users={n_users:,} and n_items={n_items:,}"
        affordable(
            8.0 * (dim + 1) * (n_users + n_items),
            f"ratings' vectors of {asked}",
        )
        std = 0.3 / max(dim, 1) ** 0.5
        self.register_buffer("offset", torch.tensor(offset))
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.user_bias = nn.Parameter(torch.zeros(n_users, 1))
        self.item_bias = nn.Parameter(torch.zeros(n_items, 1))
        self.users = nn.Parameter(torch.randn(n_users, dim, generator=generator) * std)
        self.items = nn.Parameter(torch.randn(n_items, dim, generator=generator) * std)

    @checked
    def forward(
        self, users: Tensor, items: Tensor, cosine: Tensor, regularization: float, bias_regularization: float
    ) -> tuple[Tensor, Tensor]:
        """Predictions and penalties of a batch of ratings.

        Args:
            users, items: int64 ``[B]``.
            cosine: of the encoder's vectors, ``[B]``.
            regularization: λ of ``λ·(|x_u|² + |y_i|²)``, added once for each rating.
            bias_regularization: λ of ``λ·(b_u² + b_i²)``, also added once for each rating.

        Returns:
            ``(predicted [B], penalty [B])``.
        """
        fitting({"users": "int B", "items": "int B", "cosine": "float B"}, users=users, items=items, cosine=cosine)
        user_bias, item_bias = (
            rows_of(self.user_bias, users, "users")[:, 0],
            rows_of(self.item_bias, items, "items")[:, 0],
        )
        x, y = embedding(users, self.users), embedding(items, self.items)
        predicted = self.offset + user_bias + item_bias + self.scale * cosine + (x * y).sum(1)
        lengths = x.square().sum(1) + y.square().sum(1)
        penalty = regularization * lengths + bias_regularization * (user_bias.square() + item_bias.square())
        return predicted, penalty

    @checked
    def factors(self, shared: Factors, folding: Folding | None = None) -> Factors:
        """The head and the encoder's vectors as one set of factors that predicts ratings."""
        own = [table.detach().cpu() for table in (self.users, self.items)]
        scale = self.scale.detach().cpu()
        return Factors(
            users=torch.cat([scale * shared.user_vectors, own[0]], dim=1),
            items=torch.cat([shared.item_vectors, own[1]], dim=1),
            user_bias=self.user_bias.detach().cpu()[:, 0].clone(),
            item_bias=self.item_bias.detach().cpu()[:, 0].clone(),
            offset=float(self.offset),
            folding=folding,
        )
