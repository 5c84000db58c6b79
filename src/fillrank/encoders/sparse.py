"""``SparseMatrix``: a sparse matrix over users × items (a graph, or histories) that multiplies tables."""

from __future__ import annotations

from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import embedding_bag

from fillrank.data import Interactions
from fillrank.errors import SettingsError
from fillrank.runtime.threads import all_threads

__all__ = ["SparseMatrix", "adjacency_of", "histories_of"]


class SparseMatrix(nn.Module):
    """Weights on some pairs of a user and an item: ``M [n_users, n_items]``.

    It is a module so that ``.to`` moves it together with the encoder. Its tensors are computed from the log, and are
    not in ``state_dict``.

    A product is a weighted sum of rows of a table, computed by PyTorch's ``embedding_bag``. On x86 processors this is
    about twice as fast as PyTorch's sparse matrices, gives the same bits for any number of threads, and does not copy
    the rows.

    Args:
        users: int64 ``[nnz]``, ascending.
        items: int64 ``[nnz]``, ascending for each user.
        weights: float ``[nnz]``.
        shape: ``(n_users, n_items)``.
        by_item: int64 ``[nnz]``, the indices of the pairs sorted by (item, user); None: computed.

    Example:
        >>> matrix = SparseMatrix(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), torch.ones(3), (2, 2))
        >>> matrix.times(torch.eye(2))
        tensor([[1., 1.],
                [0., 1.]])
    """

    users: Tensor
    items: Tensor
    weights: Tensor
    by_item: Tensor
    _user_starts: Tensor
    _item_starts: Tensor
    _users_by_item: Tensor
    _weights_by_item: Tensor

    def __init__(
        self,
        users: Tensor,
        items: Tensor,
        weights: Tensor,
        shape: tuple[int, int],
        *,
        by_item: Tensor | None = None,
    ) -> None:
        super().__init__()
        order = torch.sort(items, stable=True).indices if by_item is None else by_item
        self.shape = shape
        tensors = {
            "users": users,
            "items": items,
            "weights": weights,
            "by_item": order,
            "_user_starts": _starts(users, shape[0]),
            "_item_starts": _starts(items, shape[1]),
            "_users_by_item": users[order],
            "_weights_by_item": weights[order],
        }
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor, persistent=False)

    @classmethod
    def normalised(
        cls,
        users: Tensor,
        items: Tensor,
        shape: tuple[int, int],
        *,
        dtype: torch.dtype = torch.float32,
        by_item: Tensor | None = None,
    ) -> Self:
        """``D_u^-½ R D_i^-½`` of the pairs: each weighs ``1/√(n_u · n_i)``, with the counts of user and item."""
        counts = torch.bincount(users, minlength=shape[0])[users] * torch.bincount(items, minlength=shape[1])[items]
        exact = counts.to(torch.promote_types(dtype, torch.float32)).rsqrt()
        return cls(users, items, exact.to(dtype), shape, by_item=by_item)

    def times(self, table: Tensor) -> Tensor:
        """``M · table``: ``[n_items, d]`` → ``[n_users, d]``, differentiable in the table."""
        return cast("Tensor", _Product.apply(self, table))  # type: ignore[no-untyped-call]

    def product(self, table: Tensor, *, transposed: bool) -> Tensor:
        """``M · table`` or ``Mᵀ · table``, without autograd; the table has the precision of the weights."""
        if transposed:
            return _sums(self._users_by_item, self._item_starts, self._weights_by_item, table)
        return _sums(self.items, self._user_starts, self.weights, table)

    def dense(self) -> Tensor:
        """The matrix as a dense tensor, for small ones: the readable twin of the products."""
        return self.weights.new_zeros(self.shape).index_put((self.users, self.items), self.weights)

    def select(self, kept: Tensor) -> SparseMatrix:
        """The :meth:`normalised` matrix of the pairs where ``kept``, bool ``[nnz]``, is True, with their own counts."""
        place = kept.cumsum(0) - 1
        by_item = place[self.by_item[kept[self.by_item]]]
        return SparseMatrix.normalised(
            self.users[kept], self.items[kept], self.shape, dtype=self.weights.dtype, by_item=by_item
        )


class _Product(torch.autograd.Function):
    """``M · X`` with its gradient, ``Mᵀ`` times the gradient of the product; nothing has to be stored for it."""

    @staticmethod
    def forward(ctx: Any, matrix: SparseMatrix, table: Tensor) -> Tensor:
        ctx.matrix = matrix
        return matrix.product(table, transposed=False)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        return None, ctx.matrix.product(outer[0], transposed=True)


def adjacency_of(interactions: Interactions, dtype: torch.dtype = torch.float32) -> SparseMatrix:
    """The graph of a log: ``N = D_u^-½ R D_i^-½``, R with a one for each interaction whatever its value.

    The symmetric matrix ``[[0, N], [Nᵀ, 0]]`` over users and items together is what a graph encoder multiplies by.
    A user or an item without an interaction is an empty row.

    Example:
        >>> adjacency_of(Interactions.from_arrays(["ann", "ann", "bob"], [7, 9, 7])).dense()
        tensor([[0.5000, 0.7071],
                [0.7071, 0.0000]])
    """
    users, items = _pairs(interactions)
    return SparseMatrix.normalised(users, items, (interactions.n_users, interactions.n_items), dtype=dtype)


def histories_of(interactions: Interactions, *, power: float = 1.0, dtype: torch.dtype = torch.float32) -> SparseMatrix:
    """The matrix of histories: each of a user's n items has the weight ``n^-power``.

    Args:
        interactions: the log; values are ignored.
        power: 1 gives the mean over the items, 0.5 divides by ``√n`` (long histories give longer vectors), 0 the sum.

    Raises:
        SettingsError: ``power`` is not from 0 to 1.

    Example:
        >>> histories_of(Interactions.from_arrays(["ann", "ann", "bob"], [7, 9, 7])).dense()
        tensor([[0.5000, 0.5000],
                [1.0000, 0.0000]])
    """
    if not 0 <= power <= 1:
        raise SettingsError(f"power must be from 0 (sum) to 1 (mean), got {power}")
    users, items = _pairs(interactions)
    lengths = torch.from_numpy(interactions.user_counts).to(dtype)
    return SparseMatrix(users, items, lengths[users] ** -power, (interactions.n_users, interactions.n_items))


def _pairs(interactions: Interactions) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(interactions.users.astype("int64")), torch.from_numpy(interactions.items.astype("int64"))


def _starts(indices: Tensor, n: int) -> Tensor:
    """Where each row begins, and where the last one ends: int64 ``[n + 1]``."""
    counts = torch.bincount(indices, minlength=n)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def _sums(indices: Tensor, starts: Tensor, weights: Tensor, table: Tensor) -> Tensor:
    """``out[r] = Σ weights[h] · table[indices[h]]`` over ``h`` from ``starts[r]`` to before ``starts[r + 1]``."""
    table = table.contiguous()
    with all_threads():  # allowed: each row is summed by one thread, in the order of its pairs
        return embedding_bag(indices, table, starts, mode="sum", per_sample_weights=weights, include_last_offset=True)
