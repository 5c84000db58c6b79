"""Weights between items that are only ever there as a matrix between users: for logs of fewer users than items.

Shapes: ``m`` known users, ``n`` items, ``B`` rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from fillrank.errors import DataError
from fillrank.factors.checks import check_floats
from fillrank.factors.weights import Csr, below, csr_from_parts, csr_parts
from fillrank.runtime.rng import numpy_stream
from fillrank.runtime.threads import one_thread

__all__ = ["DualWeights"]

_CELLS = 2**24


@dataclass(frozen=True, eq=False)
class DualWeights:
    """``W_ji = g_j · x_jᵀ K x_i · g_i · s_i``, and 0 on the diagonal.

    A known history costs nothing: where a row is that of a known user u, ``x_u diag(g) Xᵀ K`` is row u of ``I - K``.
    Any other costs ``m²`` multiplications.

    Attributes:
        kernel: K, float32 ``[m, m]``, the inverse of ``I + X diag(g) Xᵀ``.
        known: X, sparse ``[m, n]``, what the known users have met, and how much it counts.
        gains: g, float32 ``[n]``.
        scale: s, float32 ``[n]``.

    Raises:
        DataError: the shapes do not fit together.
        TrainingError: a number is NaN or infinite.
    """

    kernel: Tensor
    known: Csr
    gains: Tensor
    scale: Tensor

    def __post_init__(self) -> None:
        m, n = self.known.shape
        shapes = [list(part.shape) for part in (self.kernel, self.gains, self.scale)]
        if shapes != [[m, m], [n], [n]]:
            raise DataError(f"kernel, gains and scale must have the shapes {[[m, m], [n], [n]]}, got {shapes}")
        advice = "raise the regularization"
        check_floats({"gains": self.gains, "scale": self.scale}, "the weights'", advice)
        check_floats({"kernel": self.kernel.sum(0)}, "the weights'", advice)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.gains), len(self.gains)

    @property
    def largest(self) -> float:
        """Nobody has looked at all of them: infinite."""
        return math.inf

    @cached_property
    def _by_item(self) -> Csr:
        return self.known.T.tocsr()

    @cached_property
    def between_users(self) -> Tensor:
        """``x_iᵀ K x_i`` of each item, float32 ``[n]``."""
        found = np.zeros(self.shape[0])
        step = max(1, _CELLS // max(len(self.kernel), 1))
        for first in range(0, self.shape[0], step):
            some = self._by_item[first : first + step]
            through = some @ self.kernel.numpy()
            of_cell = np.repeat(np.arange(some.shape[0]), np.diff(some.indptr))
            own = through[of_cell, some.indices] * some.data
            found[first : first + step] = np.bincount(of_cell, own, some.shape[0])
        return torch.from_numpy(found.astype(np.float32))

    def times(self, rows: Csr) -> Tensor:
        """See :class:`fillrank.factors.weights.Weights`."""
        after = self._through_users(rows)
        out = torch.from_numpy(np.ascontiguousarray((self._by_item @ after.T.numpy()).T)).mul_(self.gains * self.scale)
        of_cell = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        own = (self.gains**2 * self.scale * self.between_users).numpy()[rows.indices] * rows.data
        out.numpy()[of_cell, rows.indices] -= own.astype(np.float32)
        return out

    def _through_users(self, rows: Csr) -> Tensor:
        """``rows diag(g) Xᵀ K``, float32 ``[B, m]``."""
        found = self._known_rows(rows)
        after = torch.empty(rows.shape[0], len(self.kernel))
        same, new = np.flatnonzero(found >= 0), np.flatnonzero(found < 0)
        if len(same):
            places = torch.from_numpy(found[same])
            after[same] = -self.kernel[places]
            after[torch.from_numpy(same), places] += 1.0
        if len(new):
            some = rows[new]
            weighted = sp.csr_array(
                (some.data * self.gains.numpy()[some.indices], some.indices, some.indptr), some.shape
            )
            with one_thread():
                before = torch.from_numpy((weighted.astype(np.float32) @ self._by_item).toarray())
                after[new] = torch.cat([row[None] @ self.kernel for row in before])  # alone: a batch rounds otherwise
        return after

    @cached_property
    def _marks(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """A random number for each item, and their sums over each known row, sorted: what rows are looked up by."""
        drawn = numpy_stream(0, "marks of histories").random(self.shape[0])
        sums = self.known @ drawn
        order = np.argsort(sums, kind="stable")
        return drawn, sums[order], order

    def _known_rows(self, rows: Csr) -> NDArray[np.int64]:
        """The known user with the very same row as each, or -1."""
        drawn, sums, order = self._marks
        found = np.full(rows.shape[0], -1, dtype=np.int64)
        if not len(sums):
            return found
        near = order[np.minimum(np.searchsorted(sums, rows @ drawn - 1e-9), len(sums) - 1)]
        for row, user in enumerate(near.tolist()):
            own = slice(*rows.indptr[row : row + 2].tolist())
            theirs = self.known.indices[slice(*self.known.indptr[user : user + 2].tolist())]
            amounts = self.known.data[slice(*self.known.indptr[user : user + 2].tolist())]
            if np.array_equal(rows.indices[own], theirs) and np.array_equal(rows.data[own], amounts):
                found[row] = user
        return found

    def cells(self, sources: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.float32]:
        """See :class:`fillrank.factors.weights.Weights`."""
        out = np.zeros(len(sources), dtype=np.float32)
        order = np.argsort(targets, kind="stable")
        several, starts = np.unique(targets[order], return_index=True)
        for target, cells in zip(several.tolist(), np.split(order, starts[1:]), strict=True):
            out[cells] = self._column(target)[sources[cells]]
        out[sources == targets] = 0.0
        return out

    def _products(self, item: int) -> NDArray[np.float32]:
        """``x_jᵀ K x_i`` of one item i with all items j."""
        met = self._by_item[[item]]
        amounts = torch.from_numpy(met.data.astype(np.float32))
        through = (amounts[:, None] * self.kernel[torch.from_numpy(met.indices.astype(np.int64))]).sum(0).numpy()
        return np.asarray(self._by_item @ through)

    def _column(self, item: int) -> NDArray[np.float32]:
        """``W_ji`` of all j for one item i, but for the diagonal."""
        column = self._products(item) * self.gains.numpy() * float(self.gains[item] * self.scale[item])
        return np.asarray(column, dtype=np.float32)

    def row(self, source: int) -> Tensor:
        """See :class:`fillrank.factors.weights.Weights`."""
        row = torch.from_numpy(self._products(source)).mul_(self.gains[source] * self.gains * self.scale)
        row[source] = 0.0
        return row

    def tensors(self) -> dict[str, Tensor]:
        """See :class:`fillrank.factors.weights.Weights`."""
        known = {f"known.{name}": tensor for name, tensor in csr_parts(self.known).items()}
        return {"kernel": self.kernel, "gains": self.gains, "scale": self.scale, **known}

    @classmethod
    def from_parts(cls, parts: dict[str, Tensor], n_items: int) -> DualWeights:
        """The inverse of :meth:`tensors`.

        Raises:
            DataError: a tensor is missing, or is not what it should be.
        """
        known = csr_from_parts(below("known.", parts), (len(parts["kernel"]), n_items))
        return cls(parts["kernel"], known, parts["gains"], parts["scale"])
