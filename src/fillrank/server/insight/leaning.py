"""What leaning to the rare or to the popular does to all lists, measured over some users of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fillrank.server.profile import known_user
from fillrank.server.rules import Allowed, best_items
from fillrank.server.served import Served

__all__ = ["STEPS", "leanings", "sampled_users"]

STEPS = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)
_USERS, _K = 200, 10


def sampled_users(served: Served, most: int = _USERS) -> list[int]:
    """Users at equal distances in the order of the model, so that the same ones are always looked at."""
    n = served.model.interactions.n_users
    return np.unique(np.linspace(0, max(n - 1, 0), min(most, n)).astype(int)).tolist() if n else []


def leanings(served: Served, steps: Sequence[float] = STEPS) -> dict[str, Any]:
    """For each step of ``novelty``: how many have met a listed item, and the share of the catalogue that is listed.

    Measured on lists of ten for up to 200 users.
    """
    users = sampled_users(served)
    popularity = np.asarray(served.model.popularity, dtype=np.float64)
    rows = []
    for step in steps:
        counts = np.zeros(len(served.ids))
        for user in users:
            met = served.met_by(user)
            mask = np.ones(len(served.ids), dtype=bool)
            mask[met] = False
            items, _ = best_items(served, known_user(served, user, met), _K, Allowed(mask, novelty=step))
            counts[items] += 1
        listed = max(counts.sum(), 1)
        rows.append({
            "novelty": step,
            "met_by": float(counts @ popularity / listed),
            "coverage": float((counts > 0).mean()) if len(counts) else 0.0,
            "rare": float(counts @ (popularity <= np.median(popularity)) / listed),
        })  # fmt: skip
    return {"steps": rows, "users": len(users), "k": _K, "model_users": served.model.interactions.n_users}
