"""The record of a study: a JSON file with a line for each finished run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from rich.console import Group

from fillrank.errors import DataError, SettingsError
from fillrank.experiments.compare.failures import Failure
from fillrank.experiments.reproduce.study import Study, Task
from fillrank.experiments.reproduce.table import study_table
from fillrank.experiments.toml.documents import study_in_file
from fillrank.experiments.toml.tables import differences
from fillrank.runtime.atomic_write import replacing, turn
from fillrank.runtime.strict_json import read_json
from fillrank.terminal import shown

__all__ = ["StudyRecord", "StudyRun", "add_run", "read_record"]


@dataclass(frozen=True)
class StudyRun:
    """One finished run.

    Attributes:
        entry, protocol, seed: which run it is.
        model: the name of the recipe.
        settings: of the recipe, all of them, as they were asked.
        chosen: those that the fit has chosen, with what it chose.
        metrics: of the test part: recall, nDCG, coverage, novelty and Gini at the study's length.
        seconds: of fitting, with what came before the first epoch and all looks at the watched part.
        curve: a mapping for each such look: ``epoch``, ``seconds`` of all epochs up to it (neither looks nor what came
            before the first epoch are counted), ``recall`` and ``ndcg``. The watched part is validation under the
            honest protocol, and test under the legacy one. Empty where the model does not look, or at another length.
        measured: how the metrics were measured.
        machine: what it ran on.
        besides: what else the entry asked: a part of the data, or trials that chose settings.
        refit: after choosing it was fitted again on train and validation; records from before that could be do not say.
    """

    entry: str
    protocol: str
    seed: int
    model: str
    settings: Mapping[str, Any]
    chosen: Mapping[str, Any]
    metrics: Mapping[str, float | None]
    seconds: float
    curve: tuple[Mapping[str, float], ...]
    measured: Mapping[str, Any]
    machine: Mapping[str, Any]
    besides: Mapping[str, Any] = field(default_factory=dict)
    refit: bool = False

    @property
    def key(self) -> tuple[str, str, int]:
        """The key that identifies the run in the record."""
        return self.entry, self.protocol, self.seed

    def answers(self, task: Task) -> bool:
        """Whether this is the run of ``task``.

        Settings that recipes have got, or lost, since then are not looked at: a new one's default changes nothing. Nor
        are those that tuning fills in, whatever stands in their place: its plan is compared.
        """
        entry = task.study.entries[task.entry]
        searched = set() if entry.tune is None else entry.tune.varied
        now = {name: value for name, value in entry.asked().items() if name not in searched}
        same = all(now[name] == value for name, value in self.settings.items() if name in now)
        same = same and self.besides == entry.besides() and self.refit == task.refit
        return self.key == task.key and self.model == entry.model and same


@dataclass(frozen=True)
class StudyRecord:
    """The finished runs of a study.

    Attributes:
        study: what is asked.
        runs: that are finished, in the order of the study.
        interrupted: by Ctrl-C; the same call goes on.
        failures: the runs of this call that did not come to their end; they are not in the file, and the same call
            tries them again.
    """

    study: Study
    runs: tuple[StudyRun, ...] = ()
    interrupted: bool = False
    failures: tuple[Failure, ...] = ()

    def has(self, task: Task) -> bool:
        """Whether the run is finished with the current settings of the study."""
        return any(run.answers(task) for run in self.runs)

    def with_run(self, run: StudyRun) -> Self:
        """The record with one more run; it replaces an older run with the same key."""
        kept = [one for one in self.runs if one.key != run.key]
        return replace(self, runs=tuple(_ordered(self.study, [*kept, run])))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return _facts(self.study) | {"runs": [asdict(run) for run in self.runs]}

    def __rich__(self) -> Group:
        return Group(study_table(self.to_dict()), *map(shown, self.failures))


def read_record(path: Path, study: Study) -> StudyRecord:
    """Read the record of ``study`` from a file; an empty one if there is no file.

    Raises:
        DataError: the file is torn, or no record of a study.
        SettingsError: it is the record of another study, or of the same with other data, lengths or parts.
    """
    if not path.exists():
        return StudyRecord(study)
    advice = "remove it to begin anew, or name another file"
    content = read_json(path, advice=advice)
    if not isinstance(content, dict) or "study" not in content:
        raise DataError(f"{path} is not the record of a study; name another file")
    content = study_in_file(content, path, advice)
    runs = [StudyRun(**(run | {"curve": tuple(run["curve"])})) for run in content["runs"]]
    before = {name: content[name] for name in _IDENTITY} | {"refit": content.get("refit", False)}
    facts = _facts(study)
    other = differences(before, {name: facts[name] for name in (*_IDENTITY, "refit")})
    if other == ["refit"]:
        had = str(before["refit"]).lower()
        raise SettingsError(
            f"{path} holds runs with refit = {had}, and one record does not mix the two kinds; say refit = {had} in "
            "the study to go on with it, or name another file"
        )
    if other:
        words = ", ".join(f"{name} {before[name]!r}, not {facts[name]!r}" for name in other)
        raise SettingsError(f"{path} is the record of another study ({words}); {advice}")
    return StudyRecord(study, tuple(_ordered(study, runs)))


def add_run(path: Path, study: Study, run: StudyRun) -> StudyRecord:
    """Add a run to the record in a file. The file is read again first, because another process may have added runs.

    Processes that add to the same record take turns, so none of them loses what another one has added.
    """
    with turn(path):
        record = read_record(path, study).with_run(run)
        with replacing(path) as temporary:
            temporary.write_text(_text(record.to_dict()), encoding="utf-8")
    return record


_IDENTITY = ("study", "data", "k", "test", "valid")


def _facts(study: Study) -> dict[str, Any]:
    """The description of the study in the record."""
    entries = {
        name: {"model": entry.model, "seeds": study.seeds_of(name), "published": dict(entry.published)}
        for name, entry in study.entries.items()
    }
    own = study.model_dump(include={"title", "k", "test", "valid", "refit", "protocols"})
    return {"study": study.name, "data": study.called} | own | {"entries": entries}


def _text(content: Mapping[str, Any]) -> str:
    """JSON with one line per run, so that a diff of the file shows which runs are new."""
    head = json.dumps({name: value for name, value in content.items() if name != "runs"}, indent=2)
    lines = ",\n    ".join(json.dumps(run) for run in content["runs"])
    return f'{head.removesuffix("}").rstrip()},\n  "runs": [\n    {lines}\n  ]\n}}\n'


def _ordered(study: Study, runs: Iterable[StudyRun]) -> list[StudyRun]:
    """Sort runs in the order of the study's tasks; runs without a task come last."""
    places = {task.key: place for place, task in enumerate(study.tasks())}
    return sorted(runs, key=lambda run: (places.get(run.key, len(places)), run.key))
