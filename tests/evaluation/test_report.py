"""Report and Comparison: intervals that cover, p-values that are fair, and texts."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from fillrank.errors import DataError, SettingsError
from fillrank.evaluation import Report

PROTOCOL = {
    "protocol": "honest",
    "part": "test",
    "split": {"split": "random", "test": 0.1, "seed": 0},
    "candidates": "all",
    "filter_seen": True,
    "k": [10],
    "relevant_from": 4.0,
    "n_items": 9066,
    "n_users": 3,
}


def report(name="cmc", *, recall, squares=None, **metrics) -> Report:
    """A report of these recalls, and of these sums of squared errors over two rows each."""
    recall = np.asarray(recall, dtype=float)
    per_user = {"recall@10": recall}
    found = {"recall@10": float(np.nanmean(recall)), **metrics}
    if squares is not None:
        squares = np.asarray(squares, dtype=float)
        per_user |= {"squared_error": squares, "n_rated": np.full(len(squares), 2.0)}
        found["rmse"] = float(np.sqrt(squares.sum() / (2 * len(squares))))
    return Report(name, found, np.arange(len(recall)), per_user, PROTOCOL)


def test_a_report_reads_as_a_table_with_its_protocol():
    several = replace(
        report(recall=[0.5, 1, 0]), metrics={"recall@5": 0.25, "recall@10": 0.5, "popularity@10": 1234.5, "rmse": 0.845}
    )
    assert str(several).splitlines() == [
        "cmc             @5      @10",
        "recall      0.2500   0.5000",
        "popularity          1,234.5",
        "rmse        0.8450",
        "honest protocol; random split (test 0.1, seed 0); test part; 3 users with relevant items; "
        "all 9,066 items ranked; seen removed; relevant from 4",
    ]


def test_the_metrics_by_name_and_as_a_frame():
    one = report(recall=[0.5, 1, 0], squares=[2, 2, 2])
    assert one["rmse"] == 1
    with pytest.raises(DataError, match="no metric 'recall' in this report; it has recall@10, rmse"):
        one["recall"]
    assert one.to_frame().equals(
        pl.DataFrame({"model": ["cmc"] * 2, "metric": ["recall", "rmse"], "k": [10, None], "value": [0.5, 1.0]})
    )


def test_json_holds_metrics_and_protocol_and_no_nan():
    one = report(recall=[0.5, 1, 0], **{"novelty@10": float("nan")})
    told = json.loads(one.to_json())
    assert told == {"model": "cmc", "metrics": {"recall@10": 0.5, "novelty@10": None}, "protocol": PROTOCOL}
    assert told == one.to_dict()


def test_intervals_are_those_of_the_normal_distribution():
    rng = np.random.default_rng(0)
    recall, squares = rng.random(2000), 2 * rng.normal(size=2000) ** 2
    recall[:500] = np.nan  # not all users have relevant items
    intervals = report(recall=recall, squares=squares, **{"coverage@10": 0.5}).intervals(level=0.95, n=2000, seed=3)
    assert set(intervals) == {"recall@10", "rmse"}
    known = recall[500:]
    half = 1.96 * known.std() / np.sqrt(len(known))
    assert intervals["recall@10"] == pytest.approx((known.mean() - half, known.mean() + half), abs=0.15 * half)
    mean = squares.mean() / 2  # delta method: the square root's slope is 1/(2 rmse)
    half = 1.96 * (squares / 2).std() / np.sqrt(2000) / (2 * np.sqrt(mean))
    assert intervals["rmse"] == pytest.approx((np.sqrt(mean) - half, np.sqrt(mean) + half), abs=0.15 * half)


def test_the_same_seed_gives_the_same_intervals():
    one = report(recall=np.random.default_rng(1).random(50))
    assert one.intervals(n=50, seed=1) == one.intervals(n=50, seed=1)
    assert one.intervals(n=50, seed=1) != one.intervals(n=50, seed=2)
    with pytest.raises(SettingsError, match="level must lie between 0 and 1 and n be 1 or more, got level=95 and n=50"):
        one.intervals(level=95, n=50)


def test_pairing_sees_a_small_difference_that_two_intervals_would_hide():
    rng = np.random.default_rng(2)
    hard, better = rng.random(300), rng.random(300) < 0.1
    a = report("a", recall=np.minimum(hard + 0.05 * better, 1), squares=hard)
    b = report("b", recall=hard, squares=hard)
    found = a.compare(b, n=999)
    line = found["recall@10"]
    assert line.difference == pytest.approx(a["recall@10"] - b["recall@10"])
    assert 0 < line.low < line.difference < line.high
    assert line.p_value == pytest.approx(1 / 1000)
    assert a.intervals()["recall@10"][0] < b["recall@10"]  # unpaired, it drowns
    same = found["rmse"]
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)


def test_comparison_is_antisymmetric():
    rng = np.random.default_rng(3)
    a, b = (report(recall=rng.random(80), squares=rng.random(80)) for _ in range(2))
    for metric in ("recall@10", "rmse"):
        there, back = a.compare(b, n=200)[metric], b.compare(a, n=200)[metric]
        assert (back.difference, back.low, back.high) == pytest.approx((-there.difference, -there.high, -there.low))
        assert back.p_value == there.p_value


@pytest.mark.parametrize("metric", ["recall@10", "rmse"])
def test_p_values_of_equal_models_are_uniform(metric):
    rng = np.random.default_rng(4)
    p_values = []
    for _ in range(150):
        a, b = (report(recall=rng.random(40), squares=rng.random(40)) for _ in range(2))
        p_values.append(a.compare(b, n=99)[metric].p_value)
    assert np.quantile(p_values, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.1)


def test_metrics_of_all_lists_have_a_difference_and_no_interval():
    a, b = (report(n, recall=[0, 1], **{"coverage@10": c, "extra@10": 1.0}) for n, c in (("a", 0.5), ("b", 0.25)))
    del b.metrics["extra@10"]
    found = a.compare(b, n=50)
    line = found["coverage@10"]
    assert (line.difference, line.low, line.high, line.p_value) == (0.25, None, None, None)
    with pytest.raises(DataError, match="no metric 'extra@10' in this comparison; it has recall@10, coverage@10"):
        found["extra@10"]


def test_a_comparison_reads_as_a_table():
    a = report("a", recall=[1, 1], **{"coverage@10": 0.5})
    b = report("b", recall=[0, 0], **{"coverage@10": 0.75})
    found = a.compare(b, n=100)
    lines = str(found).splitlines()
    assert lines[0].split() == ["a", "b", "difference", "95%", "interval", "p"]
    assert lines[1].split()[:7] == ["recall@10", "1.0000", "0.0000", "+1.0000", "1.0000", "…", "1.0000"]
    assert lines[2].split() == ["coverage@10", "0.5000", "0.7500", "-0.2500", "–", "–"]
    assert lines[3] == "paired over users, 100 resamples"
    assert found.to_frame()["metric"].to_list() == ["recall@10", "coverage@10"]


def test_reports_of_different_protocols_or_users_are_not_compared():
    one = report("one", recall=[0, 1, 1])
    legacy = replace(one, model="two", protocol=PROTOCOL | {"protocol": "legacy", "k": [20]})
    with pytest.raises(
        DataError, match=r"measured differently \(protocol: 'honest' and 'legacy'; k: \[10\] and \[20\]\)"
    ):
        one.compare(legacy)
    with pytest.raises(DataError, match="one has 3 users and one 3, not the same ones"):
        one.compare(replace(one, users=np.array([0, 1, 5])))
