"""``Registry``: the parts of one kind (losses, samplers, encoders) by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from fillrank.arguments.showing import shown, with_article
from fillrank.errors import SettingsError
from fillrank.registry.entry_points import offers
from fillrank.registry.records import is_record, label, plain, settings_of
from fillrank.runtime.notices import say_once

__all__ = ["Registry"]

_OF_DATA = ("__array__", "__array_interface__", "__dataframe__", "__arrow_c_stream__", "toarray")

Kind = TypeVar("Kind")
Part = TypeVar("Part")


class Registry(Mapping[str, Kind], Generic[Kind]):
    """Parts of one kind by name: fillrank's own, registered ones, and those of installed packages.

    As a mapping it holds fillrank's own parts and those that :meth:`register` has added in this process. :meth:`find`
    also searches the entry points of installed packages, which are imported only when their name is asked for. The name
    of a part of fillrank cannot be used for another.

    Args:
        noun: what one part is called: ``"sampler"``.
        group: the group of entry points: ``"fillrank.samplers"``.
        own: fillrank's parts by name; :meth:`own` adds more.
        beside: further parts of fillrank, with another contract. :meth:`find` finds them; the mapping does not hold
            them.
        given: parameters of the constructors that are no settings, because a recipe passes them.
        settled: whether an object can be made again from its settings alone. False for encoders, which hold vectors.

    Example:
        >>> shapes = Registry("shape", "example.shapes", {"square": dict})
        >>> shapes.register("circle", set)
        >>> shapes.find("circle"), list(shapes)
        (<class 'set'>, ['square', 'circle'])
        >>> shapes.find("sqare")
        Traceback (most recent call last):
        fillrank.errors.SettingsError: there is no shape 'sqare'; did you mean 'square'? there are square, circle
    """

    def __init__(
        self,
        noun: str,
        group: str,
        own: Mapping[str, Kind] | None = None,
        *,
        beside: Mapping[str, Any] | None = None,
        given: tuple[str, ...] = (),
        settled: bool = True,
    ) -> None:
        self.noun, self.group, self.given, self.settled = noun, group, given, settled
        self._own, self._beside, self._more = dict(own or {}), dict[str, Any](beside or {}), dict[str, Kind]()

    def __getitem__(self, name: str) -> Kind:
        return self._own[name] if name in self._own else self._more[name]

    def __iter__(self) -> Iterator[str]:
        yield from sorted(self._own)  # and not in the order in which their modules happen to be imported
        yield from self._more

    def __len__(self) -> int:
        return len(self._own) + len(self._more)

    def __repr__(self) -> str:
        return f"Registry({self.noun}: {', '.join(self)})"

    def register(self, name: str, kind: Kind) -> None:
        """Give a part of your own a name in this process. Recipes then accept the name, and saved models contain it.

        Args:
            name: a new name.
            kind: a class (or, for a loss, a function of scores).

        Raises:
            SettingsError: the name is in use, or is not a valid name.
        """
        if not isinstance(name, str) or not name or name != name.strip() or "." in name:
            raise SettingsError(
                f"the name of {with_article(self.noun)} must be a text without dots and outer blanks, got {name!r}"
            )
        if not callable(kind):
            raise SettingsError(f"the {self.noun} {name!r} must be a class or a function, got {kind!r}")
        if self._is_ours(name):
            raise SettingsError(f"{name!r} is {with_article(self.noun)} of fillrank's own; give yours another name")
        if name in self._more and label(self._more[name]) != label(kind):  # the same again: a cell that is run twice
            raise SettingsError(f"{name!r} is {label(self._more[name])} already; give {label(kind)} another name")
        self._more[name] = kind

    def own(self, name: str, *, beside: bool = False) -> Callable[[Part], Part]:
        """A decorator that names a part of fillrank, where its class is written. Other parts use :meth:`register`.

        Args:
            name: no other part of fillrank may have it.
            beside: the part has another contract; see the class.
        """

        def keep(kind: Part) -> Part:
            before = self._own.get(name, self._beside.get(name))
            if before is not None and label(before) != label(kind):  # the same again: a module that is loaded anew
                raise ValueError(f"{label(before)} and {label(kind)} cannot both be called {name!r}")
            (self._beside if beside else self._own)[name] = kind  # type: ignore[assignment]
            return kind

        return keep

    def is_own(self, kind: Any) -> bool:
        """Whether a class is one of fillrank's."""
        return any(kind is one for one in (*self._own.values(), *self._beside.values()))

    @property
    def beside(self) -> Mapping[str, Any]:
        """Those that keep another contract, by name."""
        return MappingProxyType(self._beside)

    def names(self) -> tuple[str, ...]:
        """Return all names, including those of installed packages, without importing anything."""
        return tuple(dict.fromkeys((*self, *self._offers())))

    def find(self, name: str) -> Kind:
        """Return the part called ``name``.

        Raises:
            SettingsError: there is none, its package cannot be loaded, or two packages offer the name.
        """
        offered = self._offers()
        if name in self:
            return self[name]
        if name in self._beside:
            return self._beside[name]  # type: ignore[no-any-return]
        self.check(name)
        first, *others = offered[name]
        if others:
            both = " and ".join(str(one) for one in (first, *others))
            raise SettingsError(f"the {self.noun} {name!r} is offered twice, by {both}; remove one of the packages")
        kind = first.load()
        if not callable(kind):
            raise SettingsError(f"{first} leads to {kind!r}, which is no {self.noun}; it must be a class or a function")
        return kind  # type: ignore[no-any-return]

    def check(self, name: str) -> None:
        """Refuse a name that does not exist, without importing the part.

        Raises:
            SettingsError: there is no such name.
        """
        if name in self or name in self._beside or name in self._offers():
            return
        known = [*self.names(), *self._beside]
        near = get_close_matches(str(name), known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SettingsError(f"there is no {self.noun} {name!r}; {hint}there are {', '.join(known)}")

    def name_of(self, kind: Any) -> str | None:
        """Return the name of a class or a function, or None."""
        for name, one in {**self, **self._beside}.items():
            if one is kind:
                return name
        for name, found in self._offers().items():
            if len(found) == 1 and found[0].loaded() is kind:
                return name
        return None

    def spelled(self, part: Any) -> dict[str, Any] | None:
        """Return a part as a table of its ``name`` and settings, from which it can be made again; None if it cannot.

        A class or a function must be registered. An object must be an instance of a registered class (not of a
        subclass), and keep each parameter of its constructor as an attribute of the same name.
        """
        if isinstance(part, type) or hasattr(part, "__qualname__"):
            name = self.name_of(part)
            return None if name is None else {"name": name}
        if isinstance(part, partial):
            name = None if part.args or not plain(part.keywords) else self.name_of(part.func)
            return None if name is None else {"name": name, **part.keywords}
        name = self.name_of(type(part)) if self.settled else None
        settings = None if name is None else settings_of(part, given=self.given, inner=self.spelled)
        return None if settings is None else {"name": name, **settings}

    def split(self, part: Any) -> tuple[Any, dict[str, Any]]:
        """Separate what a recipe was given for a part into the name or object, and its settings.

        Args:
            part: a name, a table of the name and its settings, or an object, a class or a function.

        Raises:
            SettingsError: there is no such name, a table has none, or it is the record of an object.
        """
        if isinstance(part, str):
            self.check(part)
            return part, {}
        if is_record(part):
            what = part.get("class") or part.get("function")
            raise SettingsError(
                f"the {self.noun} was {what}, handed in as an object, and what was saved of it is a record, not a "
                f"{self.noun}; hand it in again, or register its class under a name, fit and save once more"
            )
        if isinstance(part, Mapping):
            settings = dict(part)
            name = settings.pop("name", None)
            if not isinstance(name, str) or not all(isinstance(one, str) for one in settings):
                held = ", ".join(map(str, part)) or "nothing"
                raise SettingsError(f"the {self.noun} must say its name, as in {{name = …}}; it has {held}")
            self.check(name)
            return name, settings
        if part is None or isinstance(part, bool | int | float | list | tuple | set) or _holds_data(part):
            raise SettingsError(
                f"{with_article(self.noun)} is a name, a table with its name, or an object; got {shown(part)}"
            )
        spelled = self.spelled(part)
        if spelled is None:
            return part, {}
        return spelled.pop("name"), spelled

    def resolved(self, part: Any, settings: Mapping[str, Any] | None = None) -> tuple[Any, dict[str, Any], str]:
        """Return the class, function or object to use, its settings, and its name for messages.

        Args:
            part: see :meth:`split`.
            settings: further settings.

        Raises:
            SettingsError: there is no such part, or a setting is given in both places.
        """
        found, own = self.split(part)
        if twice := sorted(own.keys() & (settings or {}).keys()):
            raise SettingsError(f"{', '.join(twice)} of the {self.noun} is given twice; leave one of them out")
        kind = self.find(found) if isinstance(found, str) else found
        called = repr(found) if isinstance(found, str) else label(found)
        return kind, own | dict(settings or {}), f"the {self.noun} {called}"

    def how_to_name(self, part: Any) -> str:
        """Return advice: how a user's part can be saved by name."""
        if isinstance(part, type) or hasattr(part, "__qualname__"):
            kind = part
        else:
            kind = part.func if isinstance(part, partial) else type(part)
        variable = {"loss": "losses.LOSSES"}.get(self.noun, f"{self.noun}s.{self.noun.upper()}S")
        short = getattr(kind, "__name__", "it")
        words = f"fillrank.{variable}.register('a-name', {short}), or an entry point in {self.group}"
        if not self.settled and not isinstance(part, type) and not hasattr(part, "__qualname__"):
            return f"give its class, by a name ({words}), and not an object, which holds more than its settings"
        if self.name_of(kind) is not None:
            return f"keep each setting of {label(kind)} as an attribute of the same name"
        return f"name it with {words}"

    def _is_ours(self, name: str) -> bool:
        return name in self._own or name in self._beside

    def _offers(self) -> dict[str, Any]:
        found = dict(offers(self.group))
        for name in [name for name in found if self._is_ours(name)]:
            for one in found.pop(name):
                say_once(
                    f"{one} takes the name of {with_article(self.noun)} of fillrank's own; {name!r} stays fillrank's"
                )
        return found


def _holds_data(part: Any) -> bool:
    """Whether an object is an array, a frame or a matrix. Some of these have a method ``sample``, like a sampler."""
    return not isinstance(part, type) and any(hasattr(type(part), name) for name in _OF_DATA)
