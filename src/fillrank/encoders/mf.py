"""Matrix factorisation: one free vector for each user and each item."""

from __future__ import annotations

from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, normalize

from fillrank.factors import Factors
from fillrank.folding import Folding

__all__ = ["MF"]


class MF(nn.Module):
    """Tables of user and item vectors.

    Args:
        users: the first user vectors, ``[n_users, d]``; copied.
        items: the first item vectors, ``[n_items, d]``; copied.
        similarity: ``"cosine"`` gives vectors of unit length, so that a product of two is their cosine and a
            temperature has a meaning; ``"dot"`` gives them as they are.

    Example:
        >>> encoder = MF.random(3, 4, 2, generator=torch.Generator().manual_seed(0))
        >>> encoder.user_vectors(torch.tensor([0, 2])).norm(dim=1).detach()
        tensor([1.0000, 1.0000])
    """

    def __init__(self, users: Tensor, items: Tensor, *, similarity: Literal["dot", "cosine"] = "cosine") -> None:
        super().__init__()
        self.users = nn.Parameter(users.clone())
        self.items = nn.Parameter(items.clone())
        self.similarity: Literal["dot", "cosine"] = similarity

    @classmethod
    def random(
        cls,
        n_users: int,
        n_items: int,
        dim: int,
        *,
        generator: torch.Generator,
        std: float | None = None,
        similarity: Literal["dot", "cosine"] = "cosine",
    ) -> Self:
        """Normal vectors with standard deviation ``std`` (default ``1/√dim``: a length near 1)."""
        std = dim**-0.5 if std is None else std
        tables = [torch.randn(n, dim, generator=generator) * std for n in (n_users, n_items)]
        return cls(*tables, similarity=similarity)

    def user_vectors(self, users: Tensor) -> Tensor:
        """int64 ``[B]`` → ``[B, d]``."""
        return self._ready(embedding(users, self.users))

    def item_vectors(self, items: Tensor) -> Tensor:
        """int64 ``[B]`` → ``[B, d]``."""
        return self._ready(embedding(items, self.items))

    def factors(self, folding: Folding | None = None) -> Factors:
        """What was learnt, cut loose from training."""
        users, items = (table.detach().cpu().clone() for table in (self.users, self.items))
        return Factors(users, items, similarity=self.similarity, folding=folding)

    def _ready(self, vectors: Tensor) -> Tensor:
        return normalize(vectors, dim=1) if self.similarity == "cosine" else vectors
