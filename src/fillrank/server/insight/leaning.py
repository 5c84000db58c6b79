"""What leaning to the rare or to the popular does to all lists, measured over some users of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fillrank.server.profile import known_user
from fillrank.server.rules import Allowed, best_items
from fillrank.server.served import Served

__all__ = ["LENGTH", "STEPS", "leanings", "sampled_users", "times_listed"]

STEPS = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)
LENGTH = 10
"""Of the lists that are looked at."""
_USERS = 200


def sampled_users(served: Served, most: int = _USERS) -> list[int]:
    """Users at equal distances in the order of the model, so that the same ones are always looked at."""
    n = served.model.interactions.n_users
    return np.unique(np.linspace(0, max(n - 1, 0), min(most, n)).astype(int)).tolist() if n else []


def times_listed(served: Served, may_be: NDArray[np.bool_], novelty: float = 0.0) -> NDArray[np.float64]:
    """How often each item is on the lists of the sampled users, float64 ``[n_items]``.

    Args:
        served: the model.
        may_be: bool ``[n_items]``: what may be listed; what a user has met is not.
        novelty: how far the lists lean to what few have met.
    """
    counts = np.zeros(len(served.ids))
    for user in sampled_users(served):
        met = served.met_by(user)
        mask = may_be.copy()
        mask[met] = False
        items, _ = best_items(served, known_user(served, user, met), LENGTH, Allowed(mask, novelty=novelty))
        counts[items] += 1
    return counts


def leanings(served: Served, steps: Sequence[float] = STEPS) -> dict[str, Any]:
    """For each step of ``novelty``: how many have met a listed item, and the share of the catalogue that is listed.

    Measured on lists of ten for up to 200 users.
    """
    popularity, every = np.asarray(served.model.popularity, dtype=np.float64), np.ones(len(served.ids), dtype=bool)
    rows = []
    for step in steps:
        counts = times_listed(served, every, step)
        listed = max(counts.sum(), 1)
        rows.append({
            "novelty": step,
            "met_by": float(counts @ popularity / listed),
            "coverage": float((counts > 0).mean()) if len(counts) else 0.0,
            "rare": float(counts @ (popularity <= np.median(popularity)) / listed),
        })  # fmt: skip
    users = len(sampled_users(served))
    return {"steps": rows, "users": users, "k": LENGTH, "model_users": served.model.interactions.n_users}
