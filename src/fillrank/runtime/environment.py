"""Describe the machine, for the records of measurements."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import torch

from fillrank._version import __version__
from fillrank.runtime.device import multiplies_bfloat16

__all__ = ["machine"]

_OTHERS = ("numpy", "scipy", "polars", "scikit-learn", "numba")


def machine() -> dict[str, Any]:
    """Versions, processor, threads and device. Nothing in it names a person, a host or a path.

    The version of PyTorch is ``torch.__version__``, which includes the build (such as ``+cu130``).
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return {
        "fillrank": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(0) if device.type == "cuda" else "cpu",
        "bfloat16 products": multiplies_bfloat16(device),
        "versions": {"torch": str(torch.__version__), **{name: version(name) for name in _OTHERS}},
    }
