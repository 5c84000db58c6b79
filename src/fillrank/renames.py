"""Words of fillrank 0.1 that have another name now, in one table, and where files and calls are read with it.

What is renamed: settings of recipes and of their parts, values of settings, keys of plans (TOML), of saved models and
of records. A file that has an old word is read as if it had the new one, with one warning that names it; so is a
recipe that is called with one. The old words go with version 0.3. docs/reference/renames.md is the table for people.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fillrank.errors import SettingsError
from fillrank.runtime.notices import say_once

__all__ = [
    "Renamed",
    "in_words",
    "old_attribute",
    "read_event",
    "read_model",
    "read_plan",
    "read_run",
    "read_settings",
    "tensor_name",
    "warn_of",
]

SETTINGS: Mapping[str, str] = {
    "look_every": "eval_every",
    "warm_up": "warmup",
    "clip": "max_grad_norm",
    "average_span": "ema_span",
    "start": "init",
    "start_scale": "init_scale",
    "spread": "init_scale",
    "correct": "logq_correction",
    "spread_every": "propagate_every",
    "relevant_only": "positive_from",
}
"""Settings of recipes. No recipe has a setting of its own that is called like one of the old ones."""

SAMPLER_SETTINGS: Mapping[str, str] = {"correct": "logq_correction"}
"""Settings of fillrank's own samplers; those of somebody else's may be called as they like."""

_OF_SAMPLERS = ("sampler", "sampler_settings")
_OWN_SAMPLERS = {"uniform", "popularity", "in-batch", "mixed", "hard"}

VALUES: Mapping[str, Mapping[Any, Any]] = {
    "route": {"spread": "delayed-propagation"},
    "relevant_only": {True: "relevant", False: None},
}
"""Values of settings, by the name under which the setting was given."""

CMC_MONITORS: Mapping[str, str] = {"ndcg": "ndcg@10", "both": "ndcg@10+rmse"}
"""What CMC's ``monitor`` was called; CMC reads it itself, as no other model had these words."""

PLAN_KEYS: Mapping[str, str] = {"keep": "subsample", "like": "extends", "bases": "templates", "tuning": "tune"}
"""Keys of plans and of their entries."""

MODEL_KEYS: Mapping[str, str] = {"rater": "predictor", "scale": "value_range"}
"""Keys of ``config.json`` of a saved model; the first is the beginning of the names of its tensors too."""

KINDS: Mapping[str, str] = {"dated": "time-aware-factors", "pair-scorer": "neural-scorer"}
"""Kinds of scorers in a saved model."""

Renamed = dict[str, str]
"""Old words that were found, each with the new one."""


def read_settings(given: Mapping[str, Any], among: Collection[str] | None = None) -> tuple[dict[str, Any], Renamed]:
    """Settings of a recipe by their names of today, and the old words that were among them.

    Settings of a sampler, parts of a blend, dotted names and ranges of a search are settings too.

    Args:
        given: by name.
        among: the settings there are, where that is known: an old name of any other stays, to be refused as it came.

    Raises:
        SettingsError: a setting is given by both of its names.

    Example:
        >>> read_settings({"dim": 8, "look_every": 2, "route": "spread"})  # doctest: +NORMALIZE_WHITESPACE
        ({'dim': 8, 'eval_every': 2, 'route': 'delayed-propagation'},
         {'look_every': 'eval_every', "route='spread'": "route='delayed-propagation'"})
    """
    found: Renamed = {}
    words = SETTINGS if among is None else {old: new for old, new in SETTINGS.items() if new in among}
    return _settings(given, words, found), found


def read_plan(given: Mapping[str, Any]) -> tuple[dict[str, Any], Renamed]:
    """A plan (TOML or the same as plain data) by the names of today, and the old words that were in it.

    Example:
        >>> read_plan({"model": "als", "settings": {"spread": 0.2}})
        ({'model': 'als', 'settings': {'init_scale': 0.2}}, {'spread': 'init_scale'})
    """
    found: Renamed = {}
    return _plan(given, found), found


def read_run(run: Mapping[str, Any], found: Renamed) -> dict[str, Any]:
    """A run of a study, from its record, by the names of today; the old words that were in it go to ``found``."""
    new = dict(run)
    for name in ("settings", "chosen"):
        new[name] = _settings(run[name], SETTINGS, found)
    return new | {"besides": _plan(run.get("besides", {}), found)}


def read_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """A line of a search's journal by the names of today."""
    new = dict(event)
    if isinstance(name := new.get("param_name"), str):
        new["param_name"] = next(iter(_settings({name: None}, SETTINGS, {})))
    if isinstance(noted := new.get("user_attr"), Mapping):
        new["user_attr"] = _plan(noted, {})
    return new


