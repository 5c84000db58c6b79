"""A comparison as a TOML file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fillrank.errors import SettingsError
from fillrank.experiments.compare.failures import Failures
from fillrank.experiments.compare.runs import Protocol, compare
from fillrank.experiments.compare.table import ComparisonTable
from fillrank.experiments.data.data_source import SplitName, named_or_read
from fillrank.experiments.data.source import DataSource, HalfLife, Now, Share, Test
from fillrank.experiments.run.options import RunOptions
from fillrank.experiments.toml.files import read_toml, strict
from fillrank.models import RECIPES, recipe

__all__ = ["Plan", "read_plan", "run_plan"]


class Plan(BaseModel):
    """The arguments of :func:`fillrank.compare` as data. An unknown key is an error.

    In TOML, the settings of a model are in a table with its name; ``models = ["pure-svd", "cmc"]`` is enough for models
    with their default settings::

        data = "movielens-small"
        seeds = [0, 1, 2, 3, 4]

        [models.pure-svd]
        [models.cmc]
        temperature = 0.1

    With several data sets, such as the five folds of one (``data = ["ml-100k/u1", "ml-100k/u2"]``), the models are
    fitted on each in turn, and the means are over all runs. Without ``models``, the default models for the log are
    compared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str | Annotated[list[str], Field(min_length=1)] | None = None
    train: str | None = None
    test: Test = 0.1
    read: dict[str, Any] = Field(default_factory=dict)
    half_life: HalfLife = None
    now: Now = None
    models: dict[str, dict[str, Any]] | None = Field(default=None, min_length=1)
    k: int = Field(default=10, ge=1)
    split: SplitName = "auto"
    seeds: list[int] = Field(default=[0], min_length=1)
    valid: Share = 0.1
    protocol: Protocol = "honest"
    refit: bool | None = None
    options: RunOptions = RunOptions()

    @field_validator("models", mode="before")
    @classmethod
    def _by_name(cls, models: Any) -> Any:
        if isinstance(models, str):
            raise SettingsError(f"give a list, as in models = [{models!r}], or a table such as [models.{models}]")
        if isinstance(models, Sequence) and all(isinstance(name, str) for name in models):
            return {name: {} for name in models}
        return models

    @model_validator(mode="after")
    def _sources_are_whole(self) -> Self:
        self.sources()
        return self

    def sources(self) -> list[DataSource]:
        """Each of the data; see :class:`fillrank.experiments.data.source.DataSource`."""
        every = self.data if isinstance(self.data, list) else [self.data]
        shared = {name: getattr(self, name) for name in ("train", "test", "read", "half_life", "now")}
        return [DataSource(data=data, **shared) for data in every]


def read_plan(path: str | os.PathLike[str]) -> Plan:
    """Read a plan from a TOML file.

    Raises:
        DataError: there is no such file, or it is not TOML.
        SettingsError: a key or a value is wrong, or a model is not known.
    """
    file = Path(path)
    plan = strict(Plan, read_toml(file, "plan"), source=str(file), what="a plan")
    for name, settings in (plan.models or {}).items():
        kind = name.partition(":")[0]
        try:
            recipe(kind)
        except SettingsError as error:
            raise SettingsError(f"{file}: {error}") from error
        RECIPES[kind](**settings)
    return plan


def run_plan(plan: Plan) -> ComparisonTable:
    """Run a plan."""
    tables: list[ComparisonTable] = []
    failures = Failures()
    for source in plan.sources():
        data = source.called
        every = [(model, seed, data) for seed in plan.seeds for model in plan.models or ("every model",)]
        try:
            with failures.kept(*every):  # all of these data; one model among others is noted in the table
                tables.append(
                    compare(
                        named_or_read(source.place, source.read),
                        plan.models,
                        k=plan.k,
                        seeds=plan.seeds,
                        split=plan.split,
                        test=source.test,
                        valid=plan.valid,
                        protocol=plan.protocol,
                        refit=plan.refit,
                        options=plan.options.fit_options(),
                        half_life=plan.half_life,
                        now=plan.now,
                    )
                )
        except KeyboardInterrupt:  # nothing of these data is finished; of those before, something is
            if not tables:
                raise
            tables.append(replace(tables[0], data=data, runs=(), failures=(), interrupted=True))
        if tables and tables[-1].interrupted:
            break
    failed = failures.or_raise(some=bool(tables))
    return replace(
        tables[0],
        data=", ".join(table.data for table in tables),
        runs=tuple(run for table in tables for run in table.runs),
        failures=(*(one for table in tables for one in table.failures), *failed),
        interrupted=tables[-1].interrupted,
    )
