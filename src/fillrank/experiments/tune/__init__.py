"""Settings searched on the validation part; the plan, the trials and their record."""

from importlib import import_module
from typing import Any

__all__ = ["Metric", "TunePlan", "read_tune"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("fillrank.experiments.tune.plan"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
