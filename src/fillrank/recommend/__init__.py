"""Recommend to known and to new users; fold new users in; save and load."""

from fillrank.recommend.fold_in import fold_in
from fillrank.recommend.recommender import Recommender

__all__ = ["Recommender", "fold_in"]
