"""What is taken where a log is wanted: a table, a file, a sparse matrix; and words for what nearly is one."""

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
    """A log made of what is plainly one: a table whose columns are recognised, a path, a sparse matrix.

    Raises:
        Refused: it is none of these.
        DataError: the table or the file is no log.
    """
    if isinstance(value, ReadResult | Synthetic):
        return value.interactions
    if isinstance(value, str | os.PathLike):
        return read(value)
    if sp.issparse(value):
        return Interactions.from_csr(value)
    if isinstance(value, Split):
        raise Refused("a Split has three: split.train, split.valid, split.test")
    if isinstance(nw.from_native(value, pass_through=True), nw.DataFrame | nw.LazyFrame) or hasattr(value, "iloc"):
        return Interactions.from_frame(value)
    raise Refused("fillrank.read makes one of a file, Interactions.from_frame of a table")


def _no_split(value: Any) -> Any:
    if isinstance(value, Interactions):
        raise Refused("a log becomes one by fillrank.split.random(log)")
    raise Refused("fillrank.split makes one of a log")


takes_also("Interactions", " (or a table, or the path of a file)", as_interactions)
takes_also("Split", "", _no_split)
