"""One model, its data and its settings as a file, fitted and saved; and gone on with after a stop."""

from importlib import import_module
from typing import Any

__all__ = ["DataPlan", "Outcome", "RunPlan", "fit_run", "read_run"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("fillrank.experiments.run.fit"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
