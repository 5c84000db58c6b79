"""One kind of parts by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any, Generic, TypeVar

from fillrank.arguments.showing import shown, with_article
from fillrank.errors import SettingsError
from fillrank.registry.entry_points import offers
from fillrank.registry.records import is_record, label, plain, settings_of
from fillrank.runtime.notices import say_once

__all__ = ["Registry"]

_OF_DATA = ("__array__", "__array_interface__", "__dataframe__", "__arrow_c_stream__", "toarray")

Kind = TypeVar("Kind")


class Registry(Mapping[str, Kind], Generic[Kind]):
    """Parts of one kind by name: fillrank's own, and after them those of others.

    As a mapping it holds fillrank's own and what :meth:`register` has added in this process. :meth:`find` also looks at
    what installed packages offer by entry points, which are imported only when they are asked for by name. A name of
    fillrank's own cannot be taken.

    Args:
        noun: what one of them is called: ``"sampler"``.
        group: of the entry points: ``"fillrank.samplers"``.
        own: fillrank's, by name.
        beside: more of fillrank's own, found by name but not held: parts of the same kind that keep another contract.
        given: parameters of their constructors that are no settings, because a recipe brings them.
        settled: whether an object is nothing but its settings, so that it can be made again from them; if False, it
            holds more, as an encoder holds its vectors.

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
        own: Mapping[str, Kind],
        *,
        beside: Mapping[str, Any] | None = None,
        given: tuple[str, ...] = (),
        settled: bool = True,
    ) -> None:
        self.noun, self.group, self.given, self.settled = noun, group, given, settled
        self._own, self._beside, self._more = dict(own), dict(beside or {}), dict[str, Kind]()

    def __getitem__(self, name: str) -> Kind:
        return self._own[name] if name in self._own else self._more[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from self._more

    def __len__(self) -> int:
        return len(self._own) + len(self._more)

    def __repr__(self) -> str:
        return f"Registry({self.noun}: {', '.join(self)})"

    def register(self, name: str, kind: Kind) -> None:
        """Give a part of yours a name in this process; whatever takes names takes it, and what is saved names it.

        Args:
            name: not one of fillrank's, nor of another part.
            kind: a class (or, for a loss, a function of scores).

        Raises:
            SettingsError: the name is taken, or is none.
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

    def names(self) -> tuple[str, ...]:
        """All names, those of installed packages included; nothing is imported for it."""
        return tuple(dict.fromkeys((*self, *self._offers())))

    def find(self, name: str) -> Kind:
        """The part called ``name``.

        Raises:
            SettingsError: there is none, a package that offers it cannot be loaded, or two packages do.
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
        """See that there is such a name, without importing what is behind it.

        Raises:
            SettingsError: there is none.
        """
        if name in self or name in self._beside or name in self._offers():
            return
        known = [*self.names(), *self._beside]
        near = get_close_matches(str(name), known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SettingsError(f"there is no {self.noun} {name!r}; {hint}there are {', '.join(known)}")

    def name_of(self, kind: Any) -> str | None:
        """The name of a class or a function, if it has one."""
        for name, one in {**self, **self._beside}.items():
            if one is kind:
                return name
        for name, found in self._offers().items():
            if len(found) == 1 and found[0].loaded() is kind:
                return name
        return None

    def spelled(self, part: Any) -> dict[str, Any] | None:
        """A part as a table of its ``name`` and its settings, from which it can be made again; None where it cannot.

        A class or a function has to be registered. An object has to be of such a class itself (and not of one derived
        from it), with each parameter of its constructor as an attribute of the same name.
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
        """What a recipe was given as a part: a name or the object itself, and the settings that came with it.

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
        """What is to be made: a class, a function or an object, its settings, and what it is called in messages.

        Args:
            part: see :meth:`split`.
            settings: that came beside it, over those that came with it.

        Raises:
            SettingsError: there is no such part, or a setting came both ways.
        """
        found, own = self.split(part)
        if twice := sorted(own.keys() & (settings or {}).keys()):
            raise SettingsError(f"{', '.join(twice)} of the {self.noun} is given twice; leave one of them out")
        kind = self.find(found) if isinstance(found, str) else found
        called = repr(found) if isinstance(found, str) else label(found)
        return kind, own | dict(settings or {}), f"the {self.noun} {called}"

    def how_to_name(self, part: Any) -> str:
        """What to do so that a part of somebody's can be saved by name."""
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
    """Whether an object is an array, a frame or a matrix. Some have methods of a part's names, such as ``sample``."""
    return not isinstance(part, type) and any(hasattr(type(part), name) for name in _OF_DATA)
