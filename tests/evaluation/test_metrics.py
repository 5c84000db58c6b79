"""Metrics: values worked out by hand, trec_eval's values through ir-measures, and what they refuse."""

import math

import hypothesis.extra.numpy as hnp
import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, Success, nDCG

from fillrank.errors import DataError
from fillrank.evaluation import metrics

HITS = np.array([[True, False, True, False], [False, False, False, False], [False, True, False, False]])
RELEVANT = np.array([3, 2, 6])


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("recall", [2 / 3, 0, 1 / 6]),
        ("recall_capped", [2 / 3, 0, 1 / 4]),
        ("precision", [2 / 4, 0, 1 / 4]),
        ("hit_rate", [1, 0, 1]),
        (
            "ndcg",
            [1.5 / (1 + 1 / math.log2(3) + 0.5), 0, (1 / math.log2(3)) / (1.5 + 1 / math.log2(3) + 1 / math.log2(5))],
        ),
        ("map", [(1 + 2 / 3) / 3, 0, (1 / 2) / 6]),
        ("map_capped", [(1 + 2 / 3) / 3, 0, (1 / 2) / 4]),
        ("mrr", [1, 0, 1 / 2]),
    ],
)
def test_values_by_hand(name, wanted):
    np.testing.assert_allclose(metrics.ACCURACY[name](HITS, RELEVANT), wanted)


def test_every_accuracy_metric_is_in_the_table():
    assert all(getattr(metrics, name) is function for name, function in metrics.ACCURACY.items())
    assert set(metrics.ACCURACY) <= set(metrics.__all__)


@st.composite
def rankings(draw):
    """A ranked list over 12 items and the relevant ones among 15, three of which can never be listed."""
    ranked = draw(st.permutations(range(12)))[: draw(st.integers(1, 12))]
    relevant = draw(st.sets(st.integers(0, 14), min_size=1))
    return ranked, relevant, draw(st.integers(1, 15))


@settings(deadline=None)
@given(cases=st.lists(rankings(), min_size=1, max_size=4))
def test_values_are_those_of_trec_eval(cases):
    for ranked, relevant, k in cases:
        hits = np.zeros((1, k), dtype=bool)
        hits[0, : len(ranked)] = [item in relevant for item in ranked[:k]]
        qrels = [ir_measures.Qrel("q", f"d{item}", 1) for item in relevant]
        run = [ir_measures.ScoredDoc("q", f"d{item}", -float(place)) for place, item in enumerate(ranked)]
        theirs = {"recall": R @ k, "precision": P @ k, "ndcg": nDCG @ k, "map": AP @ k, "mrr": RR @ k}
        theirs |= {"hit_rate": Success @ k}
        found = ir_measures.calc_aggregate(list(theirs.values()), qrels, run)
        for name, measure in theirs.items():
            ours = metrics.ACCURACY[name](hits, np.array([len(relevant)]))[0]
            assert ours == pytest.approx(found[measure], abs=1e-12), (name, k)


@settings(deadline=None)
@given(
    hits=hnp.arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 6))),
    spare=st.integers(0, 5),
    data=st.data(),
)
def test_bounds_and_order(hits, spare, data):
    relevant = np.maximum(hits.sum(1) + spare, 1)
    values = {name: function(hits, relevant) for name, function in metrics.ACCURACY.items()}
    assert all(((v >= 0) & (v <= 1 + 1e-12)).all() for v in values.values())
    assert (values["recall"] <= values["recall_capped"]).all()
    assert (values["map"] <= values["map_capped"]).all()
    order = data.draw(st.permutations(range(len(hits))))
    for name, function in metrics.ACCURACY.items():
        np.testing.assert_array_equal(function(hits[order], relevant[order]), values[name][order])


@pytest.mark.parametrize("name", metrics.ACCURACY)
def test_a_perfect_list_is_worth_one(name):
    assert metrics.ACCURACY[name](np.ones((1, 4), dtype=bool), np.array([4])) == 1


def test_bad_arguments_are_named():
    with pytest.raises(DataError, match="1 users have no relevant item; leave them out"):
        metrics.recall(HITS, np.array([3, 0, 6]))
    with pytest.raises(DataError, match="row 0 has 2 hits and 1 relevant items"):
        metrics.ndcg(HITS, np.array([1, 1, 1]))
    with pytest.raises(DataError, match=r"hits must be \[B, k\] and n_relevant \[B\].*got \(3, 4\) and \(2,\)"):
        metrics.map(HITS, np.array([1, 1]))
    with pytest.raises(DataError, match=r"hits must be bool.*got float64"):
        metrics.mrr(HITS * 0.5, RELEVANT)


def test_coverage_and_gini_by_hand():
    counts = np.array([0, 3, 1, 0])
    assert metrics.coverage(counts) == 0.5
    # the mean absolute difference over all ordered pairs, by twice the mean: the other definition of the index
    differences = np.abs(counts[:, None] - counts).mean() / (2 * counts.mean())
    assert metrics.gini(counts) == pytest.approx(differences)
    assert metrics.gini(np.zeros(4, dtype=int)) == 0
    assert metrics.gini(np.full(4, 7)) == 0


def test_self_information_counts_an_unmet_item_as_met_once():
    np.testing.assert_allclose(
        metrics.self_information(np.array([100, 25, 1, 0]), 100), [0, 2, math.log2(100), math.log2(100)]
    )


def test_errors_are_summed_in_double_precision():
    errors = np.array([3e30, -4e30, 0, 0], dtype=np.float32)  # the squares are beyond single precision
    assert metrics.rmse(errors) == pytest.approx(2.5e30)
    assert metrics.mae(np.full(3, 3e38, dtype=np.float32)) == pytest.approx(3e38)
