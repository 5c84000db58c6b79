"""How vectors, and ratings, come from parameters."""

from fillrank.encoders.base import PairEncoder, Tables, VectorEncoder
from fillrank.encoders.fixed_items import FixedItems
from fillrank.encoders.history_users import HistoryUsers
from fillrank.encoders.lightgcn import LightGCN, with_neighbours
from fillrank.encoders.mf import MF
from fillrank.encoders.neumf import NeuMF
from fillrank.encoders.rating_head import RatingHead
from fillrank.encoders.start import normal_tables, tables_of_factors, xavier_tables
from fillrank.encoders.views import VIEWS, View, edge_dropout, layer_noise, view, with_noise

__all__ = [
    "MF",
    "VIEWS",
    "FixedItems",
    "HistoryUsers",
    "LightGCN",
    "NeuMF",
    "PairEncoder",
    "RatingHead",
    "Tables",
    "VectorEncoder",
    "View",
    "edge_dropout",
    "layer_noise",
    "normal_tables",
    "tables_of_factors",
    "view",
    "with_neighbours",
    "with_noise",
    "xavier_tables",
]
