"""Check the numbers of a scorer when it is made, also from a file that may be damaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fillrank.arguments import shown
from fillrank.errors import DataError, TrainingError
from fillrank.runtime.strict_json import is_number

__all__ = [
    "check_floats",
    "check_folding",
    "check_sizes",
    "is_finite",
    "table_of",
]


def is_finite(value: Any) -> bool:
    """Whether a value is one finite number of Python or NumPy; True and False are not numbers."""
    return is_number(value.item() if isinstance(value, np.generic) else value)


def check_sizes(factors: Any, interactions: Any) -> None:
    """Refuse factors whose numbers of users and items are not those of a log.

    Raises:
        DataError: the sizes differ; the message has both.
    """
    if (factors.n_users, factors.n_items) != (interactions.n_users, interactions.n_items):
        raise DataError(
            f"the factors are of {factors.n_users} users and {factors.n_items} items, the log of "
            f"{interactions.n_users} and {interactions.n_items}; take the factors that were learnt from this log"
        )


def check_floats(tensors: Mapping[str, Tensor], what: str, advice: str) -> None:
    """Refuse tensors of a scorer that are not float32 or float64, or contain NaN or infinity.

    Raises:
        DataError: a value is not a tensor of such numbers.
        TrainingError: a tensor contains NaN or infinity.
    """
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor) or tensor.dtype not in {torch.float32, torch.float64}:
            came = tensor.dtype if isinstance(tensor, Tensor) else shown(tensor)
            raise DataError(f"{what} {name!r} must be a tensor of float32 or float64, got {came}")
        if tensor.is_meta:
            raise DataError(f"{what} {name!r} has a shape and no numbers, as it is on the device 'meta'")
        if not bool(torch.isfinite(tensor).all()):
            rows = int((~torch.isfinite(tensor)).reshape(len(tensor) if tensor.dim() else 1, -1).any(1).sum())
            raise TrainingError(f"{rows} rows of {what} {name!r} are NaN or infinite; {advice}")


def check_folding(folding: Any, n_items: int, dim: int) -> None:
    """Refuse a way of folding in whose settings have wrong types, or whose weights do not fit the items.

    Raises:
        DataError: a setting or the weights are wrong.
    """
    if not is_dataclass(folding):
        return
    if check_fits := getattr(folding, "check_fits", None):
        check_fits(n_items, dim)
        return
    for field in fields(folding):
        value, kind = getattr(folding, field.name), str(field.type)
        name = f"{type(folding).__name__}.{field.name}"
        if kind == "Tensor":
            if not isinstance(value, Tensor) or value.shape != (n_items, dim):
                came = list(value.shape) if isinstance(value, Tensor) else shown(value)
                raise DataError(f"{name} must have shape {[n_items, dim]}, as the items have, got {came}")
        elif kind == "bool" and not isinstance(value, bool):
            raise DataError(f"{name} must be true or false, got {shown(value)}")
        elif kind.startswith("float") and not (is_finite(value) or (value is None and "None" in kind)):
            raise DataError(f"{name} must be a finite number, got {shown(value)}")


def table_of(settings: Any, name: str) -> Mapping[str, Any]:
    """Return a part of a scorer's settings if it is a table.

    Raises:
        DataError: it is not a table.
    """
    if not isinstance(settings, Mapping):
        raise DataError(f"{name} has to be a table, it is {shown(settings)}")
    return settings
