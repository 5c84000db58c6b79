"""What models are chosen by on the validation part: one metric everywhere, and the words of 0.1."""

from __future__ import annotations

import math

import pytest

from fillrank.errors import SettingsError
from fillrank.models import CMC, RECIPES
from fillrank.models.monitoring import USUAL_MONITOR, JointMonitor


def test_every_recipe_that_has_a_monitor_goes_by_the_same_metric() -> None:
    fields = [kind.model_fields["monitor"].default for kind in RECIPES.values() if "monitor" in kind.model_fields]
    assert len(fields) > 5
    assert {default.partition("+")[0] for default in fields} == {USUAL_MONITOR}


def test_a_percent_of_error_is_worth_four_of_the_lists() -> None:
    joint = JointMonitor.of("ndcg@20+rmse")
    assert joint.score({"ndcg@20": 0.5, "rmse": 0.9}) == pytest.approx(math.log(0.5) - 4 * math.log(0.9))
    assert joint.score({"ndcg@20": 0.5}) == JointMonitor.of("ndcg@20").score({"ndcg@20": 0.5, "rmse": 3.0})
    assert JointMonitor.of("rmse").score({"ndcg@20": 0.5, "rmse": 0.9}) == pytest.approx(-math.log(0.9))


@pytest.mark.parametrize(("old", "new"), [("ndcg", "ndcg@10"), ("both", "ndcg@10+rmse")])
def test_the_words_of_version_01_mean_what_they_meant(old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=rf"monitor='{old}' is monitor='{new.replace('+', '.')}' now"):
        assert CMC(monitor=old).monitor == new


@pytest.mark.parametrize("monitor", ["ndcg@10+recall@10", "rmse+rmse", "ndcg@20+rmse+rmse"])
def test_two_of_a_kind_are_refused(monitor: str) -> None:
    with pytest.raises(SettingsError, match=r"monitor must be like 'ndcg@20', 'rmse' or 'ndcg@20\+rmse', got"):
        CMC(monitor=monitor)


@pytest.mark.parametrize("monitor", ["recall", "ndcg@", "@20", "nDCG@ten", ""])
def test_a_metric_without_a_length_is_refused_at_once(monitor: str) -> None:
    with pytest.raises(SettingsError, match="monitor"):
        CMC(monitor=monitor)
