"""Entry points of installed packages: listed once, and imported only when asked for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from fillrank.errors import SettingsError

__all__ = ["Offer", "offers"]


@dataclass(frozen=True)
class Offer:
    """One entry point.

    Attributes:
        point: as the package declares it.
        package: its name, for messages.
    """

    point: EntryPoint
    package: str

    def __str__(self) -> str:
        return f"the entry point {self.point.name!r} = {self.point.value!r} ({self.point.group}) of {self.package}"

    def load(self) -> Any:
        """Import and return the object of the entry point.

        Raises:
            SettingsError: the module cannot be imported, or has no such name; the message names package and entry.
        """
        try:
            return self.point.load()
        except Exception as error:
            raise SettingsError(
                f"{self} cannot be loaded ({type(error).__name__}: {error}); repair or remove that package"
            ) from error

    def loaded(self) -> Any:
        """Return the object of the entry point if its module has been imported already; else None."""
        found: Any = sys.modules.get(self.point.module)
        for name in self.point.attr.split(".") if self.point.attr else ():
            found = getattr(found, name, None)
        return found


def offers(group: str) -> Mapping[str, tuple[Offer, ...]]:
    """Return the entry points of all installed packages by name, without importing them.

    The search takes some milliseconds, so its result is kept for each state of ``sys.path``.
    """
    return _offers(group, tuple(sys.path))


@lru_cache(maxsize=32)
def _offers(group: str, path: tuple[str, ...]) -> Mapping[str, tuple[Offer, ...]]:  # noqa: ARG001 -- a key
    found: dict[str, tuple[Offer, ...]] = {}
    for point in entry_points(group=group):
        package = point.dist.name if point.dist is not None else "an unknown package"
        own = Offer(point, f"the package {package}")
        if own not in found.get(point.name, ()):  # one package may lie on the path twice
            found[point.name] = (*found.get(point.name, ()), own)
    return found
