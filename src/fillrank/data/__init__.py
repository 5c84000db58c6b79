"""The log: ids, interactions, readers, splits, the catalogue of public data sets, synthetic data."""

from fillrank.data.ids import IdMap
from fillrank.data.interactions import Interactions, Summary

__all__ = ["IdMap", "Interactions", "Summary"]
