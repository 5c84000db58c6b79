"""A weighted sum of factors, which is again one set of factors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add
from typing import Any

import torch
from torch import Tensor

from fillrank.arguments import checked, shown
from fillrank.data.interactions import Interactions
from fillrank.errors import DataError
from fillrank.factors.checks import is_finite, table_of
from fillrank.factors.contributions import Contributions
from fillrank.factors.factors import Factors

__all__ = ["Blend"]


@dataclass(frozen=True, eq=False)
class Blend:
    """A weighted sum of several factors' scores: one ranking out of several heads.

    Attributes:
        parts: factors over the same users and items.
        weights: one number for each part.
        folded_weights: those of users who were folded in, where a part scores them on another scale than those that it
            was trained with; None: the same.

    Example:
        >>> one = Factors(torch.tensor([[1.0]]), torch.tensor([[1.0], [2.0]]))
        >>> Blend((one, one), (1.0, 0.5)).score(torch.tensor([0]))
        tensor([[1.5000, 3.0000]])
    """

    parts: tuple[Factors, ...]
    weights: tuple[float, ...]
    folded_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for weights in (self.weights, self.weights if self.folded_weights is None else self.folded_weights):
            if not self.parts or len(self.parts) != len(weights):
                raise DataError(f"a blend wants one weight for each part, got {len(self.parts)} and {len(weights)}")
            if not all(map(is_finite, weights)):
                raise DataError(f"the weights of a blend must be finite numbers, got {shown(weights)}")
        sizes = {(part.n_users, part.n_items) for part in self.parts}
        if len(sizes) > 1:
            raise DataError(f"the parts of a blend must share users and items, got sizes {sorted(sizes)}")

    @property
    def n_users(self) -> int:
        return self.parts[0].n_users

    @property
    def n_items(self) -> int:
        return self.parts[0].n_items

    @cached_property
    def flat(self) -> Factors:
        """The same scores as one set of factors, the parts side by side: one matrix product instead of several."""
        parts = tuple(zip(self.parts, self.weights, strict=True))
        biases: dict[str, Tensor | None] = {}
        for name in ("user_bias", "item_bias"):
            present = [weight * getattr(part, name) for part, weight in parts if getattr(part, name) is not None]
            biases[name] = torch.stack(present).sum(0) if present else None
        return Factors(
            users=torch.cat([weight * part.user_vectors for part, weight in parts], dim=1),
            items=torch.cat([part.item_vectors for part, _ in parts], dim=1),
            user_bias=biases["user_bias"],
            item_bias=biases["item_bias"],
            offset=sum(weight * part.offset for part, weight in parts),
        )

    @checked
    def score(self, users: Tensor) -> Tensor:
        """See :meth:`Scorer.score`."""
        return self.flat.score(users)

    @checked
    def score_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """See :meth:`Scorer.score_pairs`."""
        return self.flat.score_pairs(users, items)

    def contributions(self, user: int, item: int, history: Interactions) -> Contributions:
        """What one score is made of: the sum over the parts; see :class:`~fillrank.factors.contributions.Explains`."""
        of_parts = zip(self.parts, self.weights, strict=True)
        return reduce(add, (part.contributions(user, item, history).times(weight) for part, weight in of_parts))

    @property
    def item_vectors(self) -> Tensor:
        """Those of the first part that has any: what similarity between items is measured on."""
        return next((part for part in self.parts if part.dim > 0), self.parts[0]).item_vectors

    @property
    def user_vectors(self) -> Tensor:
        """Those of the same part: what similarity between users is measured on."""
        return next((part for part in self.parts if part.dim > 0), self.parts[0]).user_vectors

    @checked
    def fold_in(self, interactions: Interactions) -> Blend:
        """Each part folds the new users in its own way."""
        weights = self.weights if self.folded_weights is None else self.folded_weights
        return Blend(tuple(part.fold_in(interactions) for part in self.parts), weights, self.folded_weights)

    @checked
    def to(self, device: str | torch.device) -> Blend:
        """The same blend on another device."""
        return replace(self, parts=tuple(part.to(device) for part in self.parts))

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of every part, as ``"0.users"``, ``"0.items"``, …"""
        return {f"{n}.{name}": t for n, part in enumerate(self.parts) for name, t in part.tensors().items()}

    def settings(self) -> dict[str, Any]:
        """The weights, and the settings of every part."""
        folded = {} if self.folded_weights is None else {"folded_weights": list(self.folded_weights)}
        parts = [part.settings() for part in self.parts]
        return {"kind": "blend", "weights": list(self.weights), **folded, "parts": parts}

    @classmethod
    def from_parts(cls, tensors: dict[str, Tensor], settings: dict[str, Any]) -> Blend:
        """The inverse of :meth:`tensors` and :meth:`settings`."""
        parts = []
        for n, part in enumerate(settings["parts"]):
            table_of(part, f"part {n} of a blend")
            own = {name.partition(".")[2]: t for name, t in tensors.items() if name.startswith(f"{n}.")}
            parts.append(Factors.from_parts(own, part))
        folded = settings.get("folded_weights")
        return cls(tuple(parts), tuple(settings["weights"]), None if folded is None else tuple(folded))
