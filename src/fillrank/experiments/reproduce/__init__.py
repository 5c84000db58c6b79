"""Studies: published tables and the runs that answer to them; records as Markdown."""

from importlib import import_module
from typing import Any

__all__ = ["Entry", "Study", "Task", "read_study", "studies"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("fillrank.experiments.reproduce.study"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
