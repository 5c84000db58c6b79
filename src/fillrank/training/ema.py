"""``Average``: a running average of the parameters, which generalises better than their last values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["Average"]


class Average:
    """An exponential moving average of a module's parameters (Polyak & Juditsky 1992, in its usual running form).

    At step t, the weight of a new value is ``max(1/(t+1), 1/span)``: at first a plain mean, so that the initial values
    are soon forgotten, then a window of about ``span`` steps.

    Args:
        module: the module whose parameters are averaged.
        span: length of the window in steps, at least 1; at 1 the average is the last value.
    """

    def __init__(self, module: nn.Module, span: float) -> None:
        self._live: list[Tensor] = list(module.parameters())
        self._mean = [p.detach().clone() for p in self._live]
        self._span, self._steps = max(span, 1.0), 0

    def update(self) -> None:
        """Update the averages with the current values."""
        with torch.no_grad():
            torch._foreach_lerp_(self._mean, self._live, max(1 / (self._steps + 1), 1 / self._span))
        self._steps += 1

    @property
    def means(self) -> list[Tensor]:
        """The averages, one for each parameter."""
        return self._mean

    def state_dict(self) -> dict[str, Tensor]:
        """The state that a resumed training needs."""
        return {"steps": torch.tensor(self._steps)} | {str(n): mean for n, mean in enumerate(self._mean)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """The inverse of :meth:`state_dict`."""
        self._steps = int(state["steps"])
        for n, mean in enumerate(self._mean):
            mean.copy_(state[str(n)])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside the block the module has the averages as parameters; afterwards its own values again."""
        with torch.no_grad():
            own = [p.detach().clone() for p in self._live]
            torch._foreach_copy_(self._live, self._mean)
            try:
                yield
            finally:
                torch._foreach_copy_(self._live, own)
