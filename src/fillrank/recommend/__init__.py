"""Recommend to known and to new users; save and load."""

from fillrank.recommend.recommender import Recommender

__all__ = ["Recommender"]
