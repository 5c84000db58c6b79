"""``RowAdam``: Adam that updates only the rows that a batch used."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fillrank.errors import SettingsError

__all__ = ["RowAdam", "on_kernels"]

_KERNEL_FROM = 2**14  # numbers in a table; for fewer, compiling the kernels costs more than it saves


def on_kernels(table: Tensor) -> bool:
    """Whether the compiled kernels of :mod:`fillrank.training.rowwise.kernels` support such a table, and are faster."""
    return table.device.type == "cpu" and table.dtype == torch.float32 and table.numel() >= _KERNEL_FROM


class RowAdam:
    """Adam (Kingma & Ba 2015) on one table, row by row: only touched rows, and their moments, are read and written.

    ``m ← β₁m + (1-β₁)g``, ``v ← β₂v + (1-β₂)g²``, ``x ← x - rate · m̂ / (√v̂ + ε)`` with ``m̂ = m/(1-β₁ᵗ)`` and
    ``v̂ = v/(1-β₂ᵗ)``, where t counts all steps, not the updates of a row. This is the variant of PyTorch's
    ``SparseAdam``: a row that a step does not touch keeps its value and its moments. If every step touches every row,
    it is Adam itself.

    Args:
        table: ``[n, d]``; changed in place.
        learning_rate: the rate; :attr:`rate` can be changed before each step.
        betas: β₁ and β₂.
        eps: ε.

    Raises:
        SettingsError: the rate or a β is out of its range.

    Example:
        >>> table = torch.zeros(3, 1)
        >>> RowAdam(table, learning_rate=0.1).step(torch.tensor([2]), torch.tensor([[5.0]]))
        >>> table.flatten()
        tensor([ 0.0000,  0.0000, -0.1000])
    """

    def __init__(
        self, table: Tensor, learning_rate: float, *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        if not 0 < learning_rate < float("inf"):
            raise SettingsError(f"learning_rate must be a positive number, got {learning_rate}; 0.001 is usual")
        if not all(0 <= beta < 1 for beta in betas):
            raise SettingsError(f"each of Adam's betas must be from 0 to below 1, got {betas}")
        self.rate, self._betas, self._eps, self._steps = learning_rate, betas, eps, 0
        self._table = table.detach()
        self._mean, self._square = torch.zeros_like(self._table), torch.zeros_like(self._table)

    def step(self, rows: Tensor, gradient: Tensor) -> None:
        """Update some rows.

        Args:
            rows: int64 ``[R]``, each once.
            gradient: ``[R, d]``; overwritten.
        """
        self._steps += 1
        first, second = self._betas
        scale = (1 - second**self._steps) ** 0.5
        rate, eps = self.rate * scale / (1 - first**self._steps), self._eps * scale
        if on_kernels(self._table):
            from fillrank.training.rowwise.kernels import adam_rows

            tables = self._table.numpy(), self._mean.numpy(), self._square.numpy()
            numbers = np.array([first, second, rate, eps], dtype=np.float32)
            adam_rows(tables, rows.numpy(), gradient.numpy(), numbers)
            return
        mean = self._mean.index_select(0, rows).lerp_(gradient, 1 - first)
        square = self._square.index_select(0, rows).mul_(second).addcmul_(gradient, gradient, value=1 - second)
        self._mean.index_copy_(0, rows, mean)
        self._square.index_copy_(0, rows, square)
        change = torch.div(mean, square.sqrt_().add_(eps), out=gradient)
        self._table.index_add_(0, rows, change, alpha=-rate)

    @property
    def moments(self) -> tuple[Tensor, Tensor]:
        """The two moments, m and v, of every row."""
        return self._mean, self._square

    def state_dict(self) -> dict[str, Tensor]:
        """All that a resumed training needs."""
        return {"mean": self._mean, "square": self._square, "steps": torch.tensor(self._steps)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """The inverse of :meth:`state_dict`."""
        self._mean.copy_(state["mean"])
        self._square.copy_(state["square"])
        self._steps = int(state["steps"])
