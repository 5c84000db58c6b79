"""Accept other values in place of a log: a table, the path of a file, a sparse matrix."""

from __future__ import annotations

import os
from typing import Any

import narwhals as nw
import scipy.sparse as sp

from fillrank.arguments import Refused, takes_also
from fillrank.data.interactions import Interactions
from fillrank.data.io.read import read
from fillrank.data.io.read_result import ReadResult
from fillrank.data.parts import Split
from fillrank.data.synthetic import Synthetic

__all__ = ["as_interactions"]


def as_interactions(value: Any) -> Interactions:
    """Make a log from a table whose columns are recognised, the path of a file, or a sparse matrix.

    Raises:
        Refused: ``value`` is none of these.
        DataError: the table or the file is not a log.
    """
    if isinstance(value, ReadResult | Synthetic):
        return value.interactions
    if isinstance(value, str | os.PathLike):
        return read(value)
    if sp.issparse(value):
        return Interactions.from_csr(value)
    if isinstance(value, Split):
        raise Refused("a Split contains three logs: split.train, split.valid, split.test")
    if isinstance(nw.from_native(value, pass_through=True), nw.DataFrame | nw.LazyFrame) or hasattr(value, "iloc"):
        return Interactions.from_frame(value)
    raise Refused("fillrank.read makes one from a file, Interactions.from_frame from a table")


def _no_split(value: Any) -> Any:
    if isinstance(value, Interactions):
        raise Refused("fillrank.split.random(log) makes one from a log")
    raise Refused("fillrank.split makes one from a log")


takes_also("Interactions", " (or a table, or the path of a file)", as_interactions)
takes_also("Split", "", _no_split)
