"""``LightGCN``: vectors that are propagated over the graph of users and items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from fillrank.arguments import checked, count, fitting
from fillrank.data import Interactions
from fillrank.encoders.base import LayerChange, Similarity, TableEncoder, Tables, check_tables
from fillrank.encoders.registry import ENCODERS
from fillrank.encoders.sparse import SparseMatrix, adjacency_of
from fillrank.errors import DataError, SettingsError
from fillrank.factors import Factors
from fillrank.factors.widened import unit_features
from fillrank.runtime.threads import one_thread

__all__ = ["LightGCN", "with_neighbours"]

_MOST_LAYERS = 1000  # after a few layers, all vectors of a connected graph are equal anyway


@ENCODERS.own("lightgcn")
@checked
class LightGCN(TableEncoder):
    """Light graph convolution (He et al. 2020): no weights between the layers, no non-linearity.

    With ``E⁰`` the parameters of users and items together and ``Â`` the symmetric adjacency with entries
    ``1/√(n_u · n_i)``, layer l is ``E^l = Â E^(l-1)`` and the vectors are ``Σ_l w_l E^l`` over l = 0 … ``n_layers``,
    by default the mean. Without layers it is :class:`~fillrank.encoders.MF`.

    The map is linear and symmetric, so the backward pass is the same product, and no layer is kept in memory. The
    result of training are the propagated vectors, so nothing needs the graph later.

    Args:
        users: the initial user vectors, ``[n_users, d]``; copied.
        items: the initial item vectors, ``[n_items, d]``; copied.
        interactions: the graph; every interaction is an edge, whatever its value.
        n_layers: 0 or more; its authors use 2 to 4. With an odd number of layers of equal weight, some directions of E
            vanish in the result (eigenvalue -1 of Â). This costs cosine losses a sixth of their nDCG on Gowalla.
        layer_weights: ``w_0 … w_n_layers``; None: ``1/(n_layers + 1)`` each. SimGCL leaves layer 0 out.
        similarity: of the propagated vectors.
        precision: of the vectors in products with the graph, forward and backward; parameters and sums keep theirs. A
            product reads a row for each edge, so half the width takes about half the time. It changes the vectors by
            some thousandths.

    Raises:
        DataError: the tables do not fit the log.
        SettingsError: ``n_layers`` is negative, there is not one finite weight for each layer, or there is no such
            precision.

    Example:
        >>> log = Interactions.from_arrays(["ann", "ann", "bob"], [7, 9, 7])
        >>> encoder = LightGCN(torch.eye(2), torch.zeros(2, 2), log, n_layers=1)
        >>> encoder.tables()[1].detach()  # an item is what its users are
        tensor([[0.2500, 0.3536],
                [0.3536, 0.0000]])
    """

    def __init__(
        self,
        users: Tensor,
        items: Tensor,
        interactions: Interactions,
        *,
        n_layers: int = 2,
        layer_weights: Sequence[float] | None = None,
        similarity: Similarity = "cosine",
        precision: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
        super().__init__(similarity)
        if precision not in {"float32", "bfloat16"}:
            raise SettingsError(f"precision must be 'float32' or 'bfloat16', got {precision!r}")
        check_tables(users, items, (interactions.n_users, interactions.n_items))
        self.layer_weights: Sequence[float] = _checked_weights(n_layers, layer_weights)
        self.users = nn.Parameter(users.detach().clone())
        self.items = nn.Parameter(items.detach().clone())
        dtype = torch.bfloat16 if precision == "bfloat16" else users.dtype
        self.adjacency = adjacency_of(interactions, dtype).to(users.device)

    @property
    def n_layers(self) -> int:
        return len(self.layer_weights) - 1

    def tables(self) -> Tables:
        """The vectors propagated over the graph."""
        return self.tables_over(self.adjacency)

    @checked
    def tables_over(self, adjacency: SparseMatrix, change: LayerChange | None = None) -> Tables:
        """The vectors propagated over another graph of the same users and items, or changed after each layer: a *view*.

        Args:
            adjacency: the graph, such as from :meth:`~fillrank.encoders.sparse.SparseMatrix.select`.
            change: applied to the users, then the items, after each layer. The gradient ignores it.
        """
        found = _Propagation.apply(self.users, self.items, adjacency, self.layer_weights, change)  # type: ignore[no-untyped-call]
        return cast("Tables", found)

    @checked
    def propagated(self, tables: Tables, weights: Sequence[float]) -> Tables:
        """``Σ_l w_l Â^l`` times any tables, without autograd."""
        users, items = tables
        fitting({"tables[0]": "float U d", "tables[1]": "float I d"}, **{"tables[0]": users, "tables[1]": items})
        if (len(users), len(items)) != self.adjacency.shape or not weights:
            raise DataError(
                f"tables must be of the graph's {self.adjacency.shape} users and items with one weight or more, got "
                f"{(len(users), len(items))} and weights={tuple(weights)}"
            )
        return _propagated(users, items, self.adjacency, weights)


@checked
def with_neighbours(factors: Factors, adjacency: SparseMatrix, weight: float) -> Factors:
    """Apply LightGCN's propagation once after training: ``F + weight · Â F``, ranked by dot products.

    If the similarity is cosine, the vectors are first scaled to unit length. The results have meaningful lengths: a
    vector is longer if it has more neighbours, and if these are more similar.

    Args:
        factors: of the users and items of the graph.
        adjacency: from :func:`fillrank.encoders.sparse.adjacency_of`.
        weight: of the neighbours.

    Raises:
        DataError: the factors and the graph are not of the same users and items.
        SettingsError: the weight is not finite.

    Example:
        >>> from fillrank.encoders.sparse import adjacency_of
        >>> log = Interactions.from_arrays(["ann", "ann", "bob"], [7, 9, 7])
        >>> factors = Factors(torch.eye(2), torch.tensor([[3.0, 0.0], [1.0, 0.0]]), similarity="cosine")
        >>> with_neighbours(factors, adjacency_of(log), 0.1).items
        tensor([[1.0500, 0.0707],
                [1.0707, 0.0000]])
    """
    if not isfinite(weight):
        raise SettingsError(
            f"the weight of the neighbours must be a finite number, got {weight}; 0.05 to 0.3 are usual"
        )
    if adjacency.shape != (factors.n_users, factors.n_items):
        raise DataError(
            f"the factors are of {factors.n_users} users and {factors.n_items} items, the graph of "
            f"{adjacency.shape[0]} and {adjacency.shape[1]}; make the graph of the log that they were learnt from"
        )
    vectors = factors.user_vectors, factors.item_vectors
    users, items = _propagated(*vectors, adjacency.to(factors.users.device), (1.0, weight))
    return replace(factors, users=users, items=items, similarity="dot", features=unit_features(factors))


def _propagated(
    users: Tensor, items: Tensor, adjacency: SparseMatrix, weights: Sequence[float], change: LayerChange | None = None
) -> Tables:
    """``Σ_l w_l E^l`` of both sides, without autograd; the layers have the precision of the graph."""
    with one_thread():
        return _summed_layers(users, items, adjacency, weights, change)


def _summed_layers(
    users: Tensor, items: Tensor, adjacency: SparseMatrix, weights: Sequence[float], change: LayerChange | None
) -> Tables:
    sums = users * weights[0], items * weights[0]
    users, items = users.to(adjacency.weights.dtype), items.to(adjacency.weights.dtype)
    for weight in weights[1:]:
        users, items = adjacency.product(items, transposed=False), adjacency.product(users, transposed=True)
        if change is not None:
            users, items = change(users), change(items)
        sums[0].add_(users, alpha=weight)
        sums[1].add_(items, alpha=weight)
    return sums


class _Propagation(torch.autograd.Function):
    """A polynomial of a symmetric matrix is symmetric: forward and backward are the same product."""

    @staticmethod
    def forward(
        ctx: Any,
        users: Tensor,
        items: Tensor,
        adjacency: SparseMatrix,
        weights: Sequence[float],
        change: LayerChange | None,
    ) -> Tables:
        ctx.adjacency, ctx.weights = adjacency, weights
        return _propagated(users, items, adjacency, weights, change)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        return *_propagated(outer[0], outer[1], ctx.adjacency, ctx.weights), None, None, None


def _checked_weights(n_layers: int, weights: Sequence[float] | None) -> tuple[float, ...]:
    if n_layers < 0:
        raise SettingsError(f"n_layers must be 0 or more, got {n_layers}")
    count("n_layers", n_layers, least=0, most=_MOST_LAYERS)
    if weights is None:
        return (1 / (n_layers + 1),) * (n_layers + 1)
    if len(weights) != n_layers + 1:
        raise SettingsError(
            f"{n_layers} layers want {n_layers + 1} layer_weights, the first for layer 0; got {len(weights)}"
        )
    if not all(abs(weight) < float("inf") for weight in weights) or not any(weights):
        raise SettingsError(f"layer_weights must be finite and not all zero, got {list(weights)}")
    return tuple(float(weight) for weight in weights)
