"""``EncoderInputs``: what a recipe passes to the constructor of an encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch

from fillrank.data import Interactions
from fillrank.encoders.base import Similarity, Tables
from fillrank.registry import parameters_of

__all__ = ["BROUGHT", "EncoderInputs"]

BROUGHT = ("users", "items", "interactions", "n_users", "n_items", "dim", "similarity", "precision", "generator")
"""The names of constructor parameters that a recipe passes; all others are settings of the encoder."""


@dataclass(frozen=True)
class EncoderInputs:
    """The inputs that a recipe offers to an encoder. A constructor gets those that it has a parameter for, by name.

    Attributes:
        interactions: the positives to learn from; ``n_users`` and ``n_items`` are their sizes.
        dim: of the vectors.
        similarity: the similarity of the recipe.
        precision: of products with a graph.
        generator: the source of all randomness.
        init: makes the initial vectors ``users`` and ``items``, as the recipe's setting ``init`` says.
    """

    interactions: Interactions
    dim: int
    generator: torch.Generator
    init: Callable[[torch.Generator], Tables] = field(repr=False)
    similarity: Similarity = "cosine"
    precision: Literal["float32", "bfloat16"] = "float32"

    @cached_property
    def _tables(self) -> Tables:
        return self.init(self.generator)

    def tables(self) -> Tables:
        """The initial vectors; they are computed at the first access."""
        return self._tables

    def wanted_by(self, maker: Callable[..., Any]) -> dict[str, Any]:
        """The arguments that a class or a function has parameters for."""
        names = parameters_of(maker)
        found: dict[str, Any] = {}
        if "users" in names or "items" in names:  # before others use the generator, so that the draws stay the same
            found = dict(zip(("users", "items"), self.tables(), strict=True))
        met = self.interactions
        found |= {"interactions": met, "n_users": met.n_users, "n_items": met.n_items, "dim": self.dim}
        found |= {"similarity": self.similarity, "precision": self.precision, "generator": self.generator}
        return {name: value for name, value in found.items() if name in names}
