"""Compare how a saved model is evaluated with how it was fitted, according to ``run.toml`` in its folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fillrank.experiments.run.folder import RUN
from fillrank.experiments.toml.files import read_toml

__all__ = ["differences", "say_how_it_was_fitted"]

logger = logging.getLogger("fillrank")
_USUAL = {"data": None, "train": None, "test": 0.1, "split": "auto", "valid": 0.1, "seed": 0}


def say_how_it_was_fitted(folder: Path, now: Mapping[str, Any]) -> None:
    """Log a warning if a saved model was fitted with other data, options of reading, or another split than now.

    Args:
        folder: of a model that was loaded, and so is whole; one that ``model.save`` wrote says nothing of it.
        now: data, train, test, read, split, valid and seed, as a run has them.
    """
    if not (folder / RUN).is_file():
        return
    if found := differences(read_toml(folder / RUN, "run"), now):
        logger.warning("%s was fitted with %s; what is measured here may be something else", folder, ", ".join(found))


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The differences of two runs in data, reading and split. For a file, only its name is compared, not its folder.

    Example:
        >>> then = {"data": "logs/june.csv", "read": {"relevant_from": 4}, "seed": 1}
        >>> differences(then, {"data": "june.csv", "read": {"duplicates": "last"}, "test": 0.2})
        ['test=0.1 (now 0.2)', 'seed=1 (now 0)', 'read.duplicates unset (now last)', 'read.relevant_from=4 (now unset)']
    """
    changes = {name: (then.get(name, usual), now.get(name, usual)) for name, usual in _USUAL.items()}
    one, other = _read(then), _read(now)
    changes |= {f"read.{name}": (one.get(name), other.get(name)) for name in sorted({*one, *other})}
    return [
        f"{name}{'=' if was is not None else ' '}{_shown(was)} (now {_shown(is_now)})"
        for name, (was, is_now) in changes.items()
        if _plain(was) != _plain(is_now)
    ]


def _read(run: Mapping[str, Any]) -> Mapping[str, Any]:
    options = run.get("read")
    return options if isinstance(options, Mapping) else {}


def _plain(value: Any) -> Any:
    """Normalise a value, so that values with the same meaning are equal."""
    if isinstance(value, str):
        return Path(value).name if Path(value).suffix else value
    return list(value) if isinstance(value, tuple) else value


def _shown(value: Any) -> str:
    return "unset" if value is None else str(value)
