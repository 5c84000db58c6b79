"""Which column is what: the names that logs usually give to users, items, values, times and titles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

from fillrank.data.names import LESS_USUAL_NAMES, USUAL_NAMES, is_usual_name, plain_name
from fillrank.errors import DataError

__all__ = ["Choice", "Columns"]

Choice = str | int | Literal[False] | None
"""A column by name or by place (from 0), False to go without, or None to recognise it by its name."""

_REQUIRED = ("user", "item")


@dataclass(frozen=True)
class Columns:
    """What the caller said about the columns.

    Example:
        >>> Columns(value="stars").choose(["movieId", "userId", "stars", "note"])
        {'user': 1, 'item': 0, 'value': 2}
    """

    user: Choice = None
    item: Choice = None
    value: Choice = None
    time: Choice = None
    label: Choice = None

    def choose(self, header: Sequence[str]) -> dict[str, int]:
        """The place in ``header`` of each column there is to read.

        A column that the caller named must be there. One that was not named is recognised by its usual names, upper and
        lower case, blanks and underscores alike; values, times and labels may be absent.

        Raises:
            DataError: a column is not there, several may be meant, or one is meant twice; the message lists them all.
        """
        choices = {field.name: getattr(self, field.name) for field in fields(self)}
        named = {role: _named(role, choice, header) for role, choice in choices.items() if _is_named(choice)}
        free = [place for place in range(len(header)) if place not in named.values()]
        found = {role: _recognised(role, header, free) for role, choice in choices.items() if choice is None}
        chosen = {role: place for role in choices if (place := (named | found).get(role)) is not None}
        if len(set(chosen.values())) < len(chosen):
            raise DataError(f"one column was named for two things: {_shown(chosen, header)}; {_listed(header)}")
        if missing := [role for role in _REQUIRED if role not in chosen]:
            how = ", ".join(f"{role}=…" for role in missing)
            raise DataError(
                f"no column is recognised as the {' or the '.join(missing)}; name it: {how}; {_listed(header)}"
            )
        return chosen

    def is_name(self, name: str | None) -> bool:
        """Whether a field of a text is the name of a column: a usual one, or one that the caller gave."""
        if name is None or len(name) > 100:
            return False
        given = {getattr(self, field.name) for field in fields(self)}
        return name.strip() in given or is_usual_name(name)

    def are_named_in(self, first: Sequence[str]) -> bool:
        """Whether a first line names columns for certain: it holds a usual name, or one that the caller gave."""
        given = {getattr(self, field.name) for field in fields(self)}
        return any(name in given or is_usual_name(name) for name in first)


def _is_named(choice: Choice) -> bool:
    return choice is not None and choice is not False


def _named(role: str, choice: str | int, header: Sequence[str]) -> int:
    if isinstance(choice, int):
        if 0 <= choice < len(header):
            return choice
        raise DataError(f"{role}={choice} is no column: places run from 0 to {len(header) - 1}; {_listed(header)}")
    places = [place for place, name in enumerate(header) if name == choice]
    if len(places) == 1:
        return places[0]
    several = (
        f"{len(places)} columns are called {choice!r}; give its place instead" if places else "there is no such column"
    )
    raise DataError(f"{role}={choice!r}: {several}; {_listed(header)}")


def _recognised(role: str, header: Sequence[str], free: Sequence[int]) -> int | None:
    plain = {place: plain_name(header[place]) for place in free}
    usual = [place for place in free if plain[place] in USUAL_NAMES[role]]
    places = usual or [place for place in free if plain[place] in LESS_USUAL_NAMES[role]]
    if len(places) > 1:
        names = " or ".join(repr(header[place]) for place in places)
        without = "" if role in _REQUIRED else f" or {role}=False"
        raise DataError(f"the {role} may be {names}; name one: {role}=…{without}; {_listed(header)}")
    return places[0] if places else None


def _shown(chosen: dict[str, int], header: Sequence[str]) -> str:
    return ", ".join(f"{role}={header[place]!r}" for role, place in chosen.items())


def _listed(header: Sequence[str]) -> str:
    return f"the columns are {', '.join(map(repr, header)) or 'none'}"
