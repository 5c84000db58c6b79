"""``EncodedHistory``: a user's vector is what a small network makes of their history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from fillrank.arguments import shown
from fillrank.data.interactions import Interactions
from fillrank.errors import DataError
from fillrank.factors.item_side import ItemSide, counted_history, sparse_times
from fillrank.runtime.threads import one_thread

__all__ = ["EncodedHistory"]

_LINEAR = 1
"""The layer after which there is no tanh: it gives the code."""


@dataclass(frozen=True, eq=False)
class EncodedHistory:
    """``u = tanh(W₃ᵀ (W₂ᵀ tanh(W₁ᵀ x / |x| + b₁) + b₂) + b₃)`` with ones in x for a user's history: Mult-VAE's users.

    Attributes:
        weights: all layers in one row: of each the matrix ``[into, out]``, and its bias ``[out]``.
        widths: of the layers: the number of items, of the hidden layer, of the code, and of the vector.
        positive_from: items with a lower value in the log are left out; None keeps all.

    Raises:
        DataError: the weights are not as many as the widths ask for.
    """

    weights: Tensor
    widths: Sequence[int]
    positive_from: float | None = None

    def __post_init__(self) -> None:
        widths = self.widths
        if not isinstance(widths, list | tuple) or len(widths) != 4 or not all(type(one) is int for one in widths):
            raise DataError(f"widths must be four whole numbers, got {shown(widths)}")
        object.__setattr__(self, "widths", tuple(widths))
        wanted = sum((into + 1) * out for into, out in pairwise(widths))
        if not isinstance(self.weights, Tensor) or self.weights.shape != (wanted,):
            came = list(self.weights.shape) if isinstance(self.weights, Tensor) else shown(self.weights)
            raise DataError(f"the weights of an encoded history must have shape {[wanted]}, got {came}")

    @classmethod
    def of(cls, layers: Sequence[tuple[Tensor, Tensor]], positive_from: float | None) -> Self:
        """From the layers, each ``(weight [into, out], bias [out])``."""
        widths = (len(layers[0][0]), *(len(bias) for _, bias in layers))
        parts = [part.reshape(-1) for layer in layers for part in layer]
        return cls(torch.cat(parts), widths, positive_from)

    def check_fits(self, n_items: int, dim: int) -> None:
        """Refuse items that it was not made for.

        Raises:
            DataError: it was made for others.
        """
        if (self.widths[0], self.widths[-1]) != (n_items, dim):
            raise DataError(
                f"an encoded history leads from {self.widths[0]} items to {self.widths[-1]} dimensions, and the items "
                f"are {n_items} of {dim}"
            )

    def solve(self, factors: ItemSide, interactions: Interactions) -> tuple[Tensor, Tensor | None]:
        """See :meth:`fillrank.factors.fold_in.Folding.solve`."""
        met = counted_history(interactions, self.positive_from).without_values().csr
        lengths = np.repeat(np.sqrt(np.maximum(np.diff(met.indptr), 1)), np.diff(met.indptr))
        unit = sp.csr_array((1 / lengths, met.indices, met.indptr), shape=met.shape)
        (first, bias), *others = self._layers()
        with one_thread():  # several threads add up a product in another order
            users = (sparse_times(unit, first) + bias).tanh()
            for n, (weight, bias) in enumerate(others, start=1):
                users = torch.stack([row @ weight for row in users]) if len(users) else users @ weight
                users = users + bias if n == _LINEAR else (users + bias).tanh()
        return users.to(factors.items), None

    def shares(self, factors: ItemSide, interactions: Interactions) -> NDArray[np.float64]:  # noqa: ARG002
        """A network is no sum over a history.

        Raises:
            DataError: always.
        """
        raise DataError(
            "the users' vectors of this model come out of a network, and are no sums over a history, so there is "
            "nothing to explain a score by; use EASE or ELSA, whose scores are such sums"
        )

    def _layers(self) -> list[tuple[Tensor, Tensor]]:
        layers, start = [], 0
        for into, out in pairwise(self.widths):
            weight = self.weights[start : start + into * out].view(into, out)
            layers.append((weight, self.weights[start + into * out : start + (into + 1) * out]))
            start += (into + 1) * out
        return layers
