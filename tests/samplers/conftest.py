"""A small log whose every probability can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fillrank.data import IdMap, Interactions
from fillrank.samplers import KnownPositives

COUNTS = (6, 5, 4, 4, 3, 2, 2, 1, 1, 1, 1, 0)  # users of each item: popular, rare, and one that nobody met


@pytest.fixture(scope="session")
def log() -> Interactions:
    """8 users and 12 items: item i was met by ``COUNTS[i]`` of them."""
    rng = np.random.default_rng(0)
    users = np.concatenate([rng.choice(8, size=count, replace=False) for count in COUNTS])
    items = np.repeat(np.arange(12), COUNTS)
    return Interactions(users, items, None, None, IdMap(range(8)), IdMap(range(12)))


@pytest.fixture(scope="session")
def known(log: Interactions) -> KnownPositives:
    return KnownPositives.of_users(log)
