"""Entries that are like others: what several lines of a study have in common is written once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fillrank.errors import SettingsError
from fillrank.experiments.toml.nested import merged

__all__ = ["spelt_out"]

# What is run. How often, under which protocols, and what it answers to is each entry's own.
_HANDED_ON = ("model", "settings", "keep", "tuning")
_OF_BASES = (*_HANDED_ON, "like")


def spelt_out(content: Mapping[str, Any], source: str) -> dict[str, Any]:
    """A study's content without ``bases`` and without ``like``: every entry in full.

    ``like`` names one or several bases or entries. Each hands on its model, its settings, its ``keep`` and its tuning,
    table by table, a later one over an earlier one, and the entry's own over all of them.

    Args:
        content: of the study's file.
        source: the file, for messages.

    Raises:
        SettingsError: a name is not there, something is like itself, a base has what it cannot hand on, or nothing is
            like it.

    Example:
        >>> bases = {"small": {"model": "contrastive", "settings": {"dim": 8}}}
        >>> entries = {"ccl": {"like": "small", "settings": {"loss": "ccl"}}}
        >>> spelt_out({"bases": bases, "entries": entries}, "a.toml")
        {'entries': {'ccl': {'model': 'contrastive', 'settings': {'dim': 8, 'loss': 'ccl'}}}}
    """
    bases, entries = (_tables(content, part, source) for part in ("bases", "entries"))
    for name, base in bases.items():
        for key in base:
            if key not in _OF_BASES:
                raise SettingsError(f"{source}: the base {name!r} has {key!r}; a base has {', '.join(_OF_BASES)}")
        if name in entries:
            raise SettingsError(f"{source}: {name!r} is a base and an entry; give one of them another name")
    likeness = _Likeness({**bases, **entries}, source)
    found = {name: likeness.of(name) for name in entries}
    for name in bases:
        if name not in likeness.asked:
            raise SettingsError(f"{source}: no entry is like the base {name!r}; take it out, or name it in a 'like'")
    rest = {key: value for key, value in content.items() if key != "bases"}
    return rest | {"entries": found} if "entries" in content else rest


class _Likeness:
    """Looks up what is like what."""

    def __init__(self, known: Mapping[str, Mapping[str, Any]], source: str) -> None:
        self.known, self.source, self.asked = known, source, set[str]()

    def of(self, name: str, path: tuple[str, ...] = ()) -> dict[str, Any]:
        """The entry or the base in full; ``path`` leads to it, by what is like it."""
        found: dict[str, Any] = {}
        own = self.known[name]
        for other in self._named(own.get("like", []), name):
            if other in (*path, name):
                raise SettingsError(f"{self.source}: {' is like '.join((*path, name, other))}; that has no end")
            self.asked.add(other)
            whole = self.of(other, (*path, name))
            found = merged(found, {key: whole[key] for key in _HANDED_ON if key in whole})
        return merged(found, {key: value for key, value in own.items() if key != "like"})

    def _named(self, like: Any, name: str) -> list[str]:
        names = [like] if isinstance(like, str) else like
        if not isinstance(names, list) or not all(isinstance(other, str) for other in names):
            raise SettingsError(f"{self.source}: {name}: like = {like!r}; it takes a name or a list of names")
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
