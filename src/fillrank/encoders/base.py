"""The interfaces of encoders.

An encoder is a :class:`VectorEncoder` or a :class:`PairEncoder`. Recipes also use these optional attributes:

* ``free_vectors``: True if each user and item has its own vector, which is not mixed with others. Then the vectors of
  neighbours can be mixed in after training (``neighbour_weight``).
* ``own_folding``: True if :meth:`VectorEncoder.factors` brings its own way to fold new users in.
* ``check_sharing(n_processes)``: raises a ``SettingsError`` if several processes would not learn the same as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, Protocol, TypeGuard, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, normalize

from fillrank.arguments import check_indices, fitting
from fillrank.encoders.sparse import SparseMatrix
from fillrank.errors import DataError, SettingsError
from fillrank.factors import Factors, Scorer
from fillrank.factors.fold_in import Folding

__all__ = [
    "FreeTables",
    "GraphEncoder",
    "LayerChange",
    "PairEncoder",
    "Similarity",
    "TableEncoder",
    "Tables",
    "VectorEncoder",
    "check_tables",
    "has_free_tables",
    "rows_of",
]

Similarity = Literal["dot", "cosine"]
Tables = tuple[Tensor, Tensor]
"""``(users [n_users, d], items [n_items, d])``."""
LayerChange = Callable[[Tensor], Tensor]
"""Changes the vectors ``[n, d]`` of one side after each layer, without gradient; for example, adds noise."""


@runtime_checkable
class VectorEncoder(Protocol):
    """Gives every user and every item a vector; a score is the product of two.

    Attributes:
        similarity: ``"cosine"``: the score is the cosine of the two vectors; ``"dot"``: their product as they are.
    """

    similarity: Similarity

    def tables(self) -> Tables:
        """All vectors, differentiable, before the normalisation for the cosine.

        In an encoder that mixes rows (over a graph or a history), most of the work is done here. So a training step
        calls this once, and looks its rows up in the result.
        """
        ...

    def user_vectors(self, users: Tensor) -> Tensor:
        """int64 ``[B]`` → ``[B, d]``, ready for the product: of unit length if the similarity is cosine."""
        ...

    def item_vectors(self, items: Tensor) -> Tensor:
        """int64 ``[B]`` → ``[B, d]``, ready for the product."""
        ...

    def factors(self, folding: Folding | None = None) -> Factors:
        """The learned result, detached from training, on the CPU."""
        ...


@runtime_checkable
class PairEncoder(Protocol):
    """Scores a user and an item together, by a function that is not a product of two vectors."""

    def score_pairs(self, users: Tensor, items: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """int64 ``[B]``, int64 ``[B]`` → ``[B]``, differentiable. There is dropout only if there is a generator."""
        ...

    def score_block(self, users: Tensor, items: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """int64 ``[B]``, int64 ``[N]`` (shared) or ``[B, N]`` (each row its own) → ``[B, N]``, differentiable."""
        ...

    def scorer(self) -> Scorer:
        """The learned result, detached from training, on the CPU."""
        ...


class FreeTables(VectorEncoder, Protocol):
    """An encoder whose vectors are its parameters; these can be trained by gradients in closed form.

    Attributes:
        users: ``[n_users, d]``.
        items: ``[n_items, d]``.
    """

    users: nn.Parameter
    items: nn.Parameter


def has_free_tables(encoder: object) -> TypeGuard[FreeTables]:
    """Whether an encoder has no other parameters than ``users`` and ``items``, and these are its tables.

    Example:
        >>> from fillrank.encoders import MF
        >>> has_free_tables(MF(torch.eye(2), torch.eye(2)))
        True
    """
    users, items = (getattr(encoder, name, None) for name in ("users", "items"))
    if not (isinstance(encoder, nn.Module) and isinstance(encoder, VectorEncoder)):
        return False
    if not (isinstance(users, nn.Parameter) and isinstance(items, nn.Parameter)):
        return False
    every = list(encoder.parameters())
    if len(every) != 2 or not all(one.requires_grad for one in every):
        return False
    with torch.no_grad():
        tables = encoder.tables()
    return tables[0] is users and tables[1] is items


@runtime_checkable
class GraphEncoder(Protocol):
    """An encoder of vectors that are sums over the layers of a graph, linear in its parameters.

    Attributes:
        adjacency: the graph.
        layer_weights: of layer 0, 1, …
    """

    adjacency: SparseMatrix
    layer_weights: Sequence[float]
    similarity: Similarity

    def tables(self) -> Tables:
        """See :meth:`VectorEncoder.tables`."""
        ...

    def tables_over(self, adjacency: SparseMatrix, change: LayerChange | None = None) -> Tables:
        """The vectors over another graph of the same users and items, or changed after each layer."""
        ...

    def propagated(self, tables: Tables, weights: Sequence[float]) -> Tables:
        """``Σ_l w_l Â^l`` times tables of any kind, outside of autograd."""
        ...


class TableEncoder(nn.Module):
    """Base class of a :class:`VectorEncoder`; a subclass only defines :meth:`tables`.

    Raises:
        SettingsError: there is no such similarity.
    """

    free_vectors: ClassVar[bool] = False
    own_folding: bool = False

    def __init__(self, similarity: Similarity = "cosine") -> None:
        super().__init__()
        if similarity not in {"dot", "cosine"}:
            raise SettingsError(f"similarity must be 'dot' or 'cosine', got {similarity!r}")
        self.similarity: Similarity = similarity

    def tables(self) -> Tables:
        """See :meth:`VectorEncoder.tables`."""
        raise NotImplementedError

    def user_vectors(self, users: Tensor) -> Tensor:
        """int64 ``[B]`` → ``[B, d]``."""
        return self._ready(rows_of(self.tables()[0], users, "users"))

    def item_vectors(self, items: Tensor) -> Tensor:
        """int64 ``[B]`` → ``[B, d]``."""
        return self._ready(rows_of(self.tables()[1], items, "items"))

    def factors(self, folding: Folding | None = None) -> Factors:
        """The learned result, detached from training."""
        with torch.no_grad():
            users, items = (table.detach().cpu().clone() for table in self.tables())
        return Factors(users, items, similarity=self.similarity, folding=folding)

    def _ready(self, vectors: Tensor) -> Tensor:
        return normalize(vectors, dim=1) if self.similarity == "cosine" else vectors


def rows_of(table: Tensor, indices: Tensor, name: str) -> Tensor:
    """The rows ``[B, d]`` or ``[B, N, d]`` of a table at int64 ``[B]`` or ``[B, N]``.

    Raises:
        DataError: the indices have another type or shape, or (checked on a CPU) the table has no such row.
    """
    fitting({name: "int B|B N"}, **{name: indices})
    try:
        return embedding(indices, table)
    except IndexError:
        check_indices(name, indices, len(table))
        raise


def check_tables(users: Tensor, items: Tensor, shape: tuple[int, int] | None = None) -> None:
    """Refuse tables that do not fit each other or ``shape``, the log's ``(n_users, n_items)``.

    Raises:
        DataError: a table is not a matrix, their widths differ or are 0, or their lengths are not those of the log.
    """
    if users.dim() != 2 or items.dim() != 2 or users.shape[1] != items.shape[1] or not items.shape[1]:
        shapes = f"{list(users.shape)} and {list(items.shape)}"
        raise DataError(f"the tables users and items must be [n_users, d] and [n_items, d], d above 0, got {shapes}")
    if shape is not None and (len(users), len(items)) != shape:
        raise DataError(
            f"the tables are of {len(users)} users and {len(items)} items, the log of {shape[0]} and {shape[1]}; "
            "make both of the same log"
        )
