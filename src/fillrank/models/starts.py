"""Initial vectors of a contrastive training."""

from __future__ import annotations

from torch.nn.functional import pad

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.solvers.sparse.svd import normalised_svd

__all__ = ["spectral_start"]


def spectral_start(interactions: Interactions, dim: int, *, seed: int) -> Factors:
    """The degree-normalised SVD of ``interactions`` in ``dim`` directions.

    A log with fewer users or items than ``dim`` has fewer directions; the other entries of its vectors are 0, until the
    small initial noise is added.
    """
    rank = min(dim, interactions.n_users, interactions.n_items)
    found = normalised_svd(interactions, rank, power=1.0, method="randomized", seed=seed)
    users, items = (pad(table, (0, dim - rank)) for table in (found.users, found.items))
    return Factors(users, items)
