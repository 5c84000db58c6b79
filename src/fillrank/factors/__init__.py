"""What every route ends in: vectors that score users and items, their blends, and how new users are folded in."""

from __future__ import annotations

from fillrank.factors.factors import Blend, Factors, Scorer

__all__ = ["Blend", "Factors", "Scorer"]
