"""``Recommender``: recommend to known and new users, fold new users in, save and load models."""

from fillrank.recommend.new_users import fold_in
from fillrank.recommend.recommender import Recommender

__all__ = ["Recommender", "fold_in"]
