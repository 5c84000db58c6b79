"""New users in closed form: a user's vector from a list of items, the item vectors held fixed.

Each class is one way; a model's :class:`~fillrank.factors.Factors` carry the way that fits how they were made.
Shapes: ``B`` new users, ``d`` dimensions, ``h`` items in one history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from fillrank.data.interactions import Interactions
from fillrank.errors import DataError

if TYPE_CHECKING:
    from fillrank.factors import Factors

__all__ = [
    "Folding",
    "ImplicitRidge",
    "Projection",
    "RatingRidge",
    "ResidualProjection",
    "folding_from_parts",
    "folding_parts",
    "with_weights",
]


class Folding(Protocol):
    """Gives new users their vectors and, where the model has user biases, their biases."""

    def solve(self, factors: Factors, log: Interactions) -> tuple[Tensor, Tensor | None]:
        """From the histories in ``log`` to ``([B, d], [B] or None)``."""
        ...


@dataclass(frozen=True, eq=False)
class Projection:
    """A user is a weighted sum over their history: ``u = Σ_h t_h · weights[h]``, exact for spectral models.

    Attributes:
        weights: float ``[n_items, d]``.
        use_values: weigh by the values in the log; if False, each item counts once.
    """

    weights: Tensor
    use_values: bool = False

    def solve(self, factors: Factors, log: Interactions) -> tuple[Tensor, Tensor | None]:
        """See :meth:`Folding.solve`."""
        rows = [
            (
                self.weights[items] if values is None or not self.use_values else values[:, None] * self.weights[items]
            ).sum(0)
            for items, values in _histories(log, self.weights.dtype)
        ]
        return _stack(rows, factors), None


@dataclass(frozen=True, eq=False)
class ResidualProjection:
    """A user is the projection of what the biases leave over of their ratings: exact for an SVD of residuals.

    ``b_u = Σ_h (r_h - offset - b_h) / (shrinkage + n)`` over the n ratings of a history, then
    ``u = Σ_h (r_h - offset - b_h - b_u) · weights[h]``. Without values a user stays at the average: zeros.

    Attributes:
        weights: float ``[n_items, d]``.
        shrinkage: how many ratings of average height a user is lent.
    """

    weights: Tensor
    shrinkage: float = 5.0

    def solve(self, factors: Factors, log: Interactions) -> tuple[Tensor, Tensor | None]:
        """See :meth:`Folding.solve`."""
        rows, biases = [], []
        for items, values in _histories(log, self.weights.dtype):
            if values is None:
                rows.append(self.weights.new_zeros(factors.dim))
                biases.append(self.weights.new_zeros(()))
                continue
            left = values - factors.offset - (0.0 if factors.item_bias is None else factors.item_bias[items])
            bias = left.sum() / max(self.shrinkage + len(items), 1e-12)
            rows.append((left - bias) @ self.weights[items])
            biases.append(bias)
        return _stack(rows, factors), torch.stack(biases)


@dataclass(frozen=True)
class ImplicitRidge:
    """Least squares on who-met-what: ones for the history, a small weight on zero for all other items.

    Minimises ``Σ_h (1 - <u, q_h>)² + unobserved_weight · Σ_all <u, q_i>² + regularization · |u|²``, the user step of
    iALS (Hu, Koren & Volinsky 2008; Rendle et al. 2022).

    Attributes:
        unobserved_weight: weight of the pull to zero over the whole catalogue.
        regularization: of the user's vector.
        positive_from: items with a lower value in the log are left out; None keeps all.
    """

    unobserved_weight: float = 0.1
    regularization: float = 0.1
    positive_from: float | None = None

    def solve(self, factors: Factors, log: Interactions) -> tuple[Tensor, Tensor | None]:
        """See :meth:`Folding.solve`."""
        vectors = factors.item_vectors
        everywhere = self.unobserved_weight * (vectors.T @ vectors) + self.regularization * _eye(vectors)
        rows = []
        for items, values in _histories(log, vectors.dtype):
            kept = items if self.positive_from is None or values is None else items[values >= self.positive_from]
            met = vectors[kept]
            rows.append(torch.linalg.solve(everywhere + met.T @ met, met.sum(0)))
        return _stack(rows, factors), None


@dataclass(frozen=True)
class RatingRidge:
    """Ridge regression of a user's ratings on the item vectors, with the user's bias as one more unknown.

    Minimises ``Σ_h (r_h - offset - b_h - b_u - <u, q_h>)² + n·(regularization·|u|² + bias_regularization·b_u²)`` with
    ``n`` the length of the history, the penalty of weighted-λ regularisation (Zhou et al. 2008), so that it has the
    weight it had per rating in training. Without values a user stays at the average: zeros.
    """

    regularization: float = 0.1
    bias_regularization: float = 0.1

    def solve(self, factors: Factors, log: Interactions) -> tuple[Tensor, Tensor | None]:
        """See :meth:`Folding.solve`."""
        vectors, d = factors.item_vectors, factors.dim
        penalty = torch.full((d + 1,), self.regularization, dtype=vectors.dtype, device=vectors.device)
        penalty[d] = self.bias_regularization
        rows = []
        for items, values in _histories(log, vectors.dtype):
            if values is None:
                rows.append(torch.zeros(d + 1, dtype=vectors.dtype))
                continue
            known = values - factors.offset - (0.0 if factors.item_bias is None else factors.item_bias[items])
            met = torch.cat([vectors[items], torch.ones(len(items), 1, dtype=vectors.dtype)], dim=1)
            weight = max(len(items), 1)  # without a row: zeros, the average user
            rows.append(torch.linalg.solve(met.T @ met + weight * torch.diag(penalty), met.T @ known))
        solved = torch.stack(rows)
        return solved[:, :d], solved[:, d]


_WAYS: dict[str, Any] = {way.__name__: way for way in (Projection, ResidualProjection, ImplicitRidge, RatingRidge)}


def folding_parts(folding: Folding) -> tuple[dict[str, Any], Tensor | None]:
    """What a saved model keeps of a way of folding: plain settings with its ``kind``, and its weights if it has any."""
    parts: dict[str, Any] = dict(vars(folding))
    weights = parts.pop("weights", None)
    return {"kind": type(folding).__name__, **parts}, weights


def folding_from_parts(settings: dict[str, Any], weights: Tensor | None) -> Folding:
    """The inverse of :func:`folding_parts`.

    Raises:
        DataError: there is no such way of folding, or its weights are missing.
    """
    rest = dict(settings)
    kind = rest.pop("kind", None)
    if kind not in _WAYS:
        raise DataError(f"no way of folding is called {kind!r}; known are {', '.join(_WAYS)}")
    if "weights" in _WAYS[kind].__dataclass_fields__:
        if weights is None:
            raise DataError(f"the weights of the way of folding {kind} are missing")
        rest["weights"] = weights
    folding: Folding = _WAYS[kind](**rest)
    return folding


def with_weights(folding: Folding | None, change: Callable[[Tensor], Tensor]) -> Folding | None:
    """The same way of folding with its weights changed (moved, cut); as it is where there are none."""
    if isinstance(folding, Projection | ResidualProjection):
        return replace(folding, weights=change(folding.weights))
    return folding


def _histories(log: Interactions, dtype: torch.dtype) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Each user's items ``[h]`` and values ``[h]``, in the order of the users."""
    ends = log.csr.indptr
    items = torch.from_numpy(log.items.astype("int64"))
    values = None if log.values is None else torch.tensor(log.values, dtype=dtype)
    for user in range(log.n_users):
        row = slice(int(ends[user]), int(ends[user + 1]))
        yield items[row], None if values is None else values[row]


def _stack(rows: list[Tensor], factors: Factors) -> Tensor:
    return torch.stack(rows) if rows else factors.items.new_zeros(0, factors.dim)


def _eye(vectors: Tensor) -> Tensor:
    return torch.eye(vectors.shape[1], dtype=vectors.dtype, device=vectors.device)
