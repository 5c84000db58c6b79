"""The types of the keys in record files, and functions that read and check records."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fillrank.arguments.findings import named
from fillrank.errors import DataError
from fillrank.renames import read_run, warn_of
from fillrank.runtime.strict_json import read_json

__all__ = ["read_document", "study_in_file", "whole"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class RunInFile(_Strict):
    """A run of a study: see :class:`fillrank.experiments.reproduce.record.StudyRun`."""

    model_config = ConfigDict(extra="forbid")

    entry: str
    protocol: str
    seed: int
    model: str
    settings: dict[str, Any]
    chosen: dict[str, Any]
    metrics: dict[str, float | None]
    seconds: float
    curve: list[dict[str, float]]
    measured: dict[str, Any]
    machine: dict[str, Any]
    besides: dict[str, Any] = Field(default_factory=dict)
    refit: bool = False


class RecordInFile(_Strict):
    """The part of a study's record that is read; the rest is written again from the study."""

    study: str
    data: str
    k: int
    test: float | str
    valid: float
    refit: bool = False
    runs: list[RunInFile]


class _EntryInFile(_Strict):
    seeds: list[int]
    published: dict[str, float | str]


class _StudyDocument(RecordInFile):
    """The record of a study that is read without the study's own file."""

    title: str
    protocols: list[Literal["honest", "legacy"]] = Field(min_length=1)
    entries: dict[str, _EntryInFile]


class _ProtocolInFile(_Strict):
    k: list[int] = Field(min_length=1, max_length=1)


class _ComparisonInFile(_Strict):
    """The part of :meth:`fillrank.experiments.compare.table.ComparisonTable.to_dict` that tables use."""

    protocol: _ProtocolInFile
    models: dict[str, dict[str, float | None]]
    intervals: dict[str, dict[str, list[float] | None]]


def whole(kind: type[BaseModel], content: Any, file: Path, what: str, advice: str) -> None:
    """Refuse content with wrong types.

    Args:
        kind: what it has to be.
        content: from JSON.
        file: it stands in.
        what: it is, for messages.
        advice: what to do.

    Raises:
        DataError: names the file and the key.
    """
    try:
        kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{file} is no whole {what} ({named(where, first)}); {advice}") from error


def study_in_file(content: Any, file: Path, advice: str, *, alone: bool = False) -> dict[str, Any]:
    """Read the record of a study, with old names replaced by new ones (and a warning if there were any).

    Args:
        content, file, advice: see :func:`whole`.
        alone: it is read without the study's own file, so it has to tell more.

    Raises:
        DataError: see :func:`whole`.
    """
    whole(_StudyDocument if alone else RecordInFile, content, file, "record of a study", advice)
    found: dict[str, str] = {}
    runs = [read_run(run, found) for run in content["runs"]]
    warn_of(found, str(file))
    return dict(content, runs=runs)


def read_document(file: Path) -> dict[str, Any]:
    """Read a record of a study, a comparison or a benchmark.

    Raises:
        DataError: it is none of these, or not whole.
    """
    advice = "write it anew"
    content: Any = read_json(file, advice=advice)
    if not isinstance(content, dict):
        raise DataError(f"{file} is no record of fillrank's; name another file")
    if "study" in content:
        content = study_in_file(content, file, advice, alone=True)
        for name, entry in content["entries"].items():
            words = [key for key, value in entry["published"].items() if isinstance(value, str) and key != "source"]
            if words or not isinstance(entry["published"].get("source", ""), str):
                key = (*words, "source")[0]
                raise DataError(f"{file} is no whole record of a study (entries.{name}.published.{key}); {advice}")
    elif "models" in content:
        whole(_ComparisonInFile, content, file, "record of a comparison", advice)
        for model in content["models"]:
            intervals = content["intervals"].get(model)
            if intervals is None or any(one is not None and len(one) != 2 for one in intervals.values()):
                raise DataError(f"{file} is no whole record of a comparison (intervals.{model}); {advice}")
    elif not content.keys() & {"benchmark", "results"}:
        raise DataError(f"{file} is the record of no study, comparison or benchmark; name another file")
    return dict(content)
