"""Trials by Optuna (Akiba et al. 2019): tree-structured Parzen estimators and median pruning."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import optuna
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from fillrank.data import Split
from fillrank.errors import DataError, SettingsError, TrainingError
from fillrank.evaluation import Evaluator
from fillrank.experiments.compare.failures import in_words
from fillrank.experiments.toml.tables import differences, flatten
from fillrank.experiments.tune.journal import Journal, JournalLock, check_journal, repair_journal
from fillrank.experiments.tune.plan import Metric, TunePlan
from fillrank.experiments.tune.record import TuneRecord, brief, cell, record_of, write_record
from fillrank.runtime.atomic_write import turn
from fillrank.runtime.interrupt import Interrupt
from fillrank.runtime.rng import numpy_stream
from fillrank.training.callbacks import Callback, EpochEnd
from fillrank.training.options import without_run_words

__all__ = ["Following", "search"]

logger = logging.getLogger("fillrank")

_STUDY = "study.jsonl"
_FIRST_EPOCHS = 2  # in which no trial is pruned
_FIRST_TRIALS = 10  # drawn evenly from the space, before the estimator has something to go by


def search(plan: TunePlan) -> TuneRecord:
    """See :func:`fillrank.experiments.tune.run.run_tune`."""
    folder = Path(plan.out)
    with _quiet():
        parts = plan.open()
        judge = _Objective(plan, parts)
        study = _open_study(plan, folder)
        with Interrupt() as interrupt:
            stopped = False
            while not (stopped or interrupt.asked) and len(_spent(study)) < plan.n_trials:
                stopped = not _one_trial(study, plan, judge)
        with turn(folder / "record.json"):  # of several processes, the one that looks last writes last
            record = record_of(study, plan, judge.protocol, interrupted=stopped or interrupt.asked)
            write_record(record, folder)
    if record.best is None and not record.interrupted:
        errors = [trial.error for trial in record.trials if trial.error is not None]
        last = f"; the last error: {errors[-1]}" if errors else ""
        raise TrainingError(f"none of {len(record.trials)} trials came to its end{last}")
    return record


class _Objective:
    """Fits the settings of a trial and measures them on the validation part; it never holds the test part."""

    def __init__(self, plan: TunePlan, parts: Split) -> None:
        self._metric, self._train, self._valid = Metric(plan.metric), parts.train, parts.valid
        asked = (self._metric.name,) if self._metric.watchable else ("ndcg",)
        self._evaluator = Evaluator.on_valid(parts, k=self._metric.k, metrics=asked)
        self.protocol = dict(self._evaluator.protocol)

    def __call__(self, plan: TunePlan, drawn: dict[str, Any], following: Callback) -> float:
        options = plan.options.fit_options(callbacks=[following])
        model = plan.maker(drawn).fit(self._train, valid=self._valid, refit=False, options=options)
        found = self._evaluator.run(model).metrics
        if self._metric.text not in found:
            raise _UnjudgedError(
                f"{plan.model} has no {self._metric.text} here, only {', '.join(found)}; name another metric"
            )
        if not math.isfinite(found[self._metric.text]):
            raise TrainingError(f"{self._metric.text} is {found[self._metric.text]}")
        return float(found[self._metric.text])


class _UnjudgedError(SettingsError):
    """The metric cannot be computed in any trial, so tuning ends."""


class _Pruned(Exception):  # noqa: N818 -- no error: a trial that is given up
    """The trial is pruned, because its results are poor so far."""


class _Stopped(Exception):  # noqa: N818
    """The user pressed Ctrl-C during the trial."""


class Following(Callback):
    """Reports the metrics of a trial's epochs to the study, and prunes the trial if they are poor."""

    internal: ClassVar[bool] = True

    def __init__(self, trial: Trial, sign: int) -> None:
        self._trial, self._sign = trial, sign

    def on_epoch_end(self, end: EpochEnd) -> None:
        """See :meth:`Callback.on_epoch_end`."""
        if end.interrupted:
            raise _Stopped
        if end.provisional or end.score is None:  # not what the fit would end with
            return
        self._trial.report(self._sign * end.score, end.epoch)
        if self._trial.should_prune():
            raise _Pruned


