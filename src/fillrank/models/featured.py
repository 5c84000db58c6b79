"""What a recipe says of the features that a log may have."""

from __future__ import annotations

from typing import Self

from fillrank.data import Interactions

__all__ = ["WithoutFeatures"]


class WithoutFeatures:
    """The answers of a recipe that does not learn from features; others have their own."""

    def uses_features(self, interactions: Interactions) -> bool:  # noqa: ARG002
        """Whether a fit of this log learns from the features of its users and items."""
        return False

    def with_features(self) -> Self:
        """The same recipe for a log with features: a default that depends on them becomes a setting."""
        return self
