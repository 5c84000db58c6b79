"""The standard deviation of a scorer's scores over the catalogue: the unit of the weights of a blend."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fillrank.factors import Blend, Factors
from fillrank.factors.blend import BlendPart

__all__ = ["score_spread"]

_LEAST = 1e-6  # a smaller relative spread of scores is only rounding error
_USERS, _CELLS = 2000, 2**22  # if scores must be computed: the most users, and the most scores at a time


def score_spread(scorer: BlendPart | Blend, users: Tensor | None = None) -> float:
    """The standard deviation of a user's scores over the items; the root mean square over ``users`` (None: all).

    It is 0 if the scores of each user are all equal. For a sum over histories it is computed for at most 2,000 users at
    equal distances.
    """
    factors = scorer.flat if isinstance(scorer, Blend) else scorer
    if isinstance(factors, Factors):
        variance, size = _of_products(factors, users)
    else:
        variance, size = _of_scores(scorer, torch.arange(scorer.n_users) if users is None else users)
    return variance**0.5 if variance > _LEAST**2 * size else 0.0


def _of_products(factors: Factors, users: Tensor | None) -> tuple[float, float]:
    """The mean square of the scores around each user's mean, and around 0.

    With C the covariance of the item vectors, the variance of a user's scores is ``uᵀ C u``, and its mean over users is
    ``⟨C, UᵀU / n⟩``. So no scores are computed.
    """
    rows = factors.user_vectors if users is None else factors.user_vectors[users.to(factors.users.device)]
    items = factors.item_vectors
    if factors.item_bias is not None:
        items = torch.cat([items, factors.item_bias[:, None]], dim=1)
        rows = torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)
    of_users, middle = rows.T @ rows, items.mean(0)
    size, centred = items.T @ items, items - middle

    def mean_square(of_items: Tensor) -> float:
        return float((of_items.double() * of_users.double()).sum()) / (len(items) * len(rows))

    return mean_square(centred.T @ centred), mean_square(size)


def _of_scores(scorer: BlendPart | Blend, users: Tensor) -> tuple[float, float]:
    """The same from the scores of some users, which are evenly spaced."""
    some = users[torch.from_numpy(np.unique(np.linspace(0, len(users) - 1, min(_USERS, len(users))).astype(np.int64)))]
    variance = size = 0.0
    for block in torch.split(some, max(1, _CELLS // max(scorer.n_items, 1))):
        scores = scorer.score(block).double()
        variance += float(scores.var(1, correction=0).sum())
        size += float(scores.square().mean(1).sum())
    return variance / len(some), size / len(some)
