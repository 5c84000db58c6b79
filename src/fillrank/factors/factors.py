"""``Factors``: vectors and biases; the score of a user and an item is a dot product or a cosine."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from fillrank.arguments import Own, check_indices, checked, fitting, shown
from fillrank.data.features import Features
from fillrank.data.interactions import Interactions
from fillrank.errors import DataError, TrainingError
from fillrank.factors.checks import check_floats, check_folding, is_finite, table_of
from fillrank.factors.contributions import (
    AVERAGE,
    ITEM_BIAS,
    USER_BIAS,
    Contributions,
    along_history,
    check_history,
    with_rest,
)
from fillrank.factors.feature_vectors import FeatureVectors
from fillrank.factors.fold_in import Folding, folding_from_parts, folding_parts, with_weights
from fillrank.factors.grown_factors import grown_factors
from fillrank.factors.growth import Growth
from fillrank.factors.widened import unit_features, widened_factors

__all__ = ["Factors"]


@checked
@dataclass(frozen=True, eq=False)
class Factors:
    """Low-rank factors: a vector for each user and each item, with optional biases.

    The score of user u and item i is ``offset + user_bias[u] + item_bias[i] + <users[u], items[i]>``, where the product
    is of unit-length vectors if ``similarity`` is ``"cosine"`` (a vector of zeros stays zero).

    Attributes:
        users: float ``[n_users, d]``.
        items: float ``[n_items, d]``.
        user_bias: float ``[n_users]`` or None.
        item_bias: float ``[n_items]`` or None.
        offset: added to every score.
        similarity: ``"dot"`` or ``"cosine"``.
        folding: how a new user gets a vector; None if the model cannot fold users in.
        features: how users and items that nobody has met get a vector, from what is known of them; None: not at all.

    Raises:
        DataError: the shapes do not fit together.
        TrainingError: a factor is NaN or infinite.

    Example:
        >>> factors = Factors(torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 1.0]]), offset=3.0)
        >>> factors.score(torch.tensor([0]))
        tensor([[5., 3.]])
        >>> factors.score_pairs(torch.tensor([0]), torch.tensor([1]))
        tensor([3.])
    """

    users: Tensor
    items: Tensor
    user_bias: Tensor | None = None
    item_bias: Tensor | None = None
    offset: Own[float] = 0.0
    similarity: Own[Literal["dot", "cosine"]] = "dot"
    folding: Folding | None = None
    features: FeatureVectors | None = None

    def __post_init__(self) -> None:
        if self.users.dim() != 2 or self.items.dim() != 2 or self.users.shape[1] != self.items.shape[1]:
            shapes = f"{list(self.users.shape)} and {list(self.items.shape)}"
            raise DataError(f"users and items must be [n_users, d] and [n_items, d], got {shapes}")
        for name, bias, n in (("user_bias", self.user_bias, self.n_users), ("item_bias", self.item_bias, self.n_items)):
            if bias is not None and bias.shape != (n,):
                raise DataError(f"{name} must have shape [{n}], got {list(bias.shape)}")
        if not isinstance(self.similarity, str) or self.similarity not in ("dot", "cosine"):
            raise DataError(f"similarity must be 'dot' or 'cosine', got {shown(self.similarity)}")
        if isinstance(self.offset, bool) or not isinstance(self.offset, int | float | np.number):
            raise DataError(f"offset must be a number, got {shown(self.offset)}")
        if not is_finite(self.offset):
            raise TrainingError(f"offset must be finite, got {shown(self.offset)}; lower the learning rate")
        if self.users.dtype != self.items.dtype:
            raise DataError(f"users and items must be of one type, got {self.users.dtype} and {self.items.dtype}")
        check_floats(self.tensors(), "the factors", "lower the learning rate")
        if self.folding is not None:
            check_folding(self.folding, self.n_items, self.dim)
        if self.features is not None:
            self.features.check(self.dim)

    @property
    def n_users(self) -> int:
        return len(self.users)

    @property
    def n_items(self) -> int:
        return len(self.items)

    @property
    def dim(self) -> int:
        return int(self.items.shape[1])

    @cached_property
    def user_vectors(self) -> Tensor:
        """The user side of the product; of unit length if the similarity is cosine."""
        return normalize(self.users, dim=1) if self.similarity == "cosine" else self.users

    @cached_property
    def item_vectors(self) -> Tensor:
        """The item side of the product."""
        return normalize(self.items, dim=1) if self.similarity == "cosine" else self.items

    @property
    def dtype(self) -> torch.dtype:
        """Of every score."""
        return self.users.dtype

    @property
    def foldings(self) -> tuple[Folding, ...]:
        """See :class:`fillrank.factors.FittedScorer`."""
        return () if self.folding is None else (self.folding,)

    @cached_property
    def largest_score(self) -> float:
        """An upper bound of the size of all scores; infinite if products of such long vectors could overflow."""
        sides = (self.user_vectors.detach(), self.item_vectors.detach())
        lengths = [float(side.norm(dim=1).amax()) if side.numel() else 0.0 for side in sides]
        biases = [bias.detach() for bias in (self.user_bias, self.item_bias) if bias is not None and len(bias)]
        return lengths[0] * lengths[1] + sum(float(bias.abs().amax()) for bias in biases) + abs(self.offset)

    @checked
    def score(self, users: Tensor) -> Tensor:
        """Scores of all items: int64 ``[B]`` → ``[B, n_items]``."""
        fitting({"users": "int B"}, users=users)
        check_indices("users", users, self.n_users)
        scores = self.user_vectors[users] @ self.item_vectors.T
        if self.user_bias is not None:
            scores += self.user_bias[users, None]
        if self.item_bias is not None:
            scores += self.item_bias
        return scores if self.offset == 0.0 else scores.add_(self.offset)

    @checked
    def score_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Scores of single pairs: int64 ``[B]``, int64 ``[B]`` → ``[B]``."""
        fitting({"users": "int B", "items": "int B"}, users=users, items=items)
        check_indices("users", users, self.n_users)
        check_indices("items", items, self.n_items)
        scores = (self.user_vectors[users] * self.item_vectors[items]).sum(-1)
        if self.user_bias is not None:
            scores = scores + self.user_bias[users]
        if self.item_bias is not None:
            scores = scores + self.item_bias[items]
        return scores + self.offset

    @checked
    def contributions(self, user: int, item: int, history: Interactions) -> Contributions:
        """What one score is made of: see :class:`~fillrank.factors.contributions.Explains`.

        The items of the history have what their closed form gives them (:attr:`folding`), biases are terms of their
        own, and what a trained vector has beyond its closed form is the term ``"learned vector"``.

        Example:
            >>> from fillrank.factors.fold_in import Projection
            >>> items = torch.tensor([[1.0], [2.0], [4.0]])
            >>> factors = Factors(torch.tensor([[3.0]]), items, offset=0.5, folding=Projection(items))
            >>> both = Interactions.from_arrays(["ann", "ann", "ann"], [0, 1, 2])
            >>> one = both.select(np.array([0, 1]))
            >>> factors.contributions(0, 2, one)  # 3·4 + .5, as 1·4 + 2·4 + .5
            Contributions(of_items=array([4., 8.]), others={'average': 0.5})

        Raises:
            DataError: the user or the item is not among its own, or the history is not one user's over its items.
        """
        check_history(history, self.n_items)
        score = float(self.score_pairs(torch.tensor([user]), torch.tensor([item])))
        terms = {
            AVERAGE: self.offset,
            USER_BIAS: 0.0 if self.user_bias is None else float(self.user_bias[user]),
            ITEM_BIAS: 0.0 if self.item_bias is None else float(self.item_bias[item]),
        }
        of_items = np.zeros(len(history))
        if self.folding is not None and len(history):
            shares = self.folding.shares(self, history)
            of_items = along_history(shares, self.user_vectors[user], self.item_vectors[item])
        parts = Contributions(of_items, {name: term for name, term in terms.items() if term})
        return with_rest(parts, score)

    @checked
    def fold_in(self, interactions: Interactions) -> Self:
        """The same items with the users of ``interactions`` in place of the old ones.

        Args:
            interactions: the histories of the new users; its items must be this model's items, at the same indices.

        Raises:
            DataError: the items do not fit, a history is empty, or this model has no way to fold users in.
        """
        if self.folding is None:
            raise DataError("these factors cannot fold new users in; fit a model whose recipe can")
        if interactions.n_items != self.n_items:
            raise DataError(f"the log is over {interactions.n_items} items, the model over {self.n_items}").about(
                "interactions"
            )
        if (interactions.user_counts == 0).any():
            raise DataError("a new user needs at least one item in their history; the log has an empty one").about(
                "interactions"
            )
        return self._with_users_of(interactions, self.folding)

    @checked
    def refit_users(self, interactions: Interactions) -> Self:
        """The same items, with the vector of every user solved again in closed form from their rows.

        A user without a row gets a vector of zeros.

        Raises:
            DataError: these factors cannot fold users in.
        """
        if self.folding is None:
            raise DataError("these factors cannot solve for users; fit a model whose recipe can")
        return self._with_users_of(interactions, self.folding)

    @checked
    def grown(self, growth: Growth) -> Self:
        """These factors for the users and items of a log that has grown; see :class:`fillrank.factors.growth.Grows`.

        Raises:
            DataError: they know no way to fold users in.
        """
        return grown_factors(self, growth)

    @checked
    def widened(self, *, items: Features | None = None, users: Features | None = None) -> Self:
        """These factors, and after their items and users new ones, whose vectors are made of their features.

        Raises:
            DataError: nothing was learnt of the features of that side, or a column is not what it was then.
        """
        return widened_factors(self, items, users)

    def _with_users_of(self, interactions: Interactions, folding: Folding) -> Self:
        if interactions.n_items != self.n_items:
            raise DataError(f"the log is over {interactions.n_items} items, the model over {self.n_items}").about(
                "interactions"
            )
        users, bias = folding.solve(self, interactions)
        if self.user_bias is not None and bias is None:
            bias = self.user_bias.new_zeros(len(users))
        return replace(self, users=users, user_bias=bias if self.user_bias is not None else None)

    @checked
    def with_item_weights(self, weights: Tensor) -> Self:
        """The same factors with each item vector multiplied by ``weights[i]``, and so each product.

        A cosine ignores lengths. So it is first written as the dot product of unit vectors, and then weighted.

        Args:
            weights: float ``[n_items]``.

        Raises:
            DataError: there is not one weight for each item, or one is NaN or infinite.

        Example:
            >>> factors = Factors(torch.tensor([[3.0]]), torch.tensor([[1.0], [5.0]]), similarity="cosine")
            >>> factors.with_item_weights(torch.tensor([1.0, 2.0])).score(torch.tensor([0]))
            tensor([[1., 2.]])
        """
        if weights.shape != (self.n_items,):
            raise DataError(f"weights must have shape [{self.n_items}], one for each item, got {list(weights.shape)}")
        if n_bad := int((~torch.isfinite(weights)).sum()):
            raise DataError(f"{n_bad} of the {self.n_items} weights are NaN or infinite; give every item a finite one")
        items = self.item_vectors * weights.to(self.items)[:, None]
        return replace(self, users=self.user_vectors, items=items, similarity="dot", features=unit_features(self))

    @checked
    def to(self, device: str | torch.device) -> Self:
        """The same factors on another device."""
        moved: dict[str, Any] = {name: tensor.to(device) for name, tensor in self._own_tensors().items()}
        folding = with_weights(self.folding, lambda weights: weights.to(device))
        features = None if self.features is None else self.features.changed(lambda tensor: tensor.to(device))
        return replace(self, **moved, folding=folding, features=features)

    def _own_tensors(self) -> dict[str, Tensor]:
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: part for name, part in parts.items() if isinstance(part, Tensor)}

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor, by name: what a saved model keeps beside :meth:`settings`."""
        weights = None if self.folding is None else folding_parts(self.folding)[1]
        of_features = {} if self.features is None else self.features.tensors()
        return self._own_tensors() | of_features | ({} if weights is None else {"fold": weights})

    def settings(self) -> dict[str, Any]:
        """The parts that are not tensors, as plain data."""
        folding = None if self.folding is None else folding_parts(self.folding)[0]
        features = {} if self.features is None else {"features": self.features.settings()}
        own = {"kind": "factors", "offset": self.offset, "similarity": self.similarity, "folding": folding}
        return own | features

    @classmethod
    @checked
    def from_parts(cls, tensors: dict[str, Tensor], settings: dict[str, Any]) -> Self:
        """The inverse of :meth:`tensors` and :meth:`settings`.

        Raises:
            DataError: a tensor or a setting is missing or wrong.
        """
        features = FeatureVectors.from_parts(tensors, settings.get("features"))
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("features.")}
        wanted = {field.name for field in fields(cls)} - {"offset", "similarity", "folding", "features"} | {"fold"}
        if "users" not in tensors or "items" not in tensors or not tensors.keys() <= wanted:
            named = ", ".join(sorted(map(repr, tensors)))
            raise DataError(f"tensors must be users, items and, where there are some, biases and fold; got {named}")
        if missing := {"offset", "similarity", "folding"} - settings.keys():
            raise DataError(f"settings must have offset, similarity and folding; missing: {', '.join(sorted(missing))}")
        own: dict[str, Any] = dict(tensors)
        weights, kept = own.pop("fold", None), settings["folding"]
        folding = None if kept is None else folding_from_parts(dict(table_of(kept, "folding")), weights)
        single = {name: settings[name] for name in ("offset", "similarity")}
        return cls(**own, **single, folding=folding, features=features)
