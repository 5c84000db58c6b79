"""Recommend to known and to new users; fold new users in; save and load."""

from fillrank.recommend.new_users import fold_in
from fillrank.recommend.recommender import Recommender

__all__ = ["Recommender", "fold_in"]
