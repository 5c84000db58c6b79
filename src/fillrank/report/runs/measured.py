"""A run from its folder, measured on the test part that it was fitted with."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fillrank.data import Split
from fillrank.errors import ModelFileError, SettingsError
from fillrank.evaluation import evaluate
from fillrank.evaluation.report import Report
from fillrank.experiments.run import read_run
from fillrank.experiments.run.folder import RUN
from fillrank.recommend import Recommender
from fillrank.report.runs.listed import Listing, listing_of
from fillrank.runtime.paths import expanded

__all__ = ["MeasuredRun", "measured_run"]


@dataclass(frozen=True, eq=False)
class MeasuredRun:
    """A fitted model and how it does.

    Attributes:
        name: of its folder.
        model: what was fitted.
        plan: the run, as ``run.toml`` has it.
        report: its metrics on the test part.
        listing: what its lists are made of.
    """

    name: str
    model: Recommender
    plan: Mapping[str, Any]
    report: Report
    listing: Listing


def measured_run(folder: str | os.PathLike[str], k: Sequence[int] = (10,)) -> MeasuredRun:
    """Load a run that ``fillrank fit`` has saved, open its log again, and measure it on its test part.

    Args:
        folder: of the model.
        k: lengths of lists; the first one is that of the lists that are looked at.

    Raises:
        ModelFileError: there is no model, or no ``run.toml`` beside it.
        SettingsError: it was fitted on all rows (``--test 0``).
        DataError: its log is not there any more, or is another one.
    """
    place = expanded(folder, "the run")
    model = Recommender.load(place)
    if not (place / RUN).is_file():
        raise ModelFileError(f"{place} holds no {RUN}, so nobody knows its test part; fit it with `fillrank fit`")
    plan = read_run(place / RUN)
    if plan.test == 0:
        raise SettingsError(f"{place} was fitted on all rows (test = 0); fit it with a test part to report on it")
    parts: Split = plan.open()
    report = evaluate(model, parts, k=tuple(k))
    facts = plan.model_dump(exclude={"settings", "options", "out"}, exclude_none=True)
    return MeasuredRun(place.name, model, facts, report, listing_of(model, parts, report, k[0]))
