"""New items in closed form: an item's vector from the users who met it, the users' vectors held fixed.

Roles are swapped in the way that folds users in. A ridge regression is the same with users in the place of items. The
spectral ways have no regression; there the map that led from users to the items that are known is found again, and
leads to the new ones. Shapes: ``m`` new items, ``n`` items that are known, ``d`` dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fillrank.data.interactions import Interactions
from fillrank.errors import DataError
from fillrank.factors.fold_in import Folding, ImplicitRidge, Projection, RatingRidge, ResidualProjection
from fillrank.factors.growth import Growth
from fillrank.factors.item_side import ItemSide, as_array
from fillrank.factors.ridge import solve_ridges

__all__ = ["NewItems", "UserSide", "recounted", "solve_new_items"]

Array = NDArray[Any]

_SOME = 500  # known items on which lengths are compared
_TINY = 1e-6  # of the mean eigenvalue: what keeps a system of equations regular


class UserSide(NamedTuple):
    """The users as they are when new items are solved for: vectors ``[n_users, d]`` and biases ``[n_users]``."""

    vectors: Array
    bias: Array


class NewItems(NamedTuple):
    """Vectors ``[m, d]``, biases ``[m]`` where the way gives some, and weights ``[m, d]`` where it has some."""

    vectors: Array
    bias: Array | None = None
    weights: Array | None = None


def solve_new_items(factors: ItemSide, folding: Folding, growth: Growth, users: UserSide) -> NewItems:
    """The new items of a log.

    Args:
        factors: the items that are known.
        folding: the way that folds users in.
        growth: the log before and after.
        users: of the whole log.

    Raises:
        DataError: the way is none of fillrank's.
    """
    way = _WAYS.get(type(folding))
    if way is None:
        raise DataError(
            f"{type(folding).__name__} tells nothing of new items, and {growth.n_new_items} came; "
            "fit again with their rows"
        )
    return way(factors, folding, growth, users)


def recounted(bias: Array, growth: Growth) -> Array:
    """The biases of all items, known and new, where they are counts of users: ``w · n`` or ``w · log(1 + n)``.

    Biases that are neither stay as they are, and new items have a bias of 0.
    """
    before, after = (counts.astype(np.float64) for counts in growth.counts())
    old = bias.astype(np.float64)
    for of_counts in (lambda n: n, np.log1p):
        was: Array = of_counts(before)
        size = float(was @ was)
        weight = float(was @ old) / size if size else 0.0
        if np.abs(old - weight * was).max(initial=0.0) <= 1e-4 * np.abs(old).max(initial=0.0):
            fresh: Array = weight * of_counts(after)
            return fresh.astype(bias.dtype)
    return np.append(bias, np.zeros(growth.n_new_items, dtype=bias.dtype))


def _by_implicit_ridge(factors: ItemSide, folding: ImplicitRidge, growth: Growth, users: UserSide) -> NewItems:
    """The same ridge with roles swapped; at lengths at which it would give the known items those that they have.

    Items that were trained by a loss are longer or shorter than the closed form makes them, and products care.
    """
    known = as_array(factors.item_vectors)
    met = np.flatnonzero(growth.before.item_counts)
    some = met[:: max(1, len(met) // _SOME)]
    again = solve_ridges(folding.ridges(_ones(growth.before, folding)[:, some], users.vectors[: growth.before.n_users]))
    sizes = [float(np.square(vectors).sum()) for vectors in (known[some], again)]
    stretch = (sizes[0] / sizes[1]) ** 0.5 if sizes[0] > 0 and sizes[1] > 0 else 1.0
    solved = solve_ridges(folding.ridges(_ones(growth.of_new_items(), folding), users.vectors))
    return NewItems((stretch * solved).astype(known.dtype))


def _by_rating_ridge(factors: ItemSide, folding: RatingRidge, growth: Growth, users: UserSide) -> NewItems:
    """Ridge regressions of an item's ratings on the users' vectors, its bias one more unknown."""
    cells = growth.of_new_items().csc
    left = cells.data - factors.offset - users.bias[cells.indices]
    solved = solve_ridges(folding.ridges(cells.indptr, cells.indices.astype(np.int32), left, users.vectors))
    return NewItems(solved[:, :-1], solved[:, -1])


def _by_residuals(factors: ItemSide, folding: ResidualProjection, growth: Growth, users: UserSide) -> NewItems:
    """The shrunken mean of what the users' biases leave over, and the projection of the rest."""
    cells = growth.of_new_items().csc
    columns = np.repeat(np.arange(growth.n_new_items), np.diff(cells.indptr))
    left = cells.data - factors.offset - users.bias[cells.indices]
    lent = np.maximum(folding.shrinkage + np.diff(cells.indptr), 1e-12)
    bias = np.bincount(columns, left, growth.n_new_items) / lent
    rest = sp.csc_array((left - bias[columns], cells.indices, cells.indptr), shape=cells.shape)
    vectors = _least_squares(users.vectors, rest)
    return NewItems(vectors, bias, vectors * _ratio(as_array(folding.weights), as_array(factors.items)))


