"""Sum many products of thin matrices.

A small table is summed cell by cell. A large table is never formed: it is kept as a pair of factors, which are
truncated to the best columns whenever they have twice as many.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fillrank.solvers.sparse.gibbs.state import GibbsState

__all__ = ["DenseSum", "LowRankSum", "ProductSum", "ThinSum", "product_sum", "svd_of_product"]

Floats = NDArray[np.float64]

_CELLS = 1 << 22
"""Tables with at most so many cells (32 MiB) are summed cell by cell, which is as fast and more exact."""


class LowRankSum(NamedTuple):
    """A low-rank approximation of a sum: ``left [m, c] @ right [n, c].T``.

    Attributes:
        left: with orthonormal columns.
        right: with columns of descending length.
        loss: an upper bound of the Frobenius norm of the truncated part, relative to the norm of the result.
    """

    left: Floats
    right: Floats
    loss: float

    @classmethod
    def of(cls, left: Floats, right: Floats, lost: float) -> Self:
        """Make it from the factors and the norm of the truncated part."""
        norm = float(np.linalg.norm(right))
        return cls(left, right, lost / norm if norm else 0.0)


class ProductSum(ABC):
    """The sum ``Σ_s L_s R_sᵀ``, approximated by ``dim`` columns at the end.

    Args:
        m, n: numbers of rows of the left and of the right factors.
        dim: number of columns to keep. The result is exact if the rank of the sum is at most ``dim``.
    """

    @abstractmethod
    def __init__(self, m: int, n: int, dim: int) -> None: ...

    @abstractmethod
    def add(self, left: Floats, right: Floats) -> None:
        """Add ``left [m, r] @ right [n, r].T``. The arrays may be kept, so do not change them afterwards."""

    @abstractmethod
    def absorb(self, other: Self) -> None:
        """Add another sum of the same kind."""

    @abstractmethod
    def state(self) -> GibbsState:
        """A copy of the sum so far."""

    @abstractmethod
    def take_up(self, state: GibbsState) -> None:
        """Go on from such a state."""

    @abstractmethod
    def kept(self) -> LowRankSum:
        """The sum in at most ``dim`` columns."""


def product_sum(m: int, n: int, dim: int) -> ProductSum:
    """An empty sum of the kind that fits its size.

    >>> type(product_sum(1000, 500, 8)).__name__, type(product_sum(10**6, 10**5, 8)).__name__
    ('DenseSum', 'ThinSum')
    """
    return DenseSum(m, n, dim) if m * n <= _CELLS else ThinSum(m, n, dim)


class DenseSum(ProductSum):
    """A sum that is kept as a dense table, and truncated once at the end.

    Example:
        >>> total = DenseSum(2, 2, dim=1)
        >>> for scale in (1.0, 2.0, 3.0):
        ...     total.add(np.diag([scale, 1.0]), np.eye(2))
        >>> left, right, loss = total.kept()
        >>> (left @ right.T).round(6).tolist(), round(loss, 6)
        ([[6.0, 0.0], [0.0, 0.0]], 0.5)
    """

    def __init__(self, m: int, n: int, dim: int) -> None:
        self._table, self._dim = np.zeros((m, n)), dim

    def add(self, left: Floats, right: Floats) -> None:
        """See :class:`ProductSum`."""
        self._table += left @ right.T

    def absorb(self, other: Self) -> None:
        """See :class:`ProductSum`."""
        self._table += other._table

    def state(self) -> GibbsState:
        """See :class:`ProductSum`."""
        return GibbsState({"table": self._table.copy()}, {})

    def take_up(self, state: GibbsState) -> None:
        """See :class:`ProductSum`."""
        self._table[:] = state.arrays["table"]

    def kept(self) -> LowRankSum:
        """See :class:`ProductSum`."""
        U, s, Vt = np.linalg.svd(self._table, full_matrices=False)
        best = slice(self._dim)
        return LowRankSum.of(U[:, best], Vt[best].T * s[best], float(np.linalg.norm(s[self._dim :])))


class ThinSum(ProductSum):
    """A sum that is kept as factors, which are truncated to ``dim`` columns whenever they have twice as many.

    Example:
        >>> total = ThinSum(2, 2, dim=2)
        >>> for scale in (1.0, 2.0, 3.0):
        ...     total.add(scale * np.eye(2), np.eye(2))
        >>> left, right, loss = total.kept()
        >>> (left @ right.T).round(6).tolist(), loss
        ([[6.0, 0.0], [0.0, 6.0]], 0.0)
    """

    def __init__(self, m: int, n: int, dim: int) -> None:
        self._dim, self._lost = dim, 0.0
        self._left, self._right = [np.zeros((m, 0))], [np.zeros((n, 0))]

    def add(self, left: Floats, right: Floats) -> None:
        """See :class:`ProductSum`."""
        self._left.append(left)
        self._right.append(right)
        if sum(part.shape[1] for part in self._left) >= 2 * self._dim:
            self._cut()

    def absorb(self, other: Self) -> None:
        """See :class:`ProductSum`."""
        self._lost += other._lost
        for left, right in zip(other._left, other._right, strict=True):
            self.add(left, right)

    def state(self) -> GibbsState:
        """See :class:`ProductSum`; the parts stay apart, as a later :meth:`absorb` goes through them."""
        parts = {f"{side}.{n}": part for side in ("left", "right") for n, part in enumerate(getattr(self, f"_{side}"))}
        return GibbsState({name: part.copy() for name, part in parts.items()}, {"lost": self._lost})

    def take_up(self, state: GibbsState) -> None:
        """See :class:`ProductSum`."""
        n = len(state.arrays) // 2
        self._left, self._right = ([state.arrays[f"{side}.{k}"] for k in range(n)] for side in ("left", "right"))
        self._lost = float(state.facts["lost"])

    def kept(self) -> LowRankSum:
        """See :class:`ProductSum`."""
        self._cut()
        return LowRankSum.of(self._left[0], self._right[0], self._lost)

    def _cut(self) -> None:
        U, s, V = svd_of_product(np.hstack(self._left), np.hstack(self._right))
        self._lost += float(np.linalg.norm(s[self._dim :]))  # the sum over all truncations is an upper bound
        self._left, self._right = [U[:, : self._dim]], [(V * s)[:, : self._dim]]


def svd_of_product(left: Floats, right: Floats) -> tuple[Floats, Floats, Floats]:
    """The singular value decomposition of ``left @ right.T`` without forming it: ``[m, c]``, ``[n, c]`` → U, s, V.

    >>> U, s, V = svd_of_product(np.array([[3.0], [4.0]]), np.array([[2.0], [0.0]]))
    >>> s.round(6).tolist(), np.allclose(U * s @ V.T, [[6, 0], [8, 0]])
    ([10.0], True)
    """
    on_left, core_left = np.linalg.qr(left)
    on_right, core_right = np.linalg.qr(right)
    U, s, Vt = np.linalg.svd(core_left @ core_right.T, full_matrices=False)
    return on_left @ U, s, on_right @ Vt.T
