"""Evaluate models: metrics, a stated protocol, reports, and comparisons with confidence intervals."""

from __future__ import annotations

from fillrank.evaluation import metrics
from fillrank.evaluation.comparison import Comparison, Difference
from fillrank.evaluation.evaluator import METRICS, Evaluator
from fillrank.evaluation.measure import evaluate
from fillrank.evaluation.model import Model
from fillrank.evaluation.report import Report

__all__ = ["METRICS", "Comparison", "Difference", "Evaluator", "Model", "Report", "evaluate", "metrics"]