def _by_projection(factors: ItemSide, folding: Projection, growth: Growth, users: UserSide) -> NewItems:
    """As the map from users to the known items goes on.

    Where items and weights differ by one factor for each direction (a plain SVD), an item is the least-squares fit of
    its column. Else degrees were divided out: ``q = n^β · D`` and ``w = n^-β · D``. With ``N = D_u^-½ R D_i^-½``, D is
    an eigenvector of ``NᵀN`` in each direction, so a new item has what ``N`` of the known items
    and back by its own column makes of D, over the eigenvalue.
    """
    items, weights = as_array(factors.items).astype(float), as_array(folding.weights).astype(float)
    fresh = growth.of_new_items() if folding.use_values else growth.of_new_items().without_values()
    ratio = _ratio(weights, items)
    if np.abs(weights - items * ratio).max(initial=0.0) <= 1e-3 * np.abs(weights).max(initial=0.0):
        vectors = _least_squares(users.vectors, fresh.csc)
        return NewItems(vectors, None, vectors * ratio)
    counts = np.maximum(growth.before.item_counts, 1).astype(float)
    longer = np.linalg.norm(items, axis=1) / np.maximum(np.linalg.norm(weights, axis=1), 1e-12)
    used = (growth.before.item_counts > 1) & (longer > 0)
    logs = np.log(counts[used])
    beta = 0.5 * float(logs @ np.log(longer[used])) / max(float(logs @ logs), 1e-12) if used.any() else 0.0
    even = items * counts[:, None] ** -beta
    old = growth.before.without_values()
    there_and_back = _balanced(old, old.user_counts).T @ (_balanced(old, old.user_counts) @ even)
    factor = _ratio(even, there_and_back)
    known = growth.after.select(growth.after.items < growth.before.n_items).without_values()
    known = replace(known, item_ids=growth.before.item_ids)
    of_users = _balanced(known, known.user_counts) @ even
    of_new = factor * (_balanced(fresh.without_values(), growth.after.user_counts).T @ of_users)
    powers = np.maximum(fresh.item_counts, 1)[:, None].astype(float) ** beta
    return NewItems(of_new * powers, None, of_new / powers)


def _balanced(interactions: Interactions, user_counts: NDArray[np.int64]) -> sp.csr_array[Any]:
    """Who met what, over the roots of the counts of both sides: ``D_u^-½ R D_i^-½``."""
    of_users, of_items = (np.maximum(counts, 1.0) ** -0.5 for counts in (user_counts, interactions.item_counts))
    balanced: sp.csr_array[Any] = sp.diags_array(of_users) @ interactions.csr @ sp.diags_array(of_items)
    return balanced.tocsr()


def _least_squares(vectors: Array, columns: sp.csc_array[Any]) -> Array:
    """``(XᵀX)⁻¹ Xᵀ R``, the least-squares fit of each column, holes as zeros; float64 ``[m, d]``."""
    wide = vectors.astype(float)
    size = wide.T @ wide
    lift = _TINY * max(float(np.trace(size)) / max(len(size), 1), 1e-12)
    solved: Array = np.linalg.solve(size + lift * np.eye(len(size)), (columns.T @ wide).T).T
    return solved


def _ratio(first: Array, second: Array) -> Array:
    """The factor for each direction that leads from the second to the first, ``[d]``."""
    size = np.maximum(np.square(second.astype(float)).sum(0), 1e-300)
    ratio: Array = (first.astype(float) * second).sum(0) / size
    return ratio


def _ones(interactions: Interactions, folding: ImplicitRidge) -> sp.csc_array[Any]:
    """Who met what, by items, without what is below the threshold."""
    if folding.positive_from is not None and interactions.values is not None:
        interactions = interactions.select(interactions.values >= folding.positive_from)
    return interactions.without_values().csc


_WAYS: dict[type[Any], Callable[..., NewItems]] = {
    ImplicitRidge: _by_implicit_ridge,
    RatingRidge: _by_rating_ridge,
    ResidualProjection: _by_residuals,
    Projection: _by_projection,
}
