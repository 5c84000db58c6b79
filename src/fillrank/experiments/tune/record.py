"""The record of tuning: its trials, the best one as a run, and the importance of each setting."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table

from fillrank.errors import TrainingError
from fillrank.experiments.data.subsample import Subsample
from fillrank.experiments.toml.files import toml_text
from fillrank.experiments.toml.tables import deep_merge, unflatten
from fillrank.experiments.tune.plan import Metric, TunePlan
from fillrank.runtime.atomic_write import replacing
from fillrank.runtime.environment import machine
from fillrank.terminal import shown

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["TrialRecord", "TuneRecord", "brief", "cell", "record_of", "write_record"]

_SHOWN = 10


@dataclass(frozen=True)
class TrialRecord:
    """One trial.

    Attributes:
        number: from 0.
        state: ``"complete"``, ``"pruned"``, ``"fail"`` (the loss was not finite, say) or ``"running"`` (in another
            process, or in one that was killed).
        value: of the metric; None unless complete.
        settings: that were varied, by their dotted names.
        params: what was drawn for them: the same, but for margins and weights.
        seconds: that it took; None where that is not known.
        epochs: after which the trial was looked at last; None for models without epochs.
        error: why it failed.
    """

    number: int
    state: str
    value: float | None
    settings: Mapping[str, Any]
    params: Mapping[str, Any]
    seconds: float | None
    epochs: int | None
    error: str | None


@dataclass(frozen=True)
class TuneRecord:
    """The result of tuning so far.

    Attributes:
        plan: what was asked.
        protocol: of the validation part, on which all was judged.
        trials: in the order of their numbers.
        importance: share of the metric's variance over the space that each parameter explains alone or with others
            (fANOVA, Hutter et al. 2014), for parameters that every trial has; empty with fewer than two trials.
        machine: what it ran on.
        interrupted: by Ctrl-C; the same call goes on.
    """

    plan: TunePlan
    protocol: Mapping[str, Any]
    trials: tuple[TrialRecord, ...]
    importance: Mapping[str, float]
    machine: Mapping[str, Any]
    interrupted: bool = False

    @property
    def ranking(self) -> list[TrialRecord]:
        """The complete trials, the best first; of equals, the earlier one."""
        sign = 1 if Metric(self.plan.metric).lower_is_better else -1
        done = [(sign * trial.value, trial.number, trial) for trial in self.trials if trial.value is not None]
        return [trial for *_, trial in sorted(done, key=lambda entry: entry[:2])]

    @property
    def best(self) -> TrialRecord | None:
        """The best trial, or None while there is no complete one."""
        return next(iter(self.ranking), None)

    def best_run(self) -> dict[str, Any]:
        """The best settings as a run for ``fillrank fit``: plain data.

        Raises:
            TrainingError: no trial is complete.
        """
        if self.best is None:
            raise TrainingError("no trial came to its end, so there are no best settings")
        run = self.plan.model_dump(include={"data", "train", "split", "test", "valid", "seed", "model"})
        run |= {"read": self.plan.read} if self.plan.read else {}
        run |= {} if self.plan.subsample == Subsample() else {"subsample": self.plan.subsample.model_dump()}
        settings = deep_merge(self.plan.fixed(), unflatten(self.best.settings))
        return run | {"out": str(Path(self.plan.out) / "best"), "settings": settings}

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "plan": self.plan.identity() | {"n_trials": self.plan.n_trials},
            "protocol": dict(self.protocol),
            "best": None if self.best is None else asdict(self.best),
            "importance": dict(self.importance),
            "trials": [asdict(trial) for trial in self.trials],
            "interrupted": self.interrupted,
            "machine": dict(self.machine),
        }

    def __rich__(self) -> Group:
        failed = [f"trial {trial.number} failed: {trial.error}" for trial in self.trials if trial.error is not None]
        more = [f"… and {len(failed) - _SHOWN} more"] if len(failed) > _SHOWN else []
        return Group(self.table(), *map(shown, [*failed[:_SHOWN], *more]))

    def table(self) -> Table:
        """The best trials, and how many there are of each state."""
        states = [trial.state for trial in self.trials]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        table = Table(title=shown(f"{self.plan.model} on {self.plan.called}, validation part: {counts}"))
        ranking = self.ranking[:_SHOWN]
        names = list(dict.fromkeys(name for trial in ranking for name in trial.settings))
        for name in ("trial", self.plan.metric, "seconds", *brief(names)):
            table.add_column(shown(name), justify="right")
        for trial in ranking:
            own = (shown(cell(trial.settings.get(name))) for name in names)
            table.add_row(str(trial.number), cell(trial.value), cell(trial.seconds), *own)
        return table


def record_of(study: Study, plan: TunePlan, protocol: Mapping[str, Any], *, interrupted: bool) -> TuneRecord:
    """The record of a study as it stands."""
    trials = tuple(_trial(one) for one in study.get_trials(deepcopy=False))
    return TuneRecord(plan, protocol, trials, _importance(study, trials), _machine(), interrupted)


def write_record(record: TuneRecord, folder: Path) -> None:
    """Write ``record.json`` and, once a trial is complete, ``best.toml``."""
    with replacing(folder / "record.json") as temporary:
        temporary.write_text(json.dumps(record.to_dict(), indent=2, default=str) + "\n", encoding="utf-8")
    if record.best is not None:
        with replacing(folder / "best.toml") as temporary:
            temporary.write_text(toml_text(record.best_run()), encoding="utf-8")


def _trial(one: FrozenTrial) -> TrialRecord:
    state = one.state.name.lower()
    return TrialRecord(
        number=one.number,
        state=state,
        value=one.value if state == "complete" else None,
        settings=one.user_attrs.get("settings", {}),
        params=dict(one.params),
        seconds=one.user_attrs.get("seconds"),
        epochs=one.last_step,
        error=one.user_attrs.get("error"),
    )


def _machine() -> dict[str, Any]:
    found = machine()
    return found | {"versions": found["versions"] | {"optuna": version("optuna")}}


def _importance(study: Study, trials: Sequence[TrialRecord]) -> dict[str, float]:
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    if len({trial.value for trial in trials if trial.value is not None}) < 2:
        return {}
    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    return {name: float(share) for name, share in found.items()}


def brief(names: Sequence[str]) -> list[str]:
    """Shorten dotted names to their last part if it is unique.

    Example:
        >>> brief(["loss_settings.margin", "encoder_settings.n", "sampler_settings.n"])
        ['margin', 'encoder_settings.n', 'sampler_settings.n']
    """
    lasts = [name.rpartition(".")[2] for name in names]
    return [last if lasts.count(last) == 1 else name for name, last in zip(names, lasts, strict=True)]


def cell(value: Any) -> str:
    """A value as text for a table or a line."""
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(cell, value))}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
