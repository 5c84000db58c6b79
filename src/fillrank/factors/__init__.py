"""The result of every model: vectors that score users and items, blends of them, and folding in of new users."""

from __future__ import annotations

from fillrank.factors.blend import Blend
from fillrank.factors.factors import Factors
from fillrank.factors.item_weights import ItemWeights
from fillrank.factors.neural import NeuralScorer
from fillrank.factors.scorer import FittedScorer, Scorer
from fillrank.factors.serialization import scorer_from_parts
from fillrank.factors.temporal import TimeAwareFactors
from fillrank.factors.user_neighbours import UserNeighbours

__all__ = [
    "Blend",
    "Factors",
    "FittedScorer",
    "ItemWeights",
    "NeuralScorer",
    "Scorer",
    "TimeAwareFactors",
    "UserNeighbours",
    "scorer_from_parts",
]
