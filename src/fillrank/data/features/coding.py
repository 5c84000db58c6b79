"""``FeatureCoding``: how the columns of features become numbers, fixed once and then used for new rows as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fillrank.data.categories import Categories
from fillrank.data.features.columns import FeatureColumn, NumberColumn, VectorColumn
from fillrank.data.features.features import Features
from fillrank.errors import DataError
from fillrank.runtime.notices import say_once

__all__ = ["FeatureCoding"]

_FARTHEST = 5.0
"""Standard deviations from the mean at which a number is cut."""
Part = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class FeatureCoding:
    """How each column becomes numbers: one number for each category, one or two for a number, ``width`` for a vector.

    Averaged over the rows, each column has a length of about 1, so none weighs more for its unit: a category is a 1;
    each of n tags is ``1/√n``; a number is less the mean and over the standard deviation, cut at ±5; vectors are
    over their mean length (root of the mean square). A number that is missing is 0, the mean; where some were missing
    when the coding was made, a further number, 1 for those, lets their absence tell.

    Attributes:
        parts: for each column its ``name``, its ``kind``, and the numbers above; plain data, as a saved model keeps it.

    Example:
        >>> import polars as pl
        >>> table = pl.DataFrame({"film": ["a", "b"], "genre": ["War|Drama", "War"], "year": [5, 7]})
        >>> films = Features.from_frame(table)
        >>> coding = FeatureCoding.of(films)
        >>> coding.names
        ('genre=Drama', 'genre=War', 'year')
        >>> coding.matrix(films).toarray().round(2)
        array([[ 0.71,  0.71, -1.  ],
               [ 0.  ,  1.  ,  1.  ]], dtype=float32)
    """

    parts: tuple[Part, ...]

    @classmethod
    def of(cls, features: Features) -> Self:
        """The coding that goes by the rows of ``features``."""
        parts = (_part(name, column) for name, column in features.columns.items())
        return cls(tuple(part for part in parts if part is not None))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each number of a row is."""
        return tuple(name for part in self.parts for name in _names(part))

    def __len__(self) -> int:
        return len(self.names)

    def matrix(self, features: Features) -> sp.csr_array[Any]:
        """The numbers of each row, float32 ``[n_rows, len(self)]``; a category that is new to the coding is left out.

        Raises:
            DataError: a column is missing, or of another kind.
        """
        blocks = [_block(part, features) for part in self.parts]
        if not blocks:
            blocks.append(sp.csr_array(np.zeros((len(features), 0), dtype=np.float32)))
        joined: sp.csr_array[Any] = sp.hstack(blocks, format="csr", dtype=np.float32)
        joined.sort_indices()
        return joined


def _part(name: str, column: FeatureColumn) -> Part | None:
    """How one column is coded; None where it cannot tell one row from another."""
    if isinstance(column, Categories):
        return {"name": name, "kind": "category", "values": list(column.values)} if column.values else None
    if isinstance(column, VectorColumn):
        length = float(np.sqrt(np.square(column.values.astype(np.float64)).sum(1).mean())) if column.n_rows else 0.0
        return {"name": name, "kind": "vector", "width": int(column.values.shape[1]), "length": length or 1.0}
    known = column.values[np.isfinite(column.values)]
    deviation = float(known.std()) if len(known) else 0.0
    if deviation == 0.0:
        say_once(f"the feature {name!r} is left out: it is the same for all, or missing")
        return None
    missing = len(known) < column.n_rows
    return {"name": name, "kind": "number", "mean": float(known.mean()), "deviation": deviation, "missing": missing}


def _names(part: Part) -> Sequence[str]:
    name = part["name"]
    if part["kind"] == "category":
        return [f"{name}={value}" for value in part["values"]]
    if part["kind"] == "vector":
        return [f"{name}[{n}]" for n in range(part["width"])]
    return [name, f"{name} is missing"] if part["missing"] else [name]


def _block(part: Part, features: Features) -> sp.csr_array[Any]:
    name = part["name"]
    column = features.columns.get(name)
    wanted = {"category": Categories, "number": NumberColumn, "vector": VectorColumn}[part["kind"]]
    if not isinstance(column, wanted):
        came = "nothing of that name" if column is None else type(column).__name__.lower()
        raise DataError(
            f"the features have {came} where the model learnt of {name!r} as {wanted.__name__.lower()}; give the same "
            "columns as for the fit"
        )
    if isinstance(column, Categories):
        return _of_categories(part, column)
    if isinstance(column, VectorColumn):
        if column.values.shape[1] != part["width"]:
            raise DataError(f"{name!r} has vectors of {column.values.shape[1]}, the model learnt of {part['width']}")
        dense: sp.csr_array[Any] = sp.csr_array(column.values / np.float32(part["length"]))
        return dense
    assert isinstance(column, NumberColumn)  # noqa: S101 -- the third of the three
    there = np.isfinite(column.values)
    scaled = np.where(there, (column.values - part["mean"]) / part["deviation"], 0.0).clip(-_FARTHEST, _FARTHEST)
    return sp.csr_array(np.column_stack([scaled, ~there] if part["missing"] else [scaled]).astype(np.float32))


def _of_categories(part: Part, column: Categories) -> sp.csr_array[Any]:
    places = {value: place for place, value in enumerate(part["values"])}
    moved = np.array([places.get(value, -1) for value in column.values], dtype=np.int64)
    stored = column.of_rows
    rows = np.repeat(np.arange(column.n_rows), np.diff(stored.indptr))
    found: NDArray[np.int64] = moved[stored.indices]
    if strange := sorted({str(column.values[place]) for place in stored.indices[found < 0]}):
        say_once(
            f"{len(strange)} values of {part['name']!r} were not there when the model learnt, and say nothing to it: "
            f"{', '.join(strange[:3])}{', …' if len(strange) > 3 else ''}"
        )
    rows, found = rows[found >= 0], found[found >= 0]
    counts = np.bincount(rows, minlength=column.n_rows)
    shares = 1 / np.sqrt(counts[rows])
    return sp.coo_array((shares, (rows, found)), (column.n_rows, len(part["values"]))).tocsr()
