"""Ranked lists, metrics, and evaluation under a protocol that is named."""

from __future__ import annotations

from fillrank.ranking import metrics
from fillrank.ranking.comparison import Comparison, Difference
from fillrank.ranking.evaluation import evaluate
from fillrank.ranking.evaluator import METRICS, Evaluator
from fillrank.ranking.lists import Ranking, rank, rank_blocks
from fillrank.ranking.model import Model
from fillrank.ranking.report import Report
from fillrank.ranking.topk import top_k

__all__ = [
    "METRICS",
    "Comparison",
    "Difference",
    "Evaluator",
    "Model",
    "Ranking",
    "Report",
    "evaluate",
    "metrics",
    "rank",
    "rank_blocks",
    "top_k",
]
