"""The fold-in problem for ratings: the squared error of users for given item vectors, and its minimum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding

from fillrank.data import Interactions
from fillrank.errors import DataError
from fillrank.factors.ridge import Ridges, solve_ridges
from fillrank.solvers.dense import Cells
from fillrank.solvers.dense.sides import FactorSide, RowRidge, solve_rows

__all__ = ["FoldInProblem", "Ratings", "check_item_factors", "problem_of"]

Ratings: TypeAlias = Interactions | Tensor
"""A log with values, or a table ``[n_users, n_items]`` of floats with NaN where a rating is missing."""


class FoldInProblem(Protocol):
    """Ratings (a log or a table) with the item factors. Batches consist of its *rows*."""

    @property
    def n_users(self) -> int: ...
    @property
    def n_rows(self) -> int: ...

    def solved(self, regularization: float) -> Tensor:
        """The users with the smallest error plus penalty, ``[n_users, d]``; see ``solve_users``."""
        ...

    def means(self, users: Tensor, rows: Tensor | slice) -> tuple[Tensor, Tensor]:
        """The means of ``(r - <u, q>)²`` and of ``|u|²`` over the ratings in ``rows``, for ``users [n_users, d]``."""
        ...


def problem_of(item_factors: Tensor, ratings: Ratings, mask: Tensor | None = None) -> FoldInProblem:
    """Check the item factors and the ratings, and make the problem.

    Raises:
        DataError: the factors or the ratings are wrong, or do not fit together.
    """
    check_item_factors(item_factors)
    if isinstance(ratings, Interactions):
        return _log_problem(item_factors, ratings, mask)
    return _table_problem(item_factors, ratings, mask)


def check_item_factors(item_factors: Tensor) -> None:
    """Refuse item factors that are not finite floats ``[n_items, d]`` with d of 1 or more, by a DataError."""
    if not isinstance(item_factors, Tensor) or item_factors.dim() != 2 or not _is_float(item_factors):
        raise DataError(
            f"item_factors must be a float32 or float64 tensor [n_items, d], got {_described(item_factors)}"
        )
    if not item_factors.shape[1]:
        raise DataError("the item factors have no dimensions, so they tell nothing of the items; give d of 1 or more")
    bad = int((~torch.isfinite(item_factors)).any(1).sum())
    if bad:
        raise DataError(f"{bad} of {len(item_factors)} item factors are NaN or infinite; give what a model has learned")


@dataclass(frozen=True, eq=False)
class _RatingList:
    """Ratings one by one, a row each: ``users``, ``items`` int64 and ``values``, ``[nnz]``."""

    item_factors: Tensor
    interactions: Interactions
    users: Tensor
    items: Tensor
    values: Tensor

    @property
    def n_users(self) -> int:
        return self.interactions.n_users

    @property
    def n_rows(self) -> int:
        return len(self.users)

    def solved(self, regularization: float) -> Tensor:
        counts = self.interactions.user_counts
        vectors = self.item_factors.detach().cpu().double().numpy()  # normal equations square the rounding errors
        ridges = Ridges(
            indptr=self.interactions.csr.indptr,
            columns=self.interactions.items,
            targets=self.values.cpu().double().numpy(),
            vectors=vectors,
            strength=np.where(counts > 0, regularization * counts, 1.0).astype(vectors.dtype),
            scale=np.ones(vectors.shape[1], vectors.dtype),
        )
        found = solve_ridges(ridges) if regularization > 0 else _shortest(ridges)
        return torch.from_numpy(found).to(self.item_factors)

    def means(self, users: Tensor, rows: Tensor | slice) -> tuple[Tensor, Tensor]:
        own = embedding(self.users[rows], users)
        error = self.values[rows] - (own * self.item_factors[self.items[rows]]).sum(1)
        return error.square().mean(), own.square().sum(1).mean()


@dataclass(frozen=True, eq=False)
class _RatingTable:
    """Ratings user by user, a row each: ``values``, 0 in the holes, and ``known``, 0 there; ``[n_users, n_items]``."""

    item_factors: Tensor
    values: Tensor
    known: Tensor

    @property
    def n_users(self) -> int:
        return len(self.values)

    @property
    def n_rows(self) -> int:
        return len(self.values)

    def solved(self, regularization: float) -> Tensor:
        items, values, known = (t.detach().double().cpu().numpy() for t in (self.item_factors, self.values, self.known))
        columns = FactorSide(items, np.zeros(len(items)))
        found = solve_rows(columns, Cells(values, known), RowRidge(per_weight=regularization, bias=False))
        return torch.from_numpy(found.factors).to(self.item_factors)

    def means(self, users: Tensor, rows: Tensor | slice) -> tuple[Tensor, Tensor]:
        own, known = users[rows], self.known[rows]
        error = (self.values[rows] - own @ self.item_factors.T) * known
        n = known.sum().clamp(min=1)  # a batch may have no known rating
        return error.square().sum() / n, (known.sum(1) * own.square().sum(1)).sum() / n


def _shortest(ridges: Ridges) -> np.ndarray:
    """Solve without a penalty. A user may have no unique solution; then the shortest one is taken."""
    answers = [np.linalg.lstsq(*ridges.cells(row), rcond=None)[0] for row in range(ridges.n_rows)]
    return np.array(answers, dtype=ridges.vectors.dtype).reshape(ridges.n_rows, ridges.dim)


def _log_problem(item_factors: Tensor, interactions: Interactions, mask: Tensor | None) -> _RatingList:
    if mask is not None:
        raise DataError("a mask goes with a table; in a log, what is missing has no row")
    if interactions.values is None:
        raise DataError("ratings are wanted, and this log has no values; name their column: value=…")
    if interactions.n_items != len(item_factors):
        raise DataError(f"the log is over {interactions.n_items} items, the item factors over {len(item_factors)}")
    if not len(interactions):
        raise DataError("the log has no rows, so there is nothing to solve for")
    users, items = (
        torch.from_numpy(c.astype("int64")).to(item_factors.device) for c in (interactions.users, interactions.items)
    )
    return _RatingList(
        item_factors.detach(), interactions, users, items, torch.tensor(interactions.values).to(item_factors)
    )


def _table_problem(item_factors: Tensor, table: Tensor, mask: Tensor | None) -> _RatingTable:
    if not isinstance(table, Tensor) or table.dim() != 2 or not _is_float(table):
        raise DataError(f"ratings must be a log or a float32 or float64 table, got {_described(table)}")
    if table.shape[1] != len(item_factors):
        raise DataError(f"the table has {table.shape[1]} columns, and there are {len(item_factors)} item factors")
    known = ~table.isnan()
    if mask is not None:
        if not isinstance(mask, Tensor) or mask.shape != table.shape or mask.dtype != torch.bool:
            raise DataError(f"mask must be a bool tensor of shape {list(table.shape)}, got {_described(mask)}")
        known &= mask.to(table.device)
    infinite = (known & table.isinf()).nonzero()
    if len(infinite):
        user, item = infinite[0].tolist()
        raise DataError(f"{len(infinite)} ratings are infinite, the first in row {user}, column {item}; NaN is missing")
    if not bool(known.any()):
        raise DataError(f"no rating of the {len(table)}×{len(item_factors)} table is known; nothing to solve for")
    values = torch.where(known, table, 0.0)
    return _RatingTable(item_factors.detach(), values.to(item_factors), known.to(item_factors))


def _is_float(tensor: Tensor) -> bool:
    return tensor.dtype in {torch.float32, torch.float64}


def _described(found: object) -> str:
    return f"{found.dtype} of shape {list(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
