"""Lock and check the journal file of an Optuna study before Optuna reads it.

It is a journal: a line of JSON for each event, which Optuna plays again when it opens the study. What it would do with
a line that something has changed is not ours to foresee, so each line is looked at first.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from typing import Any

from optuna.distributions import json_to_distribution
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fillrank.arguments.findings import named
from fillrank.errors import DataError
from fillrank.renames import read_event
from fillrank.runtime.atomic_write import lock
from fillrank.runtime.strict_json import parse_json

__all__ = ["Journal", "JournalLock", "check_journal", "repair_journal"]


class JournalLock(JournalFileOpenLock):
    """The lock of the study's file itself, which ends with the process that holds it."""

    def __init__(self, file: Path) -> None:
        super().__init__(str(file))
        self._file = file
        self._held: list[int] = []

    def acquire(self) -> bool:
        self._held.append(lock(self._file))
        return True

    def release(self) -> None:
        os.close(self._held.pop())


class Journal(JournalFileBackend):
    """The file of the study, with old names of settings replaced by new ones."""

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        yield from map(read_event, super().read_logs(log_number_from))


def repair_journal(file: Path, journal: JournalLock) -> None:
    """Remove an incomplete last line, which a killed process may have left."""
    if not file.exists():
        return
    journal.acquire()
    try:
        content = file.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with file.open("r+b") as stream:
                stream.truncate(whole)
    finally:
        journal.release()


def check_journal(file: Path) -> None:
    """Refuse a journal with a damaged line, or with a line about a study or trial that does not exist.

    Raises:
        DataError: names the file, the line and the key.
    """
    n_trials = 0
    for number, line in enumerate(_lines(file), start=1):
        try:
            event = parse_json(line)
            code = _Event.model_validate(event).op_code
            found = _EVENTS.get(code, _Event).model_validate(event)
            n_trials += code == _NEW_TRIAL
            _check_reference(number, found, n_trials)
        except ValidationError as error:
            first = error.errors()[0]
            raise _broken(file, number, named(".".join(map(str, first["loc"])), first)) from error
        except ValueError as error:
            raise _broken(file, number, str(error)) from error


def _lines(file: Path) -> list[str]:
    try:
        return file.read_bytes().decode().split("\n")[:-1]
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is no whole study ({error}); {_ADVICE}") from error


def _broken(file: Path, line: int, reason: str) -> DataError:
    return DataError(f"{file} is no whole study (line {line}: {reason}); {_ADVICE}")


_ADVICE = "remove it to begin anew, or name another folder"
_NEW_STUDY, _NEW_TRIAL = 0, 4


class _Event(BaseModel):
    """The fields that all lines of the journal have."""

    model_config = ConfigDict(strict=True, extra="ignore")

    op_code: int = Field(ge=0, le=99)
    worker_id: str


class _NewStudy(_Event):
    study_name: str
    directions: list[int] = Field(min_length=1, max_length=1)


class _OfStudy(_Event):
    study_id: int = Field(ge=0, le=0)


class _StudyAttribute(_OfStudy):
    user_attr: dict[str, Any]


class _NewTrial(_OfStudy):
    datetime_start: str


class _OfTrial(_Event):
    trial_id: int = Field(ge=0)


class _Parameter(_OfTrial):
    param_name: str
    param_value_internal: float = Field(allow_inf_nan=False)
    distribution: str


class _TrialState(_OfTrial):
    state: int = Field(ge=0, le=4)
    values: list[float] | None = None
    datetime_start: str | None = None
    datetime_complete: str | None = None


class _IntermediateValue(_OfTrial):
    step: int
    intermediate_value: float


class _Told(BaseModel):
    """The state of a trial in the journal."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    settings: dict[str, Any] | None = None
    seconds: float | None = None
    error: str | None = None


class _TrialAttribute(_OfTrial):
    user_attr: _Told


_EVENTS: dict[int, type[_Event]] = {
    _NEW_STUDY: _NewStudy,
    1: _OfStudy,
    2: _StudyAttribute,
    3: _OfStudy,
    _NEW_TRIAL: _NewTrial,
    5: _Parameter,
    6: _TrialState,
    7: _IntermediateValue,
    8: _TrialAttribute,
    9: _OfTrial,
}


def _check_reference(line: int, event: _Event, n_trials: int) -> None:
    """Check that an event refers to existing trials, and that its texts can be parsed."""
    if line == 1 and event.op_code != _NEW_STUDY:
        raise ValueError("the study is not begun before it")
    if isinstance(event, _OfTrial) and event.trial_id >= n_trials:
        raise ValueError(f"trial_id: there are {n_trials} trials by then, and it is of trial {event.trial_id}")
    if isinstance(event, _Parameter):
        try:
            json_to_distribution(event.distribution)
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"distribution: {error}") from error
    dates = [getattr(event, name, None) for name in ("datetime_start", "datetime_complete")]
    for date in dates:
        if date is not None:
            datetime.fromisoformat(date)
