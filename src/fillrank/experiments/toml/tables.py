"""Merge, flatten and unflatten nested tables; flat names are joined by dots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["deep_merge", "differences", "flatten", "unflatten"]


def deep_merge(content: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``content`` with the values of ``over`` in place of its own, table by table.

    Example:
        >>> deep_merge({"model": "ccl", "settings": {"dim": 64, "seed": 0}}, {"settings": {"dim": 32}})
        {'model': 'ccl', 'settings': {'dim': 32, 'seed': 0}}
    """
    found = dict(content)
    for key, value in over.items():
        own = found.get(key)
        found[key] = deep_merge(own, value) if isinstance(own, Mapping) and isinstance(value, Mapping) else value
    return found


def flatten(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested tables by their dotted names; the inverse of :func:`unflatten`.

    Example:
        >>> dict(flatten({"dim": 8, "loss_settings": {"margin": 0.4}}))
        {'dim': 8, 'loss_settings.margin': 0.4}
    """
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def unflatten(values: Mapping[str, Any]) -> dict[str, Any]:
    """Tables from values with dotted names.

    Example:
        >>> unflatten({"dim": 8, "loss_settings.margin": 0.4})
        {'dim': 8, 'loss_settings': {'margin': 0.4}}
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        *tables, last = name.split(".")
        branch: dict[str, Any] = {last: value}
        for table in reversed(tables):
            branch = {table: branch}
        found = deep_merge(found, branch)
    return found


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The dotted names of the values that differ, or that only one of the two tables has.

    Example:
        >>> differences({"model": "ccl", "settings": {"dim": 8}}, {"model": "ccl", "settings": {"dim": 4, "seed": 1}})
        ['settings.dim', 'settings.seed']
    """
    flat, flat_other = dict(flatten(one)), dict(flatten(other))
    names = dict.fromkeys([*flat, *flat_other])
    return [name for name in names if name not in flat or name not in flat_other or flat[name] != flat_other[name]]
