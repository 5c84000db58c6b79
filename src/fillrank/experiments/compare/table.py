"""``ComparisonTable``: the result of a comparison, with means and intervals over seeds."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.console import Console, Group
from rich.table import Table
from scipy.stats import t as student

from fillrank.errors import DataError
from fillrank.evaluation import Report
from fillrank.experiments.compare.failures import Failure
from fillrank.recommend import Recommender
from fillrank.terminal import shown

__all__ = ["ComparisonTable", "Run", "interval_of"]

_LOWER_IS_BETTER = ("rmse", "mae", "popularity", "gini")


@dataclass(frozen=True, eq=False)
class Run:
    """One fit of one model.

    Attributes:
        model: its name in the comparison.
        seed: of the split and the model.
        fitted: the recommender; its settings are those that were used, what was chosen on validation included.
        report: its evaluation on test.
        seconds: of fitting, choosing included.
    """

    model: str
    seed: int
    fitted: Recommender
    report: Report
    seconds: float


@dataclass(frozen=True, eq=False)
class ComparisonTable:
    """All runs of a comparison. ``print`` shows the table; ``to_dict`` is what ``--json`` writes.

    Attributes:
        data: name of the data.
        runs: every model for every seed.
        machine: what it ran on.
        refit: models were fitted again on train and validation after choosing.
        failures: the runs that did not come to their end, and why.
        interrupted: it was stopped by hand; the runs are those that were finished.
    """

    data: str
    runs: tuple[Run, ...]
    machine: Mapping[str, Any]
    refit: bool = False
    failures: tuple[Failure, ...] = ()
    interrupted: bool = False

    @property
    def models(self) -> list[str]:
        return list(dict.fromkeys(run.model for run in self.runs))

    def values(self, model: str, metric: str) -> list[float]:
        """The metric of each run of a model, in the order of the seeds; empty where the model does not have it."""
        if model not in self.models:
            raise DataError(f"no model {model!r} in this comparison; there are {', '.join(self.models)}")
        own = [run for run in self.runs if run.model == model]
        if metric == "seconds":
            return [run.seconds for run in own]
        return [run.report.metrics[metric] for run in own if metric in run.report.metrics]

    def mean(self, model: str, metric: str) -> float | None:
        """The mean over seeds, or None where the model does not have the metric."""
        values = self.values(model, metric)
        return float(np.mean(values)) if values else None

    def interval(self, model: str, metric: str, level: float = 0.95) -> tuple[float, float] | None:
        """Student's interval of the mean over seeds; None with fewer than two."""
        return interval_of(self.values(model, metric), level)

    def versus(self, model: str, rival: str, metric: str) -> dict[str, Any]:
        """One model against another on one metric, paired by seed.

        Returns:
            ``ratio`` of the means, mean ``difference``, its 95 % ``interval`` over seeds (None with one seed), and in
            how many of the seeds the model is ``better``.

        Raises:
            DataError: one of the two does not have the metric.
        """
        ours, theirs = self.values(model, metric), self.values(rival, metric)
        if not ours or len(ours) != len(theirs):
            raise DataError(f"{metric} is not there for both {model} and {rival}")
        differences = [a - b for a, b in zip(ours, theirs, strict=True)]
        sign = -1 if metric.partition("@")[0] in _LOWER_IS_BETTER else 1
        return {
            "ratio": float(np.mean(ours) / np.mean(theirs)) if np.mean(theirs) else math.inf,
            "difference": float(np.mean(differences)),
            "interval": interval_of(differences),
            "better": sum(sign * difference > 0 for difference in differences),
            "seeds": len(differences),
        }

    def metrics(self) -> list[str]:
        """Every metric that some model has, in the order of the reports, then ``seconds``."""
        return [*dict.fromkeys(name for run in self.runs for name in run.report.metrics), "seconds"]

    def to_dict(self) -> dict[str, Any]:
        """The table as plain data for JSON: means per model, intervals, and single runs."""
        protocol = dict(self.runs[0].report.protocol) if self.runs else {}
        return {
            "data": self.data,
            "protocol": {**protocol, "seeds": sorted({run.seed for run in self.runs}), "refit": self.refit},
            "models": {model: {name: self.mean(model, name) for name in self.metrics()} for model in self.models},
            "intervals": {
                model: {name: self.interval(model, name) for name in self.metrics()} for model in self.models
            },
            "runs": [
                {
                    "model": run.model,
                    "seed": run.seed,
                    "settings": dict(run.fitted.settings),
                    "seconds": run.seconds,
                    "metrics": dict(run.report.metrics),
                }
                for run in self.runs
            ],
            "machine": dict(self.machine),
            **({"failures": [asdict(failure) for failure in self.failures]} if self.failures else {}),
            **({"interrupted": True} if self.interrupted else {}),
        }

    def to_json(self) -> str:
        """:meth:`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=2, default=str) + "\n"

    def findings(self) -> list[str]:
        """Sentences that compare CMC with each SVD: ratios of the means, and in how many seeds it was better.

        A model that has failed with some seed is left out: there are no pairs.
        """
        lines = []
        rivals = [name for name in self.models if name.endswith("-svd")] if "cmc" in self.models else []
        for rival in rivals:
            words = []
            for metric in self.metrics():
                if metric.partition("@")[0] not in {"rmse", "recall", "coverage"} or not self.values(rival, metric):
                    continue
                if len(self.values("cmc", metric)) != len(self.values(rival, metric)):
                    continue
                found = self.versus("cmc", rival, metric)
                gap = f"{found['difference']:+.4f}" if metric == "rmse" else f"×{found['ratio']:.2f}"
                words.append(f"{metric} {gap} (better in {found['better']} of {found['seeds']})")
            if words:
                lines.append(f"cmc against {rival}: {', '.join(words)}")
        return lines

    def __rich__(self) -> Group:
        said = [*self.findings(), *map(str, self.failures)]
        if self.interrupted:
            said.append("stopped by hand: what is missing was not run")
        return Group(self._grid(), *map(shown, said))

    def _grid(self) -> Table:
        columns = [name for name in self.metrics() if name.partition("@")[0] in _SHOWN]
        runs = max((sum(run.model == model for run in self.runs) for model in self.models), default=0)
        seeds = len({run.seed for run in self.runs})
        counted = f"{runs} {'seeds' if seeds == runs else 'runs'}"
        spread = f"{counted}, mean ± half of the 95 % interval" if runs > 1 else "1 seed"
        table = Table(title=shown(f"{self.data}: test part, {spread}"))
        table.add_column("model")
        for name in columns:
            table.add_column(name, justify="right")
        for model in self.models:
            table.add_row(shown(model), *(self._cell(model, name) for name in columns))
        for name in dict.fromkeys(failure.entry for failure in self.failures if failure.entry not in self.models):
            table.add_row(shown(name), *("failed" for _ in columns))
        return table

    def __str__(self) -> str:
        console = Console(width=160, no_color=True, markup=False, emoji=False, legacy_windows=False)
        with console.capture() as capture:
            console.print(self)
        return capture.get().rstrip()

    def _cell(self, model: str, name: str) -> str:
        mean, interval = self.mean(model, name), self.interval(model, name)
        if mean is None:
            return "–"
        digits = _SHOWN[name.partition("@")[0]]
        half = "" if interval is None else f" ± {(interval[1] - interval[0]) / 2:.{digits}f}"
        return f"{mean:.{digits}f}{half}"


_SHOWN = {"rmse": 4, "recall": 4, "ndcg": 4, "coverage": 3, "novelty": 2, "popularity": 0, "seconds": 1}


def interval_of(values: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Student's interval of the mean of ``values``; None with fewer than two."""
    if len(values) < 2:
        return None
    half = float(student.ppf((1 + level) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    centre = float(np.mean(values))
    return centre - half, centre + half