def read_model(config: Mapping[str, Any]) -> tuple[dict[str, Any], Renamed]:
    """``config.json`` of a saved model by the names of today, and the old words among its settings.

    Of the other keys nobody has to know: they are between two versions of fillrank.
    """
    found: Renamed = {}
    new = {MODEL_KEYS.get(key, key): value for key, value in config.items()}
    for part in ("scorer", "predictor"):
        if _is_table(new, part) and isinstance(kind := new[part].get("kind"), str):
            new[part] = {**new[part], "kind": KINDS.get(kind, kind)}
    if _is_table(new, "settings"):
        new["settings"] = _settings(new["settings"], SETTINGS, found)
    return new, found


def tensor_name(name: str) -> str:
    """The name of a tensor of a saved model.

    Example:
        >>> tensor_name("rater/items"), tensor_name("scorer/items")
        ('predictor/items', 'scorer/items')
    """
    part, slash, rest = name.partition("/")
    return MODEL_KEYS.get(part, part) + slash + rest


def old_attribute(old: str, new: str) -> Any:
    """An attribute's old name: the new one's value, with a warning."""

    def get(self: Any) -> Any:
        warnings.warn(f"{type(self).__name__}.{old} is .{new} now", DeprecationWarning, stacklevel=2)
        return getattr(self, new)

    return property(get, doc=f"The old name of ``{new}``.")


def warn_of(found: Renamed, where: str) -> None:
    """Say once that a file has old words, and what they are called now.

    Args:
        found: see :func:`read_settings`; nothing is said where it is empty.
        where: the file.
    """
    if found:
        say_once(f"{where}: {in_words(found)}; old names are read until 0.3")


def in_words(found: Renamed) -> str:
    """Old words and new ones in a line.

    Example:
        >>> in_words({"clip": "max_grad_norm"})
        'clip is max_grad_norm now'
    """
    return ", ".join(f"{old} is {new} now" for old, new in found.items())


def _settings(given: Mapping[str, Any], words: Mapping[str, str], found: Renamed) -> dict[str, Any]:
    own = given.get("sampler")
    name = own.get("name") if isinstance(own, Mapping) else own
    of_sampler = SAMPLER_SETTINGS if name is None or (isinstance(name, str) and name in _OWN_SAMPLERS) else {}
    new: dict[str, Any] = {}
    for key, value in given.items():
        table, dot, last = str(key).rpartition(".")
        known = of_sampler if table in _OF_SAMPLERS else {} if table else words
        name_now = f"{table}{dot}{known.get(last, last)}" if last in known else key
        if isinstance(value, Mapping) and key in _OF_SAMPLERS:
            value = _settings(value, of_sampler, found)
        elif key == "parts":
            value = _parts(value, found)
        elif not table:
            value = _value(key, value, found)
        if name_now != key:
            _note(str(key), name_now, given, found)
        new[name_now] = value
    return new


_EACH_A_PLAN = ("entries", "templates")


def _plan(given: Mapping[str, Any], found: Renamed) -> dict[str, Any]:
    new: dict[str, Any] = {}
    for key, value in given.items():
        name = PLAN_KEYS.get(key, key)
        if name != key:
            _note(key, name, given, found)
        new[name] = _part_of_plan(name, value, found)
    return new


def _note(old: str, new: str, given: Mapping[str, Any], found: Renamed) -> None:
    found[old] = new
    if new in given:
        raise SettingsError(f"{old} and {new} are one thing; leave {old}, the old name, out")


def _part_of_plan(key: str, value: Any, found: Renamed) -> Any:
    if not isinstance(value, Mapping):
        return value
    if key in ("settings", "search"):
        return _settings(value, SETTINGS, found)
    if key in ("tune", "plan"):
        return _plan(value, found)
    if key == "models":
        return {name: _part_of_plan("settings", one, found) for name, one in value.items()}
    if key in _EACH_A_PLAN:
        return {name: _part_of_plan("plan", one, found) for name, one in value.items()}
    return value


def _is_table(given: Mapping[str, Any], key: str) -> bool:
    return isinstance(given.get(key), Mapping)


def _value(setting: Any, value: Any, found: Renamed) -> Any:
    """A value, the values to choose from, or what a search says of them."""
    old = VALUES.get(setting)
    if old is None:
        return value
    if isinstance(value, Mapping):
        return {key: _value(setting, inner, found) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_value(setting, one, found) for one in value)
    if not isinstance(value, str | bool) or value not in old:
        return value
    if setting not in SETTINGS:
        found[f"{setting}={value!r}"] = f"{setting}={old[value]!r}"
    return old[value]


def _parts(parts: Any, found: Renamed) -> Any:
    """The parts of a blend: tables of a model and its settings, or recipes."""
    if isinstance(parts, str) or not isinstance(parts, Sequence):
        return parts
    return [
        part | {"settings": _settings(part["settings"], SETTINGS, found)}
        if isinstance(part, dict) and isinstance(part.get("settings"), Mapping)
        else part
        for part in parts
    ]
