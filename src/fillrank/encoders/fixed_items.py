"""``FixedItems``: matrix factorisation with given item vectors; only the users are learned."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from fillrank.arguments import Own, checked
from fillrank.encoders.base import rows_of
from fillrank.errors import DataError, SettingsError
from fillrank.factors import Factors
from fillrank.factors.fold_in import Folding

__all__ = ["FixedItems"]


@checked
class FixedItems(nn.Module):
    """Like :class:`~fillrank.encoders.MF`, but the item vectors are given and do not change.

    The items are a *buffer*: they move with the module (``.to``), are saved with it (``state_dict``), and get no
    gradient. The user vectors are the only parameters, so each user is a separate problem.

    Args:
        item_factors: ``[n_items, d]``; copied.
        users: the initial user vectors, ``[n_users, d]``; copied. Zeros are fine if ``similarity`` is ``"dot"``.
        similarity: ``"dot"`` or ``"cosine"``: the one that the item factors were trained for.

    Raises:
        DataError: the tables are not floating-point matrices of the same width and dtype, or contain NaN or infinity.
        SettingsError: an unknown similarity.

    Example:
        >>> encoder = FixedItems(torch.eye(3), torch.zeros(5, 3))
        >>> [name for name, _ in encoder.named_parameters()], list(encoder.state_dict())
        (['users'], ['users', 'items'])
        >>> encoder.item_vectors(torch.tensor([1])).requires_grad
        False
    """

    items: Tensor

    def __init__(
        self, item_factors: Own[Tensor], users: Own[Tensor], *, similarity: Literal["dot", "cosine"] = "dot"
    ) -> None:
        super().__init__()
        _check_tables(item_factors, users)
        if similarity not in {"dot", "cosine"}:
            raise SettingsError(f"similarity must be 'dot' or 'cosine', got {similarity!r}")
        self.users = nn.Parameter(users.detach().clone())
        self.register_buffer("items", item_factors.detach().clone())
        self.similarity: Literal["dot", "cosine"] = similarity

    def tables(self) -> tuple[Tensor, Tensor]:
        """``([n_users, d], [n_items, d])`` before normalisation; only the first gets gradients."""
        return self.users, self.items

    @checked
    def user_vectors(self, users: Tensor) -> Tensor:
        """int64 ``[B]`` → ``[B, d]``."""
        return self._ready(rows_of(self.users, users, "users"))

    @checked
    def item_vectors(self, items: Tensor) -> Tensor:
        """int64 ``[B]`` → ``[B, d]``."""
        return self._ready(rows_of(self.items, items, "items"))

    @checked
    def factors(self, folding: Folding | None = None) -> Factors:
        """The learned users, detached from training, and the items as they were passed."""
        users, items = (table.detach().cpu().clone() for table in self.tables())
        return Factors(users, items, similarity=self.similarity, folding=folding)

    def _ready(self, vectors: Tensor) -> Tensor:
        return normalize(vectors, dim=1) if self.similarity == "cosine" else vectors


def _check_tables(item_factors: Tensor, users: Tensor) -> None:
    for name, table in (("item_factors", item_factors), ("users", users)):
        if not isinstance(table, Tensor) or table.dim() != 2 or not table.is_floating_point():
            raise DataError(f"{name} must be a floating-point tensor of two dimensions, got {_described(table)}")
        if not bool(torch.isfinite(table).all()):
            raise DataError(f"{name} has values that are NaN or infinite; give vectors that a model has learned")
    if users.shape[1] != item_factors.shape[1] or users.dtype != item_factors.dtype:
        raise DataError(
            f"users must have the width and dtype of the item factors, {item_factors.shape[1]} and "
            f"{item_factors.dtype}, got {users.shape[1]} and {users.dtype}"
        )


def _described(table: object) -> str:
    return f"{table.dtype} of shape {list(table.shape)}" if isinstance(table, Tensor) else type(table).__name__
