"""Metrics as pure functions of hits, of counts of listed items, or of errors. They never see scores.

Accuracy metrics take, for each of ``B`` users, the hits in the list at a cut-off k and the number of relevant items R.
They return one value per user. In the formulas, ``h_j`` is 1 if the item at rank j (1 … k) is relevant, else 0. A list
that is shorter than k is filled up with zeros. The definitions are those of trec_eval for binary relevance; variants
have names of their own.

>>> hits = np.array([[False, True, True]])
>>> recall(hits, np.array([4])), precision(hits, np.array([4]))
(array([0.5]), array([0.66666667]))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fillrank.arguments import checked
from fillrank.errors import DataError

__all__ = [
    "ACCURACY",
    "coverage",
    "gini",
    "hit_rate",
    "mae",
    "map",
    "map_capped",
    "mrr",
    "ndcg",
    "precision",
    "recall",
    "recall_capped",
    "rmse",
    "self_information",
]

Hits = NDArray[np.bool_]
Counts = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]


@checked
def recall(hits: Hits, n_relevant: Counts) -> Floats:
    """Recall@k: ``Σ h_j / R``, the share of a user's relevant items that are in the list (trec_eval's ``recall_k``).

    With more than k relevant items it cannot reach 1; see :func:`recall_capped`.

    Args:
        hits: bool ``[B, k]``.
        n_relevant: ``[B]``, at least 1 each.

    Returns:
        float64 ``[B]``.

    Raises:
        DataError: the shapes do not fit, a user has no relevant item, or there are more hits than relevant items.

    Example:
        >>> recall(np.array([[True, False]]), np.array([4]))
        array([0.25])
    """
    return _n_hits(hits, n_relevant) / n_relevant


@checked
def recall_capped(hits: Hits, n_relevant: Counts) -> Floats:
    """Recall@k divided by the best possible value: ``Σ h_j / min(k, R)``, the Recall of Liang et al. (2018).

    Arguments and errors as :func:`recall`.

    Example:
        >>> recall_capped(np.array([[True, False]]), np.array([4]))
        array([0.5])
    """
    return _n_hits(hits, n_relevant) / np.minimum(n_relevant, hits.shape[1])


@checked
def precision(hits: Hits, n_relevant: Counts) -> Floats:
    """Precision@k: ``Σ h_j / k``, also for a list shorter than k (trec_eval's ``P_k``).

    Arguments and errors as :func:`recall`.

    Example:
        >>> precision(np.array([[True, False]]), np.array([4]))
        array([0.5])
    """
    return _n_hits(hits, n_relevant) / np.float64(hits.shape[1])


@checked
def hit_rate(hits: Hits, n_relevant: Counts) -> Floats:
    """HitRate@k: 1 if the list contains a relevant item, else 0 (trec_eval's ``success_k``).

    Arguments and errors as :func:`recall`.

    Example:
        >>> hit_rate(np.array([[False, True], [False, False]]), np.array([1, 1]))
        array([1., 0.])
    """
    return (_n_hits(hits, n_relevant) > 0).astype(np.float64)


@checked
def ndcg(hits: Hits, n_relevant: Counts) -> Floats:
    """nDCG@k with gains of 0 and 1 (trec_eval's ``ndcg_cut_k``).

    It is ``Σ h_j / log2(j + 1)`` divided by its value for the best possible list, which has ``min(k, R)`` hits at the
    top.

    Arguments and errors as :func:`recall`.

    Example:
        >>> ndcg(np.array([[True, False], [False, True]]), np.array([1, 1])).round(4)
        array([1.    , 0.6309])
    """
    _n_hits(hits, n_relevant)
    k = hits.shape[1]
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)[np.minimum(n_relevant, k) - 1]
    return np.asarray((hits @ discount) / ideal, dtype=np.float64)


@checked
def map(hits: Hits, n_relevant: Counts) -> Floats:  # noqa: A001 (the metric's own name)
    """Average precision@k: ``Σ_j h_j · P@j / R`` (trec_eval's ``map_cut_k``); its mean over the users is MAP@k.

    The divisor is R, not ``min(k, R)``; see :func:`map_capped`. Arguments and errors as :func:`recall`.

    Example:
        >>> map(np.array([[True, False, True]]), np.array([5])).round(4)
        array([0.3333])
    """
    return _sum_of_precisions(hits, n_relevant) / n_relevant


@checked
def map_capped(hits: Hits, n_relevant: Counts) -> Floats:
    """Average precision@k divided by the best possible value: ``Σ_j h_j · P@j / min(k, R)``.

    Arguments and errors as :func:`recall`.

    Example:
        >>> map_capped(np.array([[True, False, True]]), np.array([5])).round(4)
        array([0.5556])
    """
    return _sum_of_precisions(hits, n_relevant) / np.minimum(n_relevant, hits.shape[1])


@checked
def mrr(hits: Hits, n_relevant: Counts) -> Floats:
    """Reciprocal rank of the first hit within k; 0 without a hit (trec_eval's ``recip_rank`` of a list cut at k).

    Arguments and errors as :func:`recall`.

    Example:
        >>> mrr(np.array([[False, False, True], [False, False, False]]), np.array([1, 1])).round(4)
        array([0.3333, 0.    ])
    """
    found = _n_hits(hits, n_relevant) > 0
    return np.where(found, 1 / (np.argmax(hits, axis=1) + 1), 0.0)


ACCURACY: dict[str, Callable[[Hits, Counts], Floats]] = {
    "recall": recall,
    "recall_capped": recall_capped,
    "precision": precision,
    "hit_rate": hit_rate,
    "ndcg": ndcg,
    "map": map,
    "map_capped": map_capped,
    "mrr": mrr,
}
"""The accuracy metrics by name."""


@checked
def coverage(counts: Counts) -> float:
    """Catalogue coverage: the share of all items that are in at least one list.

    Args:
        counts: ``[n_items]``, the number of lists with each item; every item of the catalogue has an entry.

    Example:
        >>> coverage(np.array([3, 0, 1, 0]))
        0.5
    """
    _check_column("counts", counts)
    return float(np.count_nonzero(counts) / len(counts))


@checked
def gini(counts: Counts) -> float:
    """Gini index of the numbers of lists that items of the catalogue are in.

    With ascending counts c it is ``Σ_i (2i - n - 1) c_i / (n Σ_i c_i)``: 0 if every item is listed equally often, and
    ``1 - 1/n`` if only one item is listed. Items that are never listed count. It is 0 if nothing is listed at all.

    Args:
        counts: ``[n_items]``, the number of lists with each item.

    Example:
        >>> gini(np.array([2, 2])), gini(np.array([0, 0, 0, 8]))
        (0.0, 0.75)
    """
    _check_column("counts", counts)
    n, total = len(counts), int(counts.sum())
    if not total:
        return 0.0
    weights = 2 * np.arange(1, n + 1) - n - 1
    return float((weights * np.sort(counts)).sum() / (n * total))


@checked
def self_information(train_counts: Counts, n_users: int) -> Floats:
    """The self-information of each item in bits: ``-log2(max(c_i, 1) / n_users)`` with c_i its users in training.

    The mean over a list is its novelty. An item without users counts as if it had one.

    Args:
        train_counts: ``[n_items]``.
        n_users: the number of users.

    Example:
        >>> self_information(np.array([8, 2, 0]), 8)
        array([0., 2., 3.])
    """
    _check_column("train_counts", train_counts)
    if n_users < 1:
        raise DataError(f"n_users must be 1 or more, got {n_users}")
    return np.asarray(np.log2(n_users) - np.log2(np.maximum(train_counts, 1)), dtype=np.float64)


@checked
def rmse(errors: NDArray[np.floating[Any]]) -> float:
    """Root mean squared error, of errors ``[n]`` (prediction minus value), summed in float64.

    Example:
        >>> rmse(np.array([3.0, 4.0, 0.0, 0.0]))
        2.5
    """
    _check_column("errors", errors)
    return float(np.sqrt(np.mean(np.square(errors, dtype=np.float64))))


@checked
def mae(errors: NDArray[np.floating[Any]]) -> float:
    """Mean absolute error, of errors ``[n]``, summed in float64.

    Example:
        >>> mae(np.array([3.0, -4.0, 0.0, 0.0]))
        1.75
    """
    _check_column("errors", errors)
    return float(np.mean(np.abs(errors), dtype=np.float64))


def _check_column(name: str, column: NDArray[Any]) -> None:
    if column.ndim != 1 or not len(column):
        raise DataError(f"{name} must be one row of numbers, at least one, got the shape {column.shape}")


def _sum_of_precisions(hits: Hits, n_relevant: Counts) -> Floats:
    _n_hits(hits, n_relevant)
    at_rank = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return np.asarray((at_rank * hits).sum(1), dtype=np.float64)


def _n_hits(hits: Hits, n_relevant: Counts) -> NDArray[np.int64]:
    """Check the arguments, and count the hits of each list."""
    if hits.ndim != 2 or not hits.shape[1] or n_relevant.shape != hits.shape[:1]:
        raise DataError(
            f"hits must be [B, k] and n_relevant [B] with k of 1 or more, got {hits.shape} and {n_relevant.shape}"
        )
    if hits.dtype != np.bool_:
        raise DataError(f"hits must be bool: whether each ranked item is relevant; got {hits.dtype}")
    found = hits.sum(1)
    if (n_relevant < 1).any():
        raise DataError(f"{(n_relevant < 1).sum()} users have no relevant item; leave them out of the average")
    if (found > n_relevant).any():
        row = int(np.argmax(found > n_relevant))
        raise DataError(f"row {row} has {found[row]} hits and {n_relevant[row]} relevant items; lists repeat an item")
    return np.asarray(found, dtype=np.int64)
