"""Tune settings on the validation part: the plan, the trials, and their record."""

from fillrank.experiments.tune.plan import Metric, TunePlan, read_tune

__all__ = ["Metric", "TunePlan", "read_tune"]
