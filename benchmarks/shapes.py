"""Logs of many shapes, and what is searched for each recipe: the ground on which defaults are judged (``untuned.py``).

The synthetic logs have a taste: which items a user meets depends on the user, so that there is something to rank by.
User u meets the items with the highest ``log popularity_i + taste · <p_u, q_i> + Gumbel noise``: a draw without
replacement by the softmax of the first two. Ratings are ``3.5 + a_u + b_i + .7 · <p_u, q_i> + noise``, in half stars.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import fillrank as fr
from fillrank.models import RECIPES

Space = Mapping[str, Any]


def with_taste(
    n_users: int, n_items: int, per_user: float, *, rank: int = 16, taste: float = 2.0, ratings: bool = False
) -> fr.Interactions:
    """A synthetic log; ``per_user`` is the mean of the (geometric) number of items that a user meets, at least 2."""
    draws = np.random.default_rng(20261126)
    p, q = (draws.standard_normal((n, rank)) * rank**-0.25 for n in (n_users, n_items))
    popularity = -0.8 * np.log(draws.permutation(n_items) + 10.0)
    counts = np.minimum(1 + draws.geometric(1 / max(per_user - 1, 1.0), n_users), n_items // 3)
    users, items = [], []
    for start in range(0, n_users, 500):
        block = np.arange(start, min(start + 500, n_users))
        scores = popularity + taste * (p[block] @ q.T) + draws.gumbel(size=(len(block), n_items))
        most = int(counts[block].max())
        best = np.argpartition(-scores, most, axis=1)[:, : most + 1]
        best = np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, 1), axis=1), 1)
        met = np.arange(most + 1) < counts[block][:, None]
        users.append(np.repeat(block, counts[block]))
        items.append(best[met])
    user, item = np.concatenate(users), np.concatenate(items)
    if not ratings:
        return fr.Interactions.from_arrays(user, item)
    a, b = (0.4 * draws.standard_normal(n) for n in (n_users, n_items))
    liking = 0.7 * np.einsum("rd,rd->r", p[user], q[item])
    value = 3.5 + a[user] + b[item] + liking + 0.8 * draws.standard_normal(len(user))
    stars = np.clip(np.round(2 * value) / 2, 0.5, 5)
    return fr.Interactions.from_arrays(user, item, stars, relevant_from=4.0)


LOGS: dict[str, Callable[[], fr.Interactions | str]] = {
    "movielens-small": lambda: "movielens-small",
    "ml-100k": lambda: fr.load("ml-100k"),
    "ml-1m": lambda: "ml-1m",
    "gowalla": lambda: "gowalla",
    "yelp2018": lambda: "yelp2018",
    "1,000 x 500, dense": lambda: with_taste(1_000, 500, 60, ratings=True),
    "20,000 x 2,000, two a user": lambda: with_taste(20_000, 2_000, 2.5),
    "5,000 x 50,000, wide": lambda: with_taste(5_000, 50_000, 40, taste=2.5),
}
"""By name; a text is a data set of the catalogue, taken with its published split where it has one."""

VALUED = frozenset(name for name, kind in RECIPES.items() if kind.needs_values)
"""Recipes that are judged by the error of their predictions, and so only on logs with ratings."""


def _log(low: float, high: float) -> Space:
    return {"low": low, "high": high, "log": True}


_CONTRAST: Space = {
    "learning_rate": _log(3e-4, 3e-2),
    "dropout": {"choices": [0.0, 0.1, 0.3]},
    "batch_size": {"choices": [512, 1024, 2048, 8192]},
    "neighbour_weight": {"choices": [0.0, 0.1, 0.3, 1.0, 2.0]},
    "popularity_beta": {"choices": [-0.1, 0.0, 0.1, 0.2]},
}
_SOFTMAX: Space = {**_CONTRAST, "loss_settings": {"temperature": _log(0.05, 0.6)}}

_KNN: Space = {
    "similarity": {"choices": ["cosine", "pearson", "tfidf", "bm25"]},
    "k": _log(5, 1000),
    "shrinkage": _log(0.1, 1000.0),
}

SPACES: dict[str, Space] = {
    "pure-svd": {"rank": _log(2, 512), "use_values": {"choices": [True, False]}},
    "normalised-svd": {
        "rank": _log(4, 512),
        "beta": {"low": 0.0, "high": 0.8},
        "power": {"low": 0.0, "high": 1.0},
    },
    "ials": {
        "dim": _log(16, 256),
        "unobserved_weight": _log(1e-3, 1.0),
        "regularization": _log(1e-3, 0.3),
        "frequency_exponent": {"low": 0.0, "high": 1.0},
    },
    "ease": {"regularization": _log(1.0, 1e4)},
    "edlae": {"regularization": _log(1.0, 1e4), "dropout": {"low": 0.0, "high": 0.9}},
    "rdlae": {
        "regularization": _log(1.0, 1e4),
        "dropout": {"low": 0.0, "high": 0.9},
        "max_diagonal": {"low": 0.0, "high": 0.9},
    },
    "item-knn": _KNN,
    "user-knn": _KNN,
    "rp3-beta": {
        "alpha": {"low": 0.0, "high": 2.0},
        "beta": {"low": 0.0, "high": 1.2},
        "k": _log(5, 1000),
    },
    "slim": {"regularization": _log(1.0, 1e4), "lasso": _log(0.1, 100.0)},
    "contrastive": _SOFTMAX,
    "lightgcn": _SOFTMAX,
    "mmcl": {
        **_CONTRAST,
        "loss_settings": {
            "negative_weight": _log(1.0, 700.0),
            "margins_and_weights": {"n_margins": [1, 3], "lowest": 0.0, "highest": 0.95},
        },
    },
    "ccl": {
        **_CONTRAST,
        "loss_settings": {"margin": {"low": 0.0, "high": 0.9}, "negative_weight": _log(1.0, 700.0)},
    },
    "bpr": _CONTRAST,
    "neumf": {
        "learning_rate": _log(3e-4, 1e-2),
        "batch_size": {"choices": [512, 1024, 4096]},
        "regularization": _log(1e-7, 1e-3),
    },
    "cmc": {
        "temperature": _log(0.05, 0.5),
        "regularization": _log(0.02, 0.5),
        "contrastive_weight": _log(0.02, 1.0),
        "learning_rate": _log(1e-3, 1e-2),
    },
    "biased-svd": {
        "rank": _log(1, 50),
        "user_shrinkage": _log(0.5, 30.0),
        "item_shrinkage": _log(0.5, 30.0),
    },
    "sgd": {
        "dim": _log(8, 128),
        "regularization": _log(0.005, 0.3),
        "bias_regularization": _log(0.003, 0.3),
        "learning_rate": _log(0.005, 0.1),
    },
    "als": {
        "dim": _log(4, 128),
        "regularization": _log(0.01, 2.0),
        "bias_regularization": _log(0.1, 30.0),
    },
    "gibbs": {"dim": _log(4, 64), "sets": {"choices": [True, False]}},
}
"""By recipe: what 30 trials choose from. The width of trained vectors is no part of it: it is a price, not a taste."""
