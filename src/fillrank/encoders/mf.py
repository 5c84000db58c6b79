"""``MF``: matrix factorisation, with one free vector for each user and each item."""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from fillrank.arguments import checked
from fillrank.encoders.base import Similarity, TableEncoder, Tables, check_tables
from fillrank.encoders.registry import ENCODERS
from fillrank.encoders.start import normal_tables, tables_of_factors
from fillrank.factors import Factors

__all__ = ["MF"]


@ENCODERS.own("mf")
@checked
class MF(TableEncoder):
    """Tables of user and item vectors.

    Args:
        users: the initial user vectors, ``[n_users, d]``; copied.
        items: the initial item vectors, ``[n_items, d]``; copied.
        similarity: ``"cosine"`` scales vectors to unit length, so that a product of two is their cosine, and a
            temperature has a fixed meaning; ``"dot"`` uses them as they are.

    Raises:
        DataError: the tables do not fit each other.
        SettingsError: there is no such similarity.

    Example:
        >>> encoder = MF.random(3, 4, 2, generator=torch.Generator().manual_seed(0))
        >>> encoder.user_vectors(torch.tensor([0, 2])).norm(dim=1).detach()
        tensor([1.0000, 1.0000])
    """

    free_vectors: ClassVar[bool] = True

    def __init__(self, users: Tensor, items: Tensor, *, similarity: Similarity = "cosine") -> None:
        super().__init__(similarity)
        check_tables(users, items)
        self.users = nn.Parameter(users.detach().clone())
        self.items = nn.Parameter(items.detach().clone())

    @classmethod
    @checked
    def random(
        cls,
        n_users: int,
        n_items: int,
        dim: int,
        *,
        generator: torch.Generator,
        std: float | None = None,
        similarity: Similarity = "cosine",
    ) -> Self:
        """Random initial vectors; see :func:`fillrank.encoders.normal_tables`."""
        return cls(*normal_tables(n_users, n_items, dim, generator=generator, std=std), similarity=similarity)

    @classmethod
    @checked
    def from_factors(
        cls,
        factors: Factors,
        *,
        generator: torch.Generator,
        scale: float | None = 1.0,
        jitter: float = 1e-3,
        similarity: Similarity = "cosine",
    ) -> Self:
        """Initial vectors from given factors, such as an SVD's; see :func:`fillrank.encoders.tables_of_factors`.

        Example:
            >>> known = Factors(torch.eye(2) * 5, torch.eye(2))
            >>> start = MF.from_factors(known, jitter=0.0, generator=torch.Generator())
            >>> start.users.detach()
            tensor([[1., 0.],
                    [0., 1.]])
        """
        tables = tables_of_factors(factors, generator=generator, scale=scale, jitter=jitter)
        return cls(*tables, similarity=similarity)

    def tables(self) -> Tables:
        """The parameters themselves."""
        return self.users, self.items
