"""Evaluations on the validation part: a metric of lists of length k, the error of predictions, or both."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self, TypeAlias

import scipy.sparse as sp
from pydantic import AfterValidator

from fillrank.data import Interactions
from fillrank.errors import SettingsError
from fillrank.evaluation import Evaluator
from fillrank.factors import Scorer

__all__ = ["USUAL_MONITOR", "JointMonitor", "MetricAtLength", "judge_by", "monitored"]

USUAL_MONITOR = "ndcg@20"
"""The default metric by which models that rank are chosen."""
_ERROR, _AND = "rmse", "+"
_WORTH = 4.0


def monitored(
    monitor: str, train: Interactions, valid: Interactions, also: Iterable[str] = ()
) -> tuple[str, Evaluator]:
    """The name of the metric to choose by, and an evaluator of the validation part that computes it.

    Args:
        monitor: a metric at a length, such as ``"ndcg@20"``.
        train: the rows that were learned; their items are not listed.
        valid: the validation part.
        also: further metrics to compute.

    Raises:
        SettingsError: ``monitor`` is no metric with a length.
    """
    metric, k = _parsed(monitor)
    metrics = tuple(dict.fromkeys((metric, *also)))
    return f"{metric}@{k}", Evaluator(valid, train=train, seen=train.csr, k=k, metrics=metrics)


def judge_by(
    monitor: str, train: Interactions, valid: Interactions, *, seen: sp.csr_array[Any] | None = None
) -> Callable[[Scorer], tuple[float, dict[str, float]]]:
    """A function that returns the metric of a scorer on the validation part, and the same as an entry of a history.

    Args:
        monitor, train, valid: see :func:`monitored`.
        seen: the items that are not listed; None: those in ``train``.
    """
    metric, k = _parsed(monitor)
    evaluator = Evaluator(valid, train=train, seen=train.csr if seen is None else seen, k=k, metrics=(metric,))

    def judge(scorer: Scorer) -> tuple[float, dict[str, float]]:
        reached = evaluator.run(scorer)[f"{metric}@{k}"]
        return reached, {f"valid_{metric}@{k}": reached}

    return judge


def _parsed(monitor: str) -> tuple[str, int]:
    metric, _, k = monitor.partition("@")
    if not (metric and k.isdigit() and int(k)):
        raise SettingsError(f"monitor must be a metric at a length, such as 'ndcg@20', got {monitor!r}")
    return metric, int(k)


def _can_be(monitor: str) -> str:
    _parsed(monitor)
    return monitor


MetricAtLength: TypeAlias = Annotated[str, AfterValidator(_can_be)]
"""A setting such as ``"ndcg@20"``; anything else is refused at once."""


@dataclass(frozen=True)
class JointMonitor:
    """The criterion for a model that ranks and predicts.

    Attributes:
        ranking: the metric of its lists, such as ``"ndcg@20"``.
        by_ranking, by_error: whether this metric counts, and whether the RMSE of the predictions counts.
    """

    ranking: str = USUAL_MONITOR
    by_ranking: bool = True
    by_error: bool = True

    @classmethod
    def of(cls, monitor: str) -> Self:
        """From ``"ndcg@20"``, ``"rmse"`` or both, ``"ndcg@20+rmse"``.

        Raises:
            SettingsError: it is none of these.

        Example:
            >>> JointMonitor.of("recall@10+rmse")
            JointMonitor(ranking='recall@10', by_ranking=True, by_error=True)
        """
        words = monitor.split(_AND)
        rankings = [word for word in words if word != _ERROR]
        if len(words) != len(set(words)) or len(rankings) > 1:
            raise SettingsError(f"monitor must be like 'ndcg@20', 'rmse' or 'ndcg@20+rmse', got {monitor!r}")
        for word in rankings:
            _parsed(word)
        return cls(rankings[0] if rankings else USUAL_MONITOR, bool(rankings), _ERROR in words)

    def score(self, found: Mapping[str, float]) -> float:
        """``log metric - 4·log RMSE``, or one of the two alone; higher is better. A missing metric counts 0.

        One percent of error counts as much as four percent of the ranking metric: over sensible settings, the ranking
        metric varies about four times as much.
        """
        ranking = math.log(max(found.get(self.ranking, 1.0), 1e-9)) if self.by_ranking else 0.0
        error = math.log(max(found.get(_ERROR, 1.0), 1e-9)) if self.by_error else 0.0
        return ranking - (_WORTH if self.by_ranking else 1.0) * error
