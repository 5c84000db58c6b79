"""What every route ends in: vectors that score users and items, their blends, and how new users are folded in."""

from __future__ import annotations

from fillrank.factors.blend import Blend
from fillrank.factors.factors import Factors
from fillrank.factors.neural import NeuralScorer
from fillrank.factors.scorer import Scorer
from fillrank.factors.serialization import scorer_from_parts
from fillrank.factors.temporal import TimeAwareFactors

__all__ = ["Blend", "Factors", "NeuralScorer", "Scorer", "TimeAwareFactors", "scorer_from_parts"]
