"""Models from singular value decompositions: PureSVD, the degree-normalised SVD, and the biased SVD."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, overload

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits
from torch import Tensor

from fillrank.arguments import checked
from fillrank.data import Interactions
from fillrank.errors import DataError, SettingsError
from fillrank.factors import Factors
from fillrank.factors.fold_in import Projection, ResidualProjection, with_weights
from fillrank.runtime.rng import numpy_stream
from fillrank.solvers.sparse.biases import Biases

__all__ = [
    "NormalisedBasis",
    "SvdMethod",
    "biased_svd",
    "biases_as_factors",
    "first_directions",
    "normalised_basis",
    "normalised_svd",
    "pure_svd",
    "truncated_svd",
]

SvdMethod = Literal["exact", "randomized"]
Array = NDArray[Any]
_STEEPEST = 20  # the largest exponent; larger powers of counts overflow


@overload
def truncated_svd(
    matrix: Tensor,
    rank: int,
    *,
    method: SvdMethod = "exact",
    seed: int = 0,
    power_iterations: int = 4,
    oversampling: int = 10,
) -> tuple[Tensor, Tensor, Tensor]: ...


@overload
def truncated_svd(
    matrix: sp.csr_array[Any] | Array,
    rank: int,
    *,
    method: SvdMethod = "exact",
    seed: int = 0,
    power_iterations: int = 4,
    oversampling: int = 10,
) -> tuple[Array, Array, Array]: ...


@checked
def truncated_svd(
    matrix: sp.csr_array[Any] | Array | Tensor,
    rank: int,
    *,
    method: SvdMethod = "exact",
    seed: int = 0,
    power_iterations: int = 4,
    oversampling: int = 10,
) -> tuple[Any, Any, Any]:
    """The ``rank`` largest singular triplets, in descending order.

    Args:
        matrix: ``[m, n]``, dense or sparse, complete: an array, or a dense tensor of float32 or float64.
        rank: number of triplets, at most ``min(m, n)``.
        method: ``"exact"`` (ARPACK, to machine precision) or ``"randomized"`` (Halko, Martinsson & Tropp 2011).
        seed: of the start vectors. The exact answer does not depend on it beyond rounding.
        power_iterations: of the randomized method; more come closer to the exact answer.
        oversampling: further directions that the randomized method decomposes and drops. More come closer to the exact
            answer. With the same sum of both, a smaller rank has the first directions of a larger one.

    Returns:
        ``(U [m, rank], s [rank], Vt [rank, n])``, so that ``U * s @ Vt`` is the matrix of this rank that is nearest to
        the given one (Eckart & Young 1936); tensors for a tensor. Signs are normalised: the entry of largest size in
        each row of Vt is positive.

    Raises:
        SettingsError: the rank is below 1 or above ``min(m, n)``.
        DataError: this is not a matrix, or it has values that are NaN or infinite.

    Example:
        >>> U, s, Vt = truncated_svd(np.diag([3.0, 1.0, 2.0]), rank=2)
        >>> s.round(6).tolist()
        [3.0, 2.0]
    """
    if isinstance(matrix, Tensor):
        return _svd_of_tensor(
            matrix, rank, method=method, seed=seed, power_iterations=power_iterations, oversampling=oversampling
        )
    _check_complete(matrix)
    smallest = min(matrix.shape)
    if not 1 <= rank <= smallest:
        m, n = matrix.shape
        raise SettingsError(f"rank must be from 1 to {smallest} for a {m}×{n} matrix, got {rank}")
    if method not in {"exact", "randomized"}:
        raise SettingsError(f"method must be 'exact' or 'randomized', got {method!r}")
    with threadpool_limits(1, user_api="blas"):  # a threaded product adds up in another order: other last bits
        wanted = rank + oversampling if method == "randomized" else rank
        if wanted >= smallest - 1 or smallest <= 64:  # ARPACK wants room above the rank; small ones are faster dense
            dense = np.asarray(matrix) if isinstance(matrix, np.ndarray) else matrix.toarray()
            U, s, Vt = np.linalg.svd(dense, full_matrices=False)
        elif method == "randomized":
            from sklearn.utils.extmath import randomized_svd

            state = int(numpy_stream(seed, "svd").integers(2**31))
            U, s, Vt = randomized_svd(
                matrix, rank, n_oversamples=oversampling, n_iter=power_iterations, random_state=state
            )
        else:
            start = numpy_stream(seed, "svd").standard_normal(smallest).astype(matrix.dtype)
            U, s, Vt = svds(matrix, k=rank, v0=start)
    order = np.argsort(-s, kind="stable")[:rank]
    U, s, Vt = U[:, order], s[order], Vt[order]
    signs = np.sign(Vt[np.arange(rank), np.abs(Vt).argmax(axis=1)])
    signs[signs == 0] = 1
    return U * signs, s, Vt * signs[:, None]


def _svd_of_tensor(matrix: Tensor, rank: int, **options: Any) -> tuple[Tensor, Tensor, Tensor]:
    if matrix.dtype not in {torch.float32, torch.float64} or matrix.layout != torch.strided or matrix.is_meta:
        raise DataError(
            f"a matrix that is a tensor must be dense, float32 or float64; got {matrix.layout}, {matrix.dtype}"
        )
    parts = truncated_svd(matrix.detach().cpu().numpy(), rank, **options)
    U, s, Vt = (torch.from_numpy(np.ascontiguousarray(part)).to(matrix.device) for part in parts)
    return U, s, Vt


def _check_complete(matrix: sp.csr_array[Any] | Array) -> None:
    if matrix.ndim != 2:
        raise DataError(f"a matrix [m, n] is wanted, got the shape {list(matrix.shape)}")
    bad = int((~np.isfinite(matrix if isinstance(matrix, np.ndarray) else matrix.data)).sum())
    if bad:
        raise DataError(f"{bad} values are NaN or infinite; the SVD wants a complete matrix: fill the holes first")


@checked
def pure_svd(
    interactions: Interactions, rank: int, *, method: SvdMethod = "exact", oversampling: int = 10, seed: int = 0
) -> Factors:
    """PureSVD: the truncated SVD of the matrix with every hole filled with zero.

    ``users = U·√S``, ``items = V·√S``; a new user with row r is ``r·V/√S``, so that the scores are ``r·V·Vᵀ``
    (Cremonesi, Koren & Turrin 2010). Putting √S on both sides does not change the scores, but weights the directions in
    similarities of items. The scores are for ranking; they do not predict values.
    """
    U, s, Vt = truncated_svd(interactions.csr, rank, method=method, seed=seed, oversampling=oversampling)
    root = _root(s)
    folding = Projection(_tensor(Vt.T / root), use_values=interactions.values is not None)
    return Factors(_tensor(U * root), _tensor(Vt.T * root), folding=folding)


@checked
def normalised_svd(
    interactions: Interactions,
    rank: int,
    *,
    beta: float = 0.5,
    power: float = 0.0,
    method: SvdMethod = "exact",
    oversampling: int = 10,
    seed: int = 0,
) -> Factors:
    """Truncated SVD of the interaction matrix, normalised by the degrees of both sides.

    With ``d`` the number of interactions of a user or item and R the 0/1 matrix, ``N = D_u^-½ R D_i^-½ ≈ U S Vᵀ``; the
    item vectors are ``q_i = d_i^β · S^(power/2) · V_i`` and a user, known or new, is
    ``p_u = Σ_{i∈u} d_i^-β · S^(power/2) · V_i``.

    Args:
        interactions: the interactions; values are ignored.
        rank: number of singular vectors.
        beta: how strongly popular items are pulled back up; larger favours them more.
        power: of the singular values; 0 weighs all directions alike.
        method: of the SVD. On graphs with many nearly separate small groups the randomized basis ranks *better* than
            the exact one, which spends directions on those groups; only the exact one is free of chance.
        oversampling, seed: see :func:`truncated_svd`.
    """
    for name, exponent in (("beta", beta), ("power", power)):
        if abs(exponent) > _STEEPEST:
            raise SettingsError(f"{name} is an exponent, and must be from -{_STEEPEST} to {_STEEPEST}, got {exponent}")
    basis = normalised_basis(interactions, rank, method=method, oversampling=oversampling, seed=seed)
    return basis.factors(beta=beta, power=power)


@dataclass(frozen=True, eq=False)
class NormalisedBasis:
    """The decomposition behind :func:`normalised_svd`, which serves every β and power.

    Attributes:
        ones: the 0/1 matrix ``[m, n]``.
        counts: number of interactions of each item ``[n]``, at least 1.
        s, directions: singular values ``[rank]`` and right vectors ``[n, rank]``.
    """

    ones: sp.csr_array[Any]
    counts: Array
    s: Array
    directions: Array

    def first(self, rank: int) -> NormalisedBasis:
        """Its first ``rank`` directions."""
        return replace(self, s=self.s[:rank], directions=self.directions[:, :rank])

    def factors(self, *, beta: float, power: float) -> Factors:
        """See :func:`normalised_svd`."""
        s, directions = self.s, self.directions
        if power < 0:  # a direction that the matrix does not have (more of them were asked for) gets no weight
            none = s <= np.finfo(s.dtype).eps * s.max(initial=0)
            s, directions = np.where(none, 1, s), np.where(none, 0, directions)
        directions = directions * s ** (power / 2)
        weights = (directions * self.counts[:, None] ** -beta).astype(np.float32)
        items = directions * self.counts[:, None] ** beta
        return Factors(_tensor(self.ones @ weights), _tensor(items), folding=Projection(_tensor(weights)))


def normalised_basis(
    interactions: Interactions, rank: int, *, method: SvdMethod = "exact", oversampling: int = 10, seed: int = 0
) -> NormalisedBasis:
    """Decompose the degree-normalised matrix of ``interactions``; see :func:`normalised_svd`."""
    ones = interactions.without_values().csr
    per_user = np.maximum(interactions.user_counts, 1).astype(np.float32)
    per_item = np.maximum(interactions.item_counts, 1).astype(np.float32)
    balanced = (sp.diags_array(per_user**-0.5) @ ones @ sp.diags_array(per_item**-0.5)).tocsr()
    _, s, Vt = truncated_svd(balanced, rank, method=method, seed=seed, oversampling=oversampling)
    return NormalisedBasis(ones, per_item, s, Vt.T)


@checked
def biased_svd(
    interactions: Interactions, rank: int, biases: Biases, *, method: SvdMethod = "exact", seed: int = 0
) -> Factors:
    """Mean and biases, plus the truncated SVD of the residuals (with zeros in missing cells).

    This is what "SVD" usually means for ratings. The bias of a new user is the shrunken mean of their residuals after
    the mean and the item biases; their vector is the projection of the rest.

    Args:
        interactions: ratings.
        rank: number of singular vectors; 0: only biases.
        biases: fitted to the same log, see :func:`fillrank.solvers.sparse.biases.fit_biases`.
        method, seed: see :func:`truncated_svd`.
    """
    if rank == 0:
        return biases_as_factors(biases)
    left_over = interactions.csr.copy()
    left_over.data = biases.residuals(interactions).astype(np.float32)
    U, s, Vt = truncated_svd(left_over, rank, method=method, seed=seed)
    root = _root(s)
    bare = biases_as_factors(biases)
    folding = ResidualProjection(_tensor(Vt.T / root), biases.user_shrinkage)
    return replace(bare, users=_tensor(U * root), items=_tensor(Vt.T * root), folding=folding)


@checked
def biases_as_factors(biases: Biases) -> Factors:
    """Mean and biases as factors without dimensions."""
    n_users, n_items = len(biases.user_bias), len(biases.item_bias)
    return Factors(
        torch.zeros(n_users, 0),
        torch.zeros(n_items, 0),
        user_bias=_tensor(biases.user_bias),
        item_bias=_tensor(biases.item_bias),
        offset=biases.mean,
        folding=ResidualProjection(torch.zeros(n_items, 0), biases.user_shrinkage),
    )


@checked
def first_directions(factors: Factors, rank: int) -> Factors:
    """The same factors with only their first ``rank`` directions; for an SVD, the factors of that rank.

    Raises:
        SettingsError: ``rank`` is below 0.
    """
    if rank < 0:
        raise SettingsError(f"rank must be 0 or more, got {rank}").about("rank")
    folding = with_weights(factors.folding, lambda weights: weights[:, :rank])
    return replace(
        factors, users=factors.users[:, :rank], items=factors.items[:, :rank], folding=folding, features=None
    )


def _root(s: Array) -> Array:
    """The square roots of the singular values; zeros are replaced by small numbers, so that division is possible."""
    return np.sqrt(np.maximum(s, np.finfo(np.float32).eps * max(float(s.max(initial=0.0)), 1.0)))


def _tensor(array: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