def _one_trial(study: Study, plan: TunePlan, judge: _Objective) -> bool:
    """Draw settings, fit them, and report the result to the study; returns False if the user stopped it."""
    trial, started = study.ask(), time.perf_counter()
    drawn = plan.space.draw(trial)
    trial.set_user_attr("settings", dict(flatten(drawn)))
    following = Following(trial, -1 if Metric(plan.metric).lower_is_better else 1)
    value, state, kept = None, TrialState.FAIL, True
    try:
        value, state = judge(plan, drawn, following), TrialState.COMPLETE
    except _Pruned:
        state = TrialState.PRUNED
    except _Stopped:
        kept = False
    except _UnjudgedError as error:
        raise SettingsError(f"trial {trial.number} ({_words(dict(flatten(drawn)))}): {error}") from error
    except Exception as error:  # noqa: BLE001 -- the other trials stand, and go on
        trial.set_user_attr("error", in_words(error))
    finally:  # whatever ends a trial, the study knows that it has ended
        trial.set_user_attr("seconds", round(time.perf_counter() - started, 2))
        said = study.tell(trial, value, state=state)
    if kept:
        _say(study, plan, said)
    return kept


def _say(study: Study, plan: TunePlan, trial: FrozenTrial) -> None:
    """One line of progress."""
    done = [one for one in study.get_trials(deepcopy=False) if one.state == TrialState.COMPLETE]
    came = {
        TrialState.COMPLETE: lambda: f"{plan.metric} {trial.value:.4f}",
        TrialState.PRUNED: lambda: f"pruned in epoch {trial.last_step}",
        TrialState.FAIL: lambda: str(trial.user_attrs["error"]),
    }[trial.state]()
    best = f", best {study.best_value:.4f} in trial {study.best_trial.number}" if done else ""
    logger.info(
        "trial %d, %d of %d: %s%s, %.1f s: %s",
        trial.number,
        len(_spent(study)),
        plan.n_trials,
        came,
        best,
        trial.user_attrs["seconds"],
        _words(trial.user_attrs["settings"]),
    )


def _words(settings: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} = {cell(value)}" for name, value in zip(brief(list(settings)), settings.values(), strict=True)
    )


def _spent(study: Study) -> list[FrozenTrial]:
    """The finished trials, without running ones and those that the user or the machine has stopped."""
    ended = {TrialState.COMPLETE, TrialState.PRUNED}
    return [one for one in study.get_trials(deepcopy=False) if one.state in ended or "error" in one.user_attrs]


def _open_study(plan: TunePlan, folder: Path) -> Study:
    """Open the study in the folder, or make a new one.

    Raises:
        SettingsError: it is there, and of another plan.
        DataError: the file is no journal of Optuna.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / _STUDY
    wanted = StudyDirection.MINIMIZE if Metric(plan.metric).lower_is_better else StudyDirection.MAXIMIZE
    journal = JournalLock(file)
    repair_journal(file, journal)
    if file.exists():
        check_journal(file)
    try:
        study = optuna.create_study(
            storage=JournalStorage(Journal(str(file), lock_obj=journal)),
            sampler=_Numbered(plan.seed),
            pruner=MedianPruner(n_warmup_steps=_FIRST_EPOCHS + 1) if plan.pruning else NopPruner(),
            study_name="sweep",  # its name in the files that there are
            direction=wanted,
            load_if_exists=True,
        )
        trials = study.get_trials(deepcopy=False)
    except Exception as error:
        raise _not_whole(file, in_words(error)) from error
    if study.direction != wanted:
        raise _not_whole(file, f"its direction is {study.direction.name.lower()}")
    values = [one.values or [math.nan] for one in trials if one.state == TrialState.COMPLETE]
    if any(len(own) != 1 or not math.isfinite(own[0]) for own in values):
        raise _not_whole(file, "a trial that is complete has no value")
    known = study.user_attrs.get("plan")
    if known is not None and not isinstance(known, dict):
        raise _not_whole(file, "its plan is none")
    if known is not None and isinstance(known.get("settings"), dict):
        known = {**known, "settings": without_run_words(known["settings"])}
    other = [] if known is None else differences(known, plan.identity())
    if other:
        raise SettingsError(
            f"{folder} holds a study of another plan ({', '.join(other)} differ); remove it, or name another folder"
        )
    study.set_user_attr("plan", plan.identity())
    return study


def _not_whole(file: Path, reason: str) -> DataError:
    return DataError(f"{file} is no whole study ({reason}); remove it to begin anew, or name another folder")


class _Numbered(BaseSampler):
    """A new Parzen estimator for each trial, seeded by the trial's number.

    What a trial draws depends on the trials before it and on nothing that a process remembers.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._inner = TPESampler(seed=seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        seed = int(numpy_stream(self._seed, "sweep", trial.number).integers(2**31))
        self._inner = TPESampler(n_startup_trials=_FIRST_TRIALS, seed=seed)
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, Any]) -> dict[str, Any]:
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any) -> Any:
        return self._inner.sample_independent(study, trial, param_name, param_distribution)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's own log lines, because fillrank logs one line for each trial."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
