"""Several models under one protocol."""

from importlib import import_module
from typing import Any

__all__ = ["Protocol", "StopByHand", "compare", "refits", "run_model"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("fillrank.experiments.compare.runs"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
