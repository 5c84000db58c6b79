"""Encoders: compute the vectors (or scores) of users and items from trainable parameters."""

from fillrank.encoders.base import (
    FreeTables,
    GraphEncoder,
    PairEncoder,
    TableEncoder,
    Tables,
    VectorEncoder,
    has_free_tables,
)
from fillrank.encoders.feature_sums import FeatureSums
from fillrank.encoders.fixed_items import FixedItems
from fillrank.encoders.history_users import HistoryUsers
from fillrank.encoders.inputs import EncoderInputs
from fillrank.encoders.lightgcn import LightGCN, with_neighbours
from fillrank.encoders.mf import MF
from fillrank.encoders.neumf import NeuMF
from fillrank.encoders.rating_head import RatingHead
from fillrank.encoders.registry import ENCODERS, as_encoder, has_free_vectors, inputs_of, scores_pairs
from fillrank.encoders.start import normal_tables, tables_of_factors, xavier_tables
from fillrank.encoders.views import VIEWS, View, edge_dropout, layer_noise, view, with_noise

__all__ = [
    "ENCODERS",
    "MF",
    "VIEWS",
    "EncoderInputs",
    "FeatureSums",
    "FixedItems",
    "FreeTables",
    "GraphEncoder",
    "HistoryUsers",
    "LightGCN",
    "NeuMF",
    "PairEncoder",
    "RatingHead",
    "TableEncoder",
    "Tables",
    "VectorEncoder",
    "View",
    "as_encoder",
    "edge_dropout",
    "has_free_tables",
    "has_free_vectors",
    "inputs_of",
    "layer_noise",
    "normal_tables",
    "scores_pairs",
    "tables_of_factors",
    "view",
    "with_neighbours",
    "with_noise",
    "xavier_tables",
]
