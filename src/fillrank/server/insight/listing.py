"""What is listed against what is popular, over some users of the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from fillrank.server.catalogue import Catalogue
from fillrank.server.insight.leaning import LENGTH, sampled_users, times_listed

__all__ = ["listed_against_popular"]

_SHOWN = 12


def listed_against_popular(catalogue: Catalogue) -> dict[str, Any]:
    """How often items are listed, beside how often they are met, on lists of ten for up to 200 users.

    Ten groups hold a tenth of the catalogue each, the most popular first: which share of what was met, and of what is
    listed, is in each.
    """
    served = catalogue.served
    popularity = np.asarray(served.model.popularity, dtype=np.float64)
    counts = times_listed(served, ~catalogue.unlisted)
    groups = np.array_split(served.popular, min(10, max(len(served.popular), 1)))

    def shares(numbers: Any) -> list[float]:
        total = max(float(numbers.sum()), 1.0)
        return [float(numbers[group].sum() / total) for group in groups]

    ranks = np.empty(len(counts), dtype=np.int64)
    ranks[served.popular] = np.arange(1, len(counts) + 1)
    most = np.argsort(-counts, kind="stable")[:_SHOWN]
    top = [
        {
            "item": served.ids[place],
            "title": catalogue.title(place),
            "lists": int(counts[place]),
            "met_by": int(popularity[place]),
            "popularity_rank": int(ranks[place]),
        }
        for place in most.tolist()
        if counts[place] > 0
    ]
    return {
        "users": len(sampled_users(served)),
        "k": LENGTH,
        "coverage": float((counts > 0).mean()) if len(counts) else 0.0,
        "listed_by_group": shares(counts),
        "met_by_group": shares(popularity),
        "top": top,
    }
