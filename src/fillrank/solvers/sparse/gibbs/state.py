"""``GibbsState``: the state of a part of the sampler as arrays and plain data, to go on from later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["GibbsState", "prefixed", "without_prefix"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GibbsState:
    """A state.

    Attributes:
        arrays: float64, by name.
        facts: numbers and texts, which JSON can hold.
    """

    arrays: Mapping[str, Floats]
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, parts: Mapping[str, GibbsState]) -> GibbsState:
        """The states of several parts as one."""
        arrays = {key: one for name, part in parts.items() for key, one in prefixed(f"{name}/", part.arrays).items()}
        return cls(arrays, {name: dict(part.facts) for name, part in parts.items()})

    def part(self, name: str) -> GibbsState:
        """The state of one of these parts."""
        return GibbsState(without_prefix(f"{name}/", self.arrays), self.facts[name])


def prefixed(prefix: str, arrays: Mapping[str, Floats]) -> dict[str, Floats]:
    """The arrays with a prefix before their names.

    >>> list(prefixed("own.", {"values": np.zeros(1)}))
    ['own.values']
    """
    return {prefix + name: array for name, array in arrays.items()}


def without_prefix(prefix: str, arrays: Mapping[str, Floats]) -> dict[str, Floats]:
    """The arrays whose names begin with a prefix, without it.

    >>> list(without_prefix("own.", {"own.values": np.zeros(1), "totals": np.zeros(1)}))
    ['values']
    """
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
