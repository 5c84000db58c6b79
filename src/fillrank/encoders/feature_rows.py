"""``FeatureRows``: the features of each row of one side, as a sparse matrix that multiplies their vectors."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from fillrank.data.features import FeatureCoding, Features
from fillrank.encoders.sparse import SparseMatrix

__all__ = ["FeatureRows", "RowParts"]


class RowParts(NamedTuple):
    """The features of some rows, one after the other.

    Attributes:
        features: int64 ``[nnz]``, which they are.
        rows: int64 ``[nnz]``, which of the rows that were asked for has each.
        numbers: ``[nnz]``.
    """

    features: Tensor
    rows: Tensor
    numbers: Tensor


class FeatureRows(SparseMatrix):
    """``X [n_rows, n_features]``; :meth:`times` gives the sums of vectors of features.

    Example:
        >>> import polars as pl
        >>> films = Features.from_frame(pl.DataFrame({"film": [1, 2, 3], "genre": ["War", "Drama", "War"]}))
        >>> rows = FeatureRows.of(films, FeatureCoding.of(films))
        >>> rows.times(torch.eye(2))
        tensor([[0., 1.],
                [1., 0.],
                [0., 1.]])
        >>> rows.parts(torch.tensor([2, 1])).features
        tensor([1, 0])
    """

    @classmethod
    def of(cls, features: Features, coding: FeatureCoding) -> Self:
        """The features of a log's items or users."""
        matrix = coding.matrix(features)
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        of, found = (torch.from_numpy(part.astype(np.int64)) for part in (rows, matrix.indices))
        n_rows, n_features = matrix.shape
        return cls(of, found, torch.from_numpy(matrix.data.astype(np.float32)), (int(n_rows), int(n_features)))

    def parts(self, rows: Tensor) -> RowParts:
        """The features of some rows, int64 ``[R]``."""
        first, counts = self._user_starts[rows], self._user_starts[rows + 1] - self._user_starts[rows]
        of = torch.arange(len(rows), device=rows.device).repeat_interleave(counts)
        begun = counts.cumsum(0) - counts
        places = torch.arange(len(of), device=rows.device) - begun[of] + first[of]
        return RowParts(self.items[places], of, self.weights[places])
