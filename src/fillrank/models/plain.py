"""Convert settings to plain Python numbers, and check that they are within sensible limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np

from fillrank.arguments import MOST_DIM, MOST_ROUNDS, shown, threads
from fillrank.errors import SettingsError

__all__ = ["plain_settings"]

_ROUNDS = {
    "epochs",
    "iterations",
    "burn_in",
    "patience",
    "steps",
    "eval_every",
    "ema_every",
    "propagate_every",
}
_DIMS = {"dim", "hidden", "rank", "rating_dim", "kept_dim", "block", "n_layers", "warmup"}
_THREADS = {"n_threads", "n_chains"}
_EXPONENTS = {"beta", "power", "frequency_exponent", "popularity_beta"}
_STEEPEST = 20  # counts to a higher power overflow
_LARGEST = float(np.finfo(np.float32).max)
_DEEPEST = 8


def plain_settings(settings: Mapping[str, Any], types: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The same settings, with NumPy numbers converted to Python numbers.

    Args:
        settings: by name.
        types: the type of each setting; True and False are not numbers.

    Raises:
        SettingsError: True or False is given for a number; a whole number does not fit into 64 bits, or another number
            into 32; a count is above its limit (:data:`~fillrank.arguments.MOST_ROUNDS`,
            :data:`~fillrank.arguments.MOST_DIM`); or a table contains itself.

    Example:
        >>> plain_settings({"dim": np.int64(8), "loss_settings": {"temperature": np.float64(0.2)}})
        {'dim': 8, 'loss_settings': {'temperature': 0.2}}
        >>> plain_settings({"epochs": 2**31})
        Traceback (most recent call last):
        fillrank.errors.SettingsError: epochs must be at most 1,000,000, got 2147483648 (int)
    """
    plain = {name: _plain(str(name), value, 0) for name, value in settings.items()}
    for name, value in plain.items():
        if isinstance(value, bool) and types is not None and name in types and not _takes_truth(types[name]):
            raise SettingsError(f"{name} must be a number or a word, got {value}")
        if types is not None and types.get(name) is bool and not isinstance(value, bool):
            raise SettingsError(f"{name} must be true or false (True or False in Python), got {value!r}").about(name)
        most = MOST_ROUNDS if name in _ROUNDS else MOST_DIM if name in _DIMS else None
        if most is not None and isinstance(value, int) and value > most:
            raise SettingsError(f"{name} must be at most {most:,}, got {shown(value)}").about(name)
        if name in _THREADS and isinstance(value, int) and value > 0:
            threads(name, value)
        if name in _EXPONENTS and isinstance(value, int | float) and abs(value) > _STEEPEST:
            raise SettingsError(
                f"{name} is an exponent of counts, and must be from -{_STEEPEST} to {_STEEPEST}, got {value}"
            )
    return plain


def _takes_truth(hint: Any) -> bool:
    """Whether a type includes True and False."""
    parts = get_args(hint)
    return hint in {bool, Any} or any(part is True or part is False or _takes_truth(part) for part in parts)


def _plain(name: str, value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise SettingsError(f"{name} holds tables within tables, {_DEEPEST} deep or more; a setting is not so deep")
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype != object):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise SettingsError(f"{name} must fit into 64 bits, got {shown(value)}")
    if isinstance(value, float) and _LARGEST < abs(value) < np.inf:
        raise SettingsError(f"{name} must fit into 32 bits, got {shown(value)}")
    if isinstance(value, list | tuple):
        return type(value)(_plain(name, one, depth + 1) for one in value) if type(value) in {list, tuple} else value
    if isinstance(value, dict):
        return {
            key: _plain(f"{name}.{key}" if isinstance(key, str) else name, one, depth + 1) for key, one in value.items()
        }
    return value
