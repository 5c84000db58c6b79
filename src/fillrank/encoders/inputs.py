"""What a recipe brings to an encoder that is made for a log."""

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
"""The names of constructors' parameters that a recipe brings; all others are settings of the encoder."""


@dataclass(frozen=True)
class EncoderInputs:
    """What there is when an encoder is made. A constructor gets each that it has a parameter for, by its name.

    Attributes:
        interactions: the positives that are learnt from; ``n_users`` and ``n_items`` are their sizes.
        dim: of the vectors.
        similarity: that the recipe learns by.
        precision: of products with a graph.
        generator: all randomness comes from it.
        init: gives the first vectors, ``users`` and ``items``, as the recipe's ``init`` has them.
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
        """The first vectors; they are drawn or decomposed when somebody asks."""
        return self._tables

    def wanted_by(self, maker: Callable[..., Any]) -> dict[str, Any]:
        """The arguments that a class or a function has parameters for."""
        names = parameters_of(maker)
        found: dict[str, Any] = {}
        if "users" in names or "items" in names:  # first: the generator goes on from there
            found = dict(zip(("users", "items"), self.tables(), strict=True))
        met = self.interactions
        found |= {"interactions": met, "n_users": met.n_users, "n_items": met.n_items, "dim": self.dim}
        found |= {"similarity": self.similarity, "precision": self.precision, "generator": self.generator}
        return {name: value for name, value in found.items() if name in names}
