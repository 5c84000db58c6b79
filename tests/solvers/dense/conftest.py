"""Tables whose full truth is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from fillrank.solvers.dense import Cells
from fillrank.solvers.dense.cells import Array


class Known(NamedTuple):
    truth: Array  # without noise
    noisy: Array  # a new observation of each cell
    holes: Array
    cells: Cells


def make_known(
    m: int = 40, n: int = 30, rank: int = 2, *, noise: float = 0.0, known: float = 0.6, positive: bool = False
) -> Known:
    rng = np.random.default_rng([m, n, rank])
    draw = rng.random if positive else rng.standard_normal
    truth = draw((m, rank)) @ draw((n, rank)).T / np.sqrt(rank)
    noisy = truth + noise * rng.standard_normal((m, n))
    holes = rng.random((m, n)) >= known
    return Known(truth, noisy, holes, Cells.observed(np.where(holes, np.nan, noisy)))


@pytest.fixture
def known() -> Callable[..., Known]:
    return make_known
