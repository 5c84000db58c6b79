"""A small log, and first vectors for it."""

from __future__ import annotations

import pytest
import torch

from fillrank.data import Interactions, synthetic
from fillrank.encoders import Tables


@pytest.fixture(scope="session")
def log() -> Interactions:
    """Some 40 interactions of 12 users and 9 items; the last user and the last item have none."""
    rows = synthetic(12, 9, 50, seed=3).interactions
    return rows.select((rows.users < 11) & (rows.items < 8))


@pytest.fixture
def start(log: Interactions) -> Tables:
    """First vectors ``[12, 3]`` and ``[9, 3]`` in double precision."""
    generator = torch.Generator().manual_seed(1)
    users, items = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (log.n_users, log.n_items))
    return users, items
