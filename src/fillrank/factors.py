"""What every route ends in: something that scores items for users."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, Protocol, Self, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fillrank.errors import DataError, TrainingError

__all__ = ["Factors", "Scorer"]


@runtime_checkable
class Scorer(Protocol):
    """Scores every item for some users. All that evaluation and recommendation ask of a model."""

    @property
    def n_users(self) -> int: ...

    @property
    def n_items(self) -> int: ...

    def score(self, users: Tensor) -> Tensor:
        """Scores of all items for ``users``: int64 ``[B]`` → float ``[B, n_items]``, higher is better."""
        ...

    def score_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Scores of single pairs: int64 ``[B]``, int64 ``[B]`` → float ``[B]``, without forming ``[B, n_items]``."""
        ...


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
    offset: float = 0.0
    similarity: Literal["dot", "cosine"] = "dot"

    def __post_init__(self) -> None:
        if self.users.dim() != 2 or self.items.dim() != 2 or self.users.shape[1] != self.items.shape[1]:
            shapes = f"{list(self.users.shape)} and {list(self.items.shape)}"
            raise DataError(f"factors must be [n_users, d] and [n_items, d], got {shapes}")
        for name, bias, n in (("user_bias", self.user_bias, self.n_users), ("item_bias", self.item_bias, self.n_items)):
            if bias is not None and bias.shape != (n,):
                raise DataError(f"{name} must have shape [{n}], got {list(bias.shape)}")
        if self.similarity not in {"dot", "cosine"}:
            raise DataError(f"similarity must be 'dot' or 'cosine', got {self.similarity!r}")
        for name, tensor in self.tensors().items():
            if not bool(torch.isfinite(tensor).all()):
                rows = int((~torch.isfinite(tensor)).reshape(len(tensor), -1).any(1).sum())
                raise TrainingError(f"{rows} rows of the factors {name!r} are NaN or infinite; lower the learning rate")

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
        """The user side of the product: of unit length where the similarity is cosine."""
        return normalize(self.users, dim=1) if self.similarity == "cosine" else self.users

    @cached_property
    def item_vectors(self) -> Tensor:
        """The item side of the product."""
        return normalize(self.items, dim=1) if self.similarity == "cosine" else self.items

    def score(self, users: Tensor) -> Tensor:
        """Scores of all items: int64 ``[B]`` → ``[B, n_items]``."""
        scores = self.user_vectors[users] @ self.item_vectors.T
        if self.user_bias is not None:
            scores += self.user_bias[users, None]
        if self.item_bias is not None:
            scores += self.item_bias
        return scores if self.offset == 0.0 else scores.add_(self.offset)

    def score_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Scores of single pairs: int64 ``[B]``, int64 ``[B]`` → ``[B]``."""
        scores = (self.user_vectors[users] * self.item_vectors[items]).sum(-1)
        if self.user_bias is not None:
            scores = scores + self.user_bias[users]
        if self.item_bias is not None:
            scores = scores + self.item_bias[items]
        return scores + self.offset

    def to(self, device: str | torch.device) -> Self:
        """The same factors on another device."""
        return self.from_parts({name: tensor.to(device) for name, tensor in self.tensors().items()}, self.settings())

    def tensors(self) -> dict[str, Tensor]:
        """The parts that are tensors, by name: what a saved model keeps."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: part for name, part in parts.items() if isinstance(part, Tensor)}

    def settings(self) -> dict[str, Any]:
        """The parts that are not tensors."""
        return {"offset": self.offset, "similarity": self.similarity}

    @classmethod
    def from_parts(cls, tensors: dict[str, Tensor], settings: dict[str, Any]) -> Self:
        """The inverse of :meth:`tensors` and :meth:`settings`."""
        parts: dict[str, Any] = {**tensors, **settings}
        return cls(**parts)
