"""A weighted sum of scorers; of factors it is again one set of factors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor

from fillrank.arguments import checked, shown
from fillrank.data.features import Features
from fillrank.data.interactions import Interactions
from fillrank.errors import DataError
from fillrank.factors.checks import is_finite, table_of
from fillrank.factors.contributions import Contributions
from fillrank.factors.factors import Factors
from fillrank.factors.growth import Growth
from fillrank.factors.item_weights import ItemWeights
from fillrank.factors.user_neighbours import UserNeighbours

__all__ = ["PARTS", "Blend", "BlendPart"]

BlendPart: TypeAlias = Factors | ItemWeights | UserNeighbours
PARTS: dict[str, type[BlendPart]] = {
    "factors": Factors,
    "item-weights": ItemWeights,
    "user-neighbours": UserNeighbours,
}
"""What can be a part of a blend, by the kinds that files name."""


@dataclass(frozen=True, eq=False)
class Blend:
    """A weighted sum of several scorers' scores: one ranking out of several heads.

    Attributes:
        parts: factors, or sums over histories (:class:`ItemWeights`, :class:`UserNeighbours`), over the same users and
            items.
        weights: one number for each part.
        folded_weights: the weights for users that were folded in, if a part scores them on another scale than the users
            that it was trained with; None: ``weights``.

    Example:
        >>> one = Factors(torch.tensor([[1.0]]), torch.tensor([[1.0], [2.0]]))
        >>> Blend((one, one), (1.0, 0.5)).score(torch.tensor([0]))
        tensor([[1.5000, 3.0000]])
    """

    parts: tuple[BlendPart, ...]
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

    @property
    def dtype(self) -> torch.dtype:
        """Of every score."""
        return self.flat.dtype if self.flat is not None else torch.float32

    @property
    def foldings(self) -> tuple[Any, ...]:
        """See :class:`fillrank.factors.FittedScorer`: of all parts."""
        return tuple(way for part in self.parts for way in part.foldings)

    @cached_property
    def largest_score(self) -> float:
        """A bound of the size of every score."""
        if self.flat is not None:
            return self.flat.largest_score
        return sum(abs(weight) * part.largest_score for part, weight in zip(self.parts, self.weights, strict=True))

    @cached_property
    def flat(self) -> Factors | None:
        """The same scores as one set of factors, the parts side by side: one matrix product instead of several.

        None where a part is no product of vectors.
        """
        if not all(isinstance(part, Factors) for part in self.parts):
            return None
        parts = tuple(zip(cast("tuple[Factors, ...]", self.parts), self.weights, strict=True))
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
        return self._sum([part.score(users) for part in self.parts] if self.flat is None else self.flat.score(users))

    @checked
    def score_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """See :meth:`Scorer.score_pairs`."""
        return self._sum(
            [part.score_pairs(users, items) for part in self.parts]
            if self.flat is None
            else self.flat.score_pairs(users, items)
        )

    def _sum(self, scores: list[Tensor] | Tensor) -> Tensor:
        """The weighted sum of the parts' scores, where it is not there yet; the first block is added to in place."""
        if isinstance(scores, Tensor):
            return scores
        total = scores[0].float().mul_(self.weights[0])
        for own, weight in zip(scores[1:], self.weights[1:], strict=True):
            total.add_(own, alpha=weight)
        return total

    def contributions(self, user: int, item: int, history: Interactions) -> Contributions:
        """What one score is made of: the sum over the parts; see :class:`~fillrank.factors.contributions.Explains`."""
        of_parts = zip(self.parts, self.weights, strict=True)
        return reduce(add, (part.contributions(user, item, history).times(weight) for part, weight in of_parts))

    @property
    def leader(self) -> BlendPart:
        """The first part that has vectors or knows of its own which items are alike: what similarity is measured on."""
        knowing = (part for part in self.parts if not isinstance(part, Factors) or part.dim > 0)
        return next(knowing, self.parts[0])

    @property
    def item_vectors(self) -> Tensor:
        """Those of the leader; of no dimension where it has none."""
        return getattr(self.leader, "item_vectors", torch.zeros(self.n_items, 0))

    @property
    def user_vectors(self) -> Tensor:
        """Those of the leader; of no dimension where it has none."""
        return getattr(self.leader, "user_vectors", torch.zeros(self.n_users, 0))

    @checked
    def fold_in(self, interactions: Interactions) -> Blend:
        """Fold new users in: each part does so in its own way."""
        weights = self.weights if self.folded_weights is None else self.folded_weights
        return Blend(tuple(part.fold_in(interactions) for part in self.parts), weights, self.folded_weights)

    def grown(self, growth: Growth) -> Blend:
        """Each part grows in its own way; a new user's vectors are as long as those of folded users are to be heard."""
        parts = [part.grown(growth) for part in self.parts]
        for n, (weight, folded) in enumerate(zip(self.weights, self.folded_weights or self.weights, strict=True)):
            part = parts[n]
            if isinstance(part, Factors) and weight and weight != folded:
                users = part.users.clone()
                users[growth.before.n_users :] *= folded / weight
                parts[n] = replace(part, users=users)
        return replace(self, parts=tuple(parts))

    def widened(self, *, items: Features | None = None, users: Features | None = None) -> Blend:
        """New rows by their features alone, in every part; see :meth:`fillrank.factors.Factors.widened`.

        Raises:
            DataError: a part has learnt nothing of features.
        """
        parts: list[BlendPart] = []
        for part in self.parts:
            if not isinstance(part, Factors):
                raise DataError(f"a part of this blend, {type(part).__name__}, knows no features; fit without it")
            parts.append(part.widened(items=items, users=users))
        return replace(self, parts=tuple(parts))

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
            kind = part.get("kind", "factors")  # blends of version 0.1 are of factors
            if kind not in PARTS:
                raise DataError(f"no part of a blend is of the kind {kind!r}; known are {', '.join(PARTS)}")
            parts.append(PARTS[kind].from_parts(own, part))
        folded = settings.get("folded_weights")
        return cls(tuple(parts), tuple(settings["weights"]), None if folded is None else tuple(folded))
