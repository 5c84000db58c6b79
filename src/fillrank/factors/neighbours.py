"""How alike two rows of who-met-what are, and which rows are most like one another.

Rows are users, and what they have in common are items; or the other way round. All of it looks at ones and holes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fillrank.arguments import affordable, shown
from fillrank.arguments.limits import count
from fillrank.errors import SettingsError
from fillrank.runtime.threads import available_threads

__all__ = ["Similarity", "SimilarityKind", "most_alike", "nearest"]

Csr: TypeAlias = "sp.csr_array[Any]"
SimilarityKind = Literal["cosine", "pearson", "tfidf", "bm25"]
_K1, _B = 1.2, 0.75
_MOST_K = 100_000


@dataclass(frozen=True)
class Similarity:
    """How alike two rows are, of ``N`` features of which they have ``n_a`` and ``n_b``, ``c`` in common.

    Where the features of a row count differently, n is the sum of their numbers (in lengths, of the squares), and c the
    sum of the products.

    * ``"cosine"``: ``c / (√(n_a n_b) + shrinkage)``.
    * ``"pearson"``, the correlation of ones and zeros: ``(c - n_a n_b / N) / (σ_a σ_b + shrinkage)`` with
      ``σ² = n - n²/N``.
    * ``"tfidf"``: the cosine of rows in which a feature counts by how rare it is,
      ``1 + log(rows / (1 + rows that have it))``, with the lengths of such rows in the place of ``√n``.
    * ``"bm25"``: the plain product of rows in which a feature counts by ``log(rows / (1 + rows with it))``, or 0 if
      less, times ``2.2 / (1.2 · (.25 + .75 · n / mean n) + 1)``: long rows are held back less than by a cosine. It has
      no shrinkage.

    Attributes:
        kind: one of these.
        shrinkage: how strongly rows that have little in common are held to be unlike.

    Raises:
        SettingsError: there is no such kind, or the shrinkage is below 0.
    """

    kind: SimilarityKind = "cosine"
    shrinkage: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(SimilarityKind):
            raise SettingsError(
                f"similarity must be one of {', '.join(get_args(SimilarityKind))}, got {shown(self.kind)}"
            )
        if not 0 <= self.shrinkage < np.inf:
            raise SettingsError(f"shrinkage must be a finite number of 0 or more, got {shown(self.shrinkage)}")

    def weighted(self, rows: Csr, known: Csr) -> Csr:
        """The rows with their features weighted, by how rare they are among the known rows."""
        data = rows.data.astype(np.float64)
        if self.kind in {"tfidf", "bm25"}:
            rare = np.log(max(known.shape[0], 1) / (1.0 + np.bincount(known.indices, minlength=known.shape[1])))
            data *= (np.maximum(rare, 0.0) if self.kind == "bm25" else np.maximum(rare + 1.0, 0.0))[rows.indices]
        if self.kind == "bm25":
            lengths = np.diff(rows.indptr)
            mean = max(known.nnz / max(known.shape[0], 1), 1e-12)
            data = data * np.repeat((_K1 + 1) / (_K1 * (1 - _B + _B * lengths / mean) + 1), lengths)
        return sp.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)

    def scaling(self, weighted: Csr) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What is taken from a product by chance, and the length it is divided by: p and l of each row."""
        nothing, n = np.zeros(weighted.shape[0]), weighted.shape[0]
        if self.kind == "bm25":
            return nothing, np.ones_like(nothing)
        of_row = np.repeat(np.arange(n), np.diff(weighted.indptr))
        squares = np.bincount(of_row, weighted.data**2, n)
        if self.kind == "pearson":
            of_all, sums = max(weighted.shape[1], 1), np.bincount(of_row, weighted.data, n)
            return sums / np.sqrt(of_all), np.sqrt(np.maximum(squares - sums * sums / of_all, 1e-12))
        return nothing, np.sqrt(np.maximum(squares, 1e-12))


def nearest(rows: Csr, known: Csr, similarity: Similarity, k: int, *, others: bool = False) -> Csr:
    """Of each row the ``k`` known ones that are most like it, and how alike they are: float32 ``[n_rows, n_known]``.

    Only what is above 0 counts; of equal ones the first are taken. In memory are the result and one number for each
    known row and thread.

    Args:
        rows: ``[n_rows, n_features]``: ones, or how much each feature counts in a row.
        known: ``[n_known, n_features]``.
        similarity: see there.
        k: how many.
        others: leave out the known row at the same place: the rows are the known ones themselves.

    Raises:
        SettingsError: ``k`` is out of range, or the lists do not fit into memory.

    Example:
        >>> known = sp.csr_array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
        >>> nearest(known, known, Similarity("cosine"), 1, others=True).toarray().astype(float).round(2).tolist()
        [[0.0, 0.0, 0.71], [0.5, 0.0, 0.0], [0.71, 0.0, 0.0]]
    """
    one, other = (similarity.weighted(part, known) for part in (rows, known))
    (p, length), (p_known, length_known) = similarity.scaling(one), similarity.scaling(other)
    shrinkage = 0.0 if similarity.kind == "bm25" else similarity.shrinkage
    return most_alike(one, other, (p, p_known, length, length_known, shrinkage), k, others=others)


def most_alike(
    one: Csr,
    other: Csr,
    scaling: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float],
    k: int,
    *,
    others: bool,
) -> Csr:
    """Of each row the ``k`` largest of ``(<a, b> - p_a p_b) / (l_a l_b + s)`` above 0: float32 ``[n_rows, n_other]``.

    Args:
        one: ``[n_rows, n_features]``, weighted.
        other: ``[n_other, n_features]``.
        scaling: p of the rows and of the others, l of the rows and of the others, s.
        k: how many.
        others: leave out the other at the same place.
    """
    from fillrank.factors.neighbour_kernels import best_products

    k = min(count("k", k, most=_MOST_K), max(other.shape[0], 1))
    affordable(24.0 * k * one.shape[0], f"k={k:,} neighbours of {one.shape[0]:,} rows")
    by_feature = other.T.tocsr()
    sides = [(part.indptr.astype(np.int64), part.indices.astype(np.int32), part.data) for part in (one, by_feature)]
    places, values, found = best_products(sides[0], sides[1], scaling, k, available_threads(), others=others)
    kept = np.arange(k) < found[:, None]
    indptr = np.concatenate([[0], np.cumsum(found)])
    return sp.csr_array((values[kept], places[kept], indptr), shape=(one.shape[0], other.shape[0])).sorted_indices()
