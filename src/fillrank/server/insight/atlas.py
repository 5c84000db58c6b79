"""A map of the catalogue: the vectors of items, laid flat, and where somebody's taste is on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

from fillrank.recommend.similar import vectors_of
from fillrank.server.profile import Profile
from fillrank.server.served import Served

__all__ = ["Atlas"]

_KNOWN = 2000
_RANK = 16  # directions of a log, for a model without vectors
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Atlas:
    """Two directions of the items' vectors: those in which the unit vectors of what is well known differ the most.

    They are the first principal components of the 2,000 items that most have met: vectors of items that hardly anybody
    has met are mostly noise.

    Attributes:
        places: float64 ``[n_items, 2]``, most of them within -1 and 1.
        explained: the share of the variance of the unit vectors that the two directions hold.
        basis: ``"vectors"`` of the model; or ``"log"``, a decomposition of who met what, where it has none.
    """

    places: Floats
    explained: float
    basis: str
    _vectors: Floats
    _mean: Floats
    _axes: Floats
    _scale: float

    @classmethod
    def of(cls, served: Served) -> Atlas:
        """The map of a model."""
        found = vectors_of(served.model, "item")
        vectors = _of_log(served) if found is None else found.detach().cpu().double().numpy()
        unit = _unit(vectors)
        known = unit[served.popular[:_KNOWN]]
        mean = known.mean(0)
        values, axes = np.linalg.eigh(np.cov(known, rowvar=False).reshape(unit.shape[1], -1))
        axes = axes[:, ::-1][:, :2]
        if axes.shape[1] < 2:
            axes = np.hstack([axes, np.zeros((len(axes), 2 - axes.shape[1]))])
        axes = axes * np.where(axes[np.abs(axes).argmax(0), [0, 1]] < 0, -1.0, 1.0)  # one of the two signs, always
        flat = (unit - mean) @ axes
        scale = float(np.quantile(np.abs(flat[served.popular[:_KNOWN]]), 0.99)) or 1.0
        share = float(values[::-1][:2].sum() / values.sum()) if values.sum() > 0 else 0.0
        basis = "log" if found is None else "vectors"
        return cls(flat / scale, share, basis, vectors, mean, axes, scale)

    def place_of(self, profile: Profile) -> tuple[float, float] | None:
        """Where somebody is: their vector, where it lives among those of the items; else the mean of what they met."""
        vector = None
        if profile.model is not None and self.basis == "vectors":
            users = vectors_of(profile.model, "user")
            if users is not None and users.shape[1] == self._vectors.shape[1]:
                vector = users[profile.user].detach().cpu().double().numpy()
        if vector is None:
            if not len(profile.met):
                return None
            vector = _unit(self._vectors[profile.met]).mean(0)
        if not np.isfinite(vector).all() or not np.abs(vector).max() > 0:
            return None
        x, y = ((_unit(vector[None])[0] - self._mean) @ self._axes / self._scale).tolist()
        return x, y


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.where(lengths > 0, lengths, 1.0)
    return unit


def _of_log(served: Served) -> Floats:
    """Vectors of items from who met what: the right singular vectors of the log, each user at a length of 1."""
    log = served.model.interactions.without_values().without_weights()
    rows = np.maximum(np.asarray(log.csr.sum(axis=1)).ravel(), 1.0) ** -0.5
    matrix = sp.csr_array(sp.diags_array(rows) @ log.csr).astype(np.float64)
    rank = min(_RANK, min(matrix.shape) - 1)
    if rank < 1:
        return np.ones((len(served.ids), 2))
    _, sizes, right = svds(matrix, k=rank, random_state=np.random.default_rng(0))
    found: Floats = right.T * sizes
    return found
