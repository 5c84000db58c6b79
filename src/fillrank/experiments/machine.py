"""What a figure was measured on: goes into every record."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import torch

from fillrank._version import __version__

__all__ = ["machine"]


def machine() -> dict[str, Any]:
    """Versions, processor, threads and device; nothing that names a person, a host or a path."""
    return {
        "fillrank": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu",
        "versions": {name: version(name) for name in ("torch", "numpy", "scipy", "polars", "scikit-learn", "numba")},
    }
