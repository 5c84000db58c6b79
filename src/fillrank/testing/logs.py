"""Small logs for the contract tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fillrank.data import IdMap, Interactions, synthetic

__all__ = ["odd_logs", "small_log"]


def small_log(n_users: int = 30, n_items: int = 20, n_rows: int = 240, *, seed: int = 0) -> Interactions:
    """Ratings of low rank with biases; the last user and the last item have no row."""
    interactions = synthetic(n_users, n_items, n_rows, rank=3, seed=seed).interactions
    interactions = interactions.select((interactions.users < n_users - 1) & (interactions.items < n_items - 1))
    values = np.zeros(len(interactions)) if interactions.values is None else interactions.values
    biases = np.linspace(-1, 1, n_users)[interactions.users] + np.linspace(1, -1, n_items)[interactions.items]
    return replace(interactions, values=(3 + values + biases).astype(np.float32))


def odd_logs() -> dict[str, Interactions]:
    """Tiny logs, each with a description of what is special about it."""
    two = IdMap(range(2))
    one = np.zeros(1, dtype=np.int32)
    return {
        "a log of one row": Interactions.from_arrays([0], [0], values=[4.0]),
        "a log of one user": Interactions.from_arrays([0, 0, 0], [0, 1, 2], values=[4.0, 2.0, 5.0]),
        "a log of one item": Interactions.from_arrays([0, 1, 2], [0, 0, 0], values=[4.0, 2.0, 5.0]),
        "a log whose values are all the same": Interactions.from_arrays([0, 0, 1], [0, 1, 1], values=[3.0, 3.0, 3.0]),
        "a log with a user and an item without rows": Interactions(one, one, np.full(1, 2, np.float32), None, two, two),
    }
