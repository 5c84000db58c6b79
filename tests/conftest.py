"""Small data with known answers, shared by the tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fillrank.data import IdMap, Interactions, Split, split, synthetic
from fillrank.runtime.notices import _NOTICES


@pytest.fixture(autouse=True)
def nothing_was_said() -> None:
    """What is said once in the life of a program is said in each test, whatever tests ran before."""
    _NOTICES.forget()


@pytest.fixture(scope="session")
def ratings() -> Interactions:
    """Ratings of 150 users and 80 items, low-rank with biases known, items named ``film 0`` …"""
    log = synthetic(150, 80, 4000, rank=4, seed=7).interactions
    labels = [f"film {place}" for place in range(log.n_items)]
    biases = np.linspace(-1, 1, log.n_users)[log.users] + np.linspace(1, -1, log.n_items)[log.items]
    return replace(log, item_ids=IdMap(log.item_ids.ids, labels=labels), values=3 + log.values + biases)


@pytest.fixture(scope="session")
def parts(ratings: Interactions) -> Split:
    """The same ratings, split 80/10/10."""
    return split.random(ratings, test=0.1, valid=0.1, seed=0)
