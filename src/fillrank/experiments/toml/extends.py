"""``extends``: entries of a study that inherit settings from templates or other entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fillrank.errors import SettingsError
from fillrank.experiments.toml.tables import deep_merge

__all__ = ["resolve_extends"]

# What is run. How often, under which protocols, and what it answers to is each entry's own.
_INHERITED = ("model", "settings", "subsample", "tune")
_OF_TEMPLATES = (*_INHERITED, "extends")


def resolve_extends(content: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Expand ``templates`` and ``extends`` in the content of a study, so that every entry is complete.

    ``extends`` names one or several templates or entries. The entry inherits their ``model``, ``settings``,
    ``subsample`` and ``tune``, table by table: a later one goes over an earlier one, and the entry's own over all.

    Args:
        content: of the study's file.
        source: the file, for messages.

    Raises:
        SettingsError: a name is not there, something extends itself, a template has what cannot be inherited, or it is
            extended by nothing.

    Example:
        >>> templates = {"small": {"model": "contrastive", "settings": {"dim": 8}}}
        >>> entries = {"ccl": {"extends": "small", "settings": {"loss": "ccl"}}}
        >>> resolve_extends({"templates": templates, "entries": entries}, "a.toml")
        {'entries': {'ccl': {'model': 'contrastive', 'settings': {'dim': 8, 'loss': 'ccl'}}}}
    """
    templates, entries = (_tables(content, part, source) for part in ("templates", "entries"))
    for name, template in templates.items():
        for key in template:
            if key not in _OF_TEMPLATES:
                known = ", ".join(_OF_TEMPLATES)
                raise SettingsError(f"{source}: the template {name!r} has {key!r}; a template has {known}")
        if name in entries:
            raise SettingsError(f"{source}: {name!r} is a template and an entry; give one of them another name")
    heritage = _Heritage({**templates, **entries}, source)
    found = {name: heritage.of(name) for name in entries}
    for name in templates:
        if name not in heritage.asked:
            raise SettingsError(
                f"{source}: no entry extends the template {name!r}; take it out, or name it in an 'extends'"
            )
    rest = {key: value for key, value in content.items() if key != "templates"}
    return rest | {"entries": found} if "entries" in content else rest


class _Heritage:
    """Looks up the entries and templates that others extend."""

    def __init__(self, known: Mapping[str, Mapping[str, Any]], source: str) -> None:
        self.known, self.source, self.asked = known, source, set[str]()

    def of(self, name: str, path: tuple[str, ...] = ()) -> dict[str, Any]:
        """The entry or the template in full; ``path`` leads to it, by what extends it."""
        found: dict[str, Any] = {}
        own = self.known[name]
        for other in self._named(own.get("extends", []), name):
            if other in (*path, name):
                raise SettingsError(f"{self.source}: {' extends '.join((*path, name, other))}; that has no end")
            self.asked.add(other)
            whole = self.of(other, (*path, name))
            found = deep_merge(found, {key: whole[key] for key in _INHERITED if key in whole})
        return deep_merge(found, {key: value for key, value in own.items() if key != "extends"})

    def _named(self, extends: Any, name: str) -> list[str]:
        names = [extends] if isinstance(extends, str) else extends
        if not isinstance(names, list) or not all(isinstance(other, str) for other in names):
            raise SettingsError(f"{self.source}: {name}: extends = {extends!r}; it takes a name or a list of names")
        for other in names:
            if other not in self.known:
                raise SettingsError(
                    f"{self.source}: {name}: nothing is called {other!r}; there are {', '.join(self.known)}"
                )
        return names


def _tables(content: Mapping[str, Any], part: str, source: str) -> dict[str, Mapping[str, Any]]:
    tables = content.get(part, {})
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise SettingsError(f"{source}: {part} takes tables, as in [{part}.NAME], got {tables!r}")
    return dict(tables)
