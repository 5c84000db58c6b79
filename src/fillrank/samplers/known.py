"""``KnownPositives``: which pairs are positives, so that they are not used as negatives."""

from __future__ import annotations

from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from fillrank.arguments import check_indices, checked, fitting
from fillrank.data import Interactions
from fillrank.errors import DataError

__all__ = ["KnownPositives"]

_KERNEL_FROM = 2**17  # cells; for fewer, compiling the kernel (half a second, once) costs more than it saves


@checked
class KnownPositives:
    """The positives of every row (user), for look-ups on any device.

    Attributes:
        n_rows, n_columns: size of the matrix.
        starts: int64 ``[n_rows + 1]``, the position in ``columns`` at which each row begins.
        columns: int64 ``[nnz]``, each once in a row.
        ignored: pairs that are neither positives nor negatives, such as what was seen and disliked; None: there are
            none. They are masked as the positives are, and do not count as such.

    Raises:
        DataError: there are no positives.

    Example:
        >>> log = Interactions.from_arrays(["ann", "ann", "bob"], ["tea", "rum", "rum"])
        >>> known = KnownPositives.of_users(log)  # rum is item 0, tea item 1
        >>> known.mask(torch.tensor([1, 0]), torch.tensor([0, 1]))
        tensor([[ True, False], [ True, True]])
    """

    def __init__(
        self, starts: Tensor, columns: Tensor, n_columns: int, *, ignored: KnownPositives | None = None
    ) -> None:
        fitting({"starts": "int S", "columns": "int N"}, starts=starts, columns=columns)
        if not len(columns):
            raise DataError("there is not a single positive to learn from: the log has no rows that count as relevant")
        self.starts, self.columns = starts, columns
        self.n_rows, self.n_columns, self.ignored = len(starts) - 1, n_columns, ignored

    @classmethod
    @checked
    def of_users(
        cls,
        interactions: Interactions,
        device: str | torch.device = "cpu",
        *,
        ignored: Interactions | None = None,
    ) -> Self:
        """Rows are users, columns are items; see the class for ``ignored``."""
        starts, columns = interactions.csr.indptr.astype("int64"), interactions.csr.indices.astype("int64")
        others = None if ignored is None or not len(ignored) else cls.of_users(ignored, device)
        on = torch.from_numpy(starts).to(device), torch.from_numpy(columns).to(device)
        return cls(*on, interactions.n_items, ignored=others)

    @classmethod
    @checked
    def of_items(
        cls,
        interactions: Interactions,
        device: str | torch.device = "cpu",
        *,
        ignored: Interactions | None = None,
    ) -> Self:
        """Rows are items, columns are users: for the item → user direction."""
        starts, columns = interactions.csc.indptr.astype("int64"), interactions.csc.indices.astype("int64")
        others = None if ignored is None or not len(ignored) else cls.of_items(ignored, device)
        on = torch.from_numpy(starts).to(device), torch.from_numpy(columns).to(device)
        return cls(*on, interactions.n_users, ignored=others)

    @property
    def full_rows(self) -> Tensor:
        """The rows in which every column is a positive or ignored, int64: they have no negatives."""
        taken = self.starts.diff() if self.ignored is None else self.starts.diff() + self.ignored.starts.diff()
        return torch.nonzero(taken == self.n_columns)[:, 0]

    @checked
    def mask(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Whether each column is a positive of the row, or ignored: bool ``[B, N]``.

        On a CPU, large blocks are computed by :mod:`fillrank.samplers.known_kernel`.

        Args:
            rows: int64 ``[B]``, repeats allowed.
            columns: int64 ``[N]``, each once, for all rows; or int64 ``[B, N]``, for each row its own, repeats allowed.

        Raises:
            DataError: a row or a column is out of range (checked on a CPU; on a GPU, PyTorch raises), or the shapes do
                not fit.
        """
        fitting({"rows": "int B", "columns": "int N" if columns.dim() == 1 else "int B N"}, rows=rows, columns=columns)
        found = self._mask(rows, columns)
        return found if self.ignored is None else found | self.ignored.mask(rows, columns)

    def _mask(self, rows: Tensor, columns: Tensor) -> Tensor:
        if columns.device.type == "cpu" and len(rows) * columns.shape[-1] >= _KERNEL_FROM:
            return self._mask_by_kernel(rows, columns)
        self._check_indices(rows, columns)
        return self._mask_shared(rows, columns) if columns.dim() == 1 else self._mask_pairs(rows, columns)

    @checked
    def mask_by_lookup(self, rows: Tensor, columns: Tensor) -> Tensor:
        """The same as :meth:`mask`, one row at a time: the readable twin."""
        fitting({"rows": "int B", "columns": "int N" if columns.dim() == 1 else "int B N"}, rows=rows, columns=columns)
        self._check_indices(rows, columns)
        lists = [self.columns[self.starts[row] : self.starts[row + 1]] for row in rows]
        wanted = columns.expand(len(rows), -1)
        found = torch.stack([torch.isin(own, known) for own, known in zip(wanted, lists, strict=True)])
        return found if self.ignored is None else found | self.ignored.mask_by_lookup(rows, columns)

    def _mask_by_kernel(self, rows: Tensor, columns: Tensor) -> Tensor:
        from fillrank.samplers.known_kernel import mask_of_pairs, mask_of_shared

        self._check_indices(rows, columns)  # compiled code would read beyond its tables
        arrays = (part.contiguous().numpy() for part in (rows, columns))
        of = mask_of_shared if columns.dim() == 1 else mask_of_pairs
        return torch.from_numpy(of(self.starts.numpy(), self.columns.numpy(), self.n_columns, *arrays))

    def _check_indices(self, rows: Tensor, columns: Tensor) -> None:
        check_indices("rows", rows, self.n_rows)
        check_indices("columns", columns, self.n_columns)

    def _mask_shared(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Join the positives of the rows, and look up which of the columns each one is."""
        place = torch.full((self.n_columns,), -1, dtype=torch.int64, device=columns.device)
        place[columns] = torch.arange(len(columns), device=columns.device)
        each, copies = torch.unique(rows, return_inverse=True)  # an active user is in a batch many times
        first = self.starts[each]
        length = self.starts[each + 1] - first
        row = torch.repeat_interleave(length)
        start = first - (length.cumsum(0) - length)
        hit = place[self.columns[start[row] + torch.arange(len(row), device=rows.device)]]
        mask = torch.zeros(len(each), len(columns) + 1, dtype=torch.bool, device=rows.device)
        mask[row, hit] = True  # a positive that is not in the columns has index -1, the unused last column
        return mask[copies, :-1]

    def _mask_pairs(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Look up every pair in the sorted pairs, by bisection."""
        pairs = rows[:, None] * self.n_columns + columns
        found = torch.searchsorted(self._pairs, pairs).clamp_(max=len(self._pairs) - 1)
        return self._pairs[found] == pairs

    @cached_property
    def _pairs(self) -> Tensor:
        """Every known pair as one number, ``row · n_columns + column``, ascending: int64 ``[nnz]``."""
        row = torch.repeat_interleave(self.starts.diff())
        return (row * self.n_columns + self.columns).sort().values
