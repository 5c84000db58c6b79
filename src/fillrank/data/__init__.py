"""Interaction data: ids, ``Interactions``, readers of files, splits, the catalogue of data sets, synthetic data."""

from fillrank.data import split
from fillrank.data.datasets.catalogue import DatasetInfo, info, list_datasets, load, load_split
from fillrank.data.decay import decay
from fillrank.data.disk.build import write_store
from fillrank.data.disk.stored import open_store
from fillrank.data.features import Features
from fillrank.data.ids import IdMap
from fillrank.data.interactions import Interactions
from fillrank.data.io import accepted as _accepted  # noqa: F401 (registers what is accepted in place of a log)
from fillrank.data.io.options import LogOptions, ReadOptions
from fillrank.data.io.own_formats import READERS
from fillrank.data.io.read import read, scan
from fillrank.data.io.read_result import ReadResult
from fillrank.data.split import Split
from fillrank.data.subsampling import subsample
from fillrank.data.summary import Summary
from fillrank.data.synthetic import Synthetic, checkerboard, synthetic

__all__ = [
    "READERS",
    "DatasetInfo",
    "Features",
    "IdMap",
    "Interactions",
    "LogOptions",
    "ReadOptions",
    "ReadResult",
    "Split",
    "Summary",
    "Synthetic",
    "checkerboard",
    "decay",
    "info",
    "list_datasets",
    "load",
    "load_split",
    "open_store",
    "read",
    "scan",
    "split",
    "subsample",
    "synthetic",
    "write_store",
]
