"""How vectors, and ratings, come from parameters."""

from fillrank.encoders.mf import MF
from fillrank.encoders.rating_head import RatingHead

__all__ = ["MF", "RatingHead"]
