"""Which pairs are positives, so that none of them is taken for a negative."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from fillrank.data import Interactions

__all__ = ["KnownPositives"]


class KnownPositives:
    """The positives of every row (user), ready to be looked up on any device.

    Attributes:
        n_rows, n_columns: size of the matrix.
        starts: int64 ``[n_rows + 1]``, where each row's part of ``columns`` begins.
        columns: int64 ``[nnz]``.
    """

    def __init__(self, starts: Tensor, columns: Tensor, n_columns: int) -> None:
        self.starts, self.columns = starts, columns
        self.n_rows, self.n_columns = len(starts) - 1, n_columns
        self._place = torch.full((n_columns,), -1, dtype=torch.int64, device=columns.device)

    @classmethod
    def of_users(cls, log: Interactions, device: str | torch.device = "cpu") -> Self:
        """Rows are users, columns are items."""
        starts, columns = log.csr.indptr.astype("int64"), log.csr.indices.astype("int64")
        return cls(torch.from_numpy(starts).to(device), torch.from_numpy(columns).to(device), log.n_items)

    @classmethod
    def of_items(cls, log: Interactions, device: str | torch.device = "cpu") -> Self:
        """Rows are items, columns are users: for the item → user direction."""
        starts, columns = log.csc.indptr.astype("int64"), log.csc.indices.astype("int64")
        return cls(torch.from_numpy(starts).to(device), torch.from_numpy(columns).to(device), log.n_users)

    def mask(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Where a column is a positive of a row: bool ``[B, N]``.

        Args:
            rows: int64 ``[B]``, repeats allowed.
            columns: int64 ``[N]``, each once.
        """
        place = self._place
        place[columns] = torch.arange(len(columns), device=columns.device)
        each, copies = torch.unique(rows, return_inverse=True)  # a busy row stands in a batch many times
        first = self.starts[each]
        length = self.starts[each + 1] - first
        row = torch.repeat_interleave(length)
        start = first - (length.cumsum(0) - length)
        hit = place[self.columns[start[row] + torch.arange(len(row), device=rows.device)]]
        place[columns] = -1
        mask = torch.zeros(len(each), len(columns) + 1, dtype=torch.bool, device=rows.device)
        mask[row, hit] = True  # a positive that is not among the columns has place -1: the spare last column
        return mask[copies, :-1]

    def mask_by_lookup(self, rows: Tensor, columns: Tensor) -> Tensor:
        """The same as :meth:`mask`, one row at a time: the readable twin."""
        lists = [self.columns[self.starts[row] : self.starts[row + 1]] for row in rows]
        return torch.stack([torch.isin(columns, known) for known in lists])
