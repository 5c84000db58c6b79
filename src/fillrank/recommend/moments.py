"""Moments for which predictions are asked, as seconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from fillrank.arguments import naming
from fillrank.data.id_values import values_of
from fillrank.data.times import to_seconds
from fillrank.errors import DataError

__all__ = ["moments"]


def moments(times: Iterable[Any], n: int) -> torch.Tensor:
    """Seconds since 1970 (UTC), int64 ``[n]``.

    Raises:
        DataError: a time is missing or cannot be read, or there are not ``n`` of them.
    """
    with naming("times"):
        seconds = to_seconds(values_of(times, "times"))
    if seconds.null_count():
        raise DataError(f"{seconds.null_count()} of {len(seconds)} times are missing or cannot be read")
    when = torch.tensor(seconds.to_numpy())
    if len(when) != n:
        raise DataError(f"{n} pairs came with {len(when)} times; give one time for each pair")
    return when
