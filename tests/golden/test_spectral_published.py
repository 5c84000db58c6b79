"""Deterministic published figures: the exact degree-normalised truncated SVD, rank 256, β = ½, LightGCN splits.

The exact decomposition has no seed to speak of, so the figures can be matched to their last digit; they check the
solver, the split and the evaluator together.
"""

from __future__ import annotations

import os

import pytest

from fillrank.data import load_split
from fillrank.evaluation import evaluate
from fillrank.solvers.sparse.svd import normalised_svd

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("FILLRANK_DATA" not in os.environ, reason="FILLRANK_DATA does not say where the data sets are"),
]


@pytest.mark.parametrize(
    ("name", "recall", "ndcg", "coverage"),
    [("gowalla", 0.1717, 0.1447, 0.211), ("yelp2018", 0.0668, 0.0549, None)],
)
def test_exact_normalised_svd(name: str, recall: float, ndcg: float, coverage: float | None) -> None:
    parts = load_split(name)
    report = evaluate(normalised_svd(parts.train, 256, beta=0.5), parts, k=20)
    assert report["recall@20"] == pytest.approx(recall, abs=1e-4)
    assert report["ndcg@20"] == pytest.approx(ndcg, abs=1e-4)
    if coverage is not None:
        assert report["coverage@20"] == pytest.approx(coverage, abs=1e-3)
