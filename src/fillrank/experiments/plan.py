"""A comparison as a TOML file: what is committed beside its record."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fillrank.errors import DataError, SettingsError
from fillrank.experiments.compare import Protocol, compare
from fillrank.experiments.table import ComparisonTable
from fillrank.models import RECIPES

__all__ = ["Plan", "read_plan", "run_plan"]


class Plan(BaseModel):
    """What :func:`fillrank.compare` is asked, as data. A key that is not known is an error.

    In TOML, the settings of a model stand in a table of its name::

        data = "movielens-small"
        seeds = [0, 1, 2, 3, 4]

        [models.pure-svd]
        [models.cmc]
        temperature = 0.1
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    models: dict[str, dict[str, Any]] = Field(min_length=1)
    k: int = Field(default=10, ge=1)
    seeds: list[int] = Field(default=[0], min_length=1)
    test: float = 0.1
    valid: float = 0.1
    protocol: Protocol = "honest"
    refit: bool = False


def read_plan(path: str | os.PathLike[str]) -> Plan:
    """Read a plan from a TOML file.

    Raises:
        DataError: there is no such file, or it is not TOML.
        SettingsError: a key or a value is wrong, or a model is not known.
    """
    file = Path(path)
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"the plan {file} cannot be read ({error.strerror}); give a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"the plan {file} is not TOML: {error}") from error
    try:
        plan = Plan(**content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{file}: {where}: {first['msg']}; a plan has {', '.join(Plan.model_fields)}") from None
    for name, settings in plan.models.items():
        kind = name.partition(":")[0]
        if kind not in RECIPES:
            raise SettingsError(f"{file}: no model is called {kind!r}; there are {', '.join(RECIPES)}")
        RECIPES[kind](**settings)
    return plan


def run_plan(plan: Plan) -> ComparisonTable:
    """Carry a plan out."""
    return compare(
        plan.data,
        plan.models,
        k=plan.k,
        seeds=plan.seeds,
        test=plan.test,
        valid=plan.valid,
        protocol=plan.protocol,
        refit=plan.refit,
    )
