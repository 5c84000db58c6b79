"""Decide which column holds the users, the items, the values, the times and the titles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from fillrank.data.io.names import EVENT_NAMES, LESS_USUAL_NAMES, USUAL_NAMES, is_usual_name, plain_name
from fillrank.errors import DataError

__all__ = ["ROLES", "Choice", "Columns"]

Choice = str | int | tuple[str | int | None, ...] | Literal[False] | None
"""A column by name or by position (from 0), False for no such column, or None to recognise it by its name. In a table
whose columns are named by whole numbers (pandas allows this), a whole number is a name. A column name with several
levels is a tuple."""

_MOST_SHOWN, _WIDEST = 20, 60
_REQUIRED = ("user", "item")
ROLES = ("user", "item", "value", "time", "label", "weight", "event_column")
"""What a column of a log may be."""
_NAMES = USUAL_NAMES | {"event_column": EVENT_NAMES}


@dataclass(frozen=True)
class Columns:
    """The caller's choice of columns.

    Example:
        >>> Columns(value="stars").choose(["movieId", "userId", "stars", "note"])
        {'user': 1, 'item': 0, 'value': 2}
    """

    user: Choice = None
    item: Choice = None
    value: Choice = None
    time: Choice = None
    label: Choice = None
    weight: Choice = False
    event_column: Choice = False

    def choose(self, header: Sequence[Any], further: Sequence[Any] = ()) -> dict[str, int]:
        """The position in ``header`` of each column to read.

        A column that the caller named must exist. Other columns are recognised by their usual names; upper and lower
        case, blanks and underscores do not matter. Values, times and labels are optional.

        Args:
            header: the names of the columns: texts, or in tables of pandas also whole numbers and tuples.
            further: names of other columns, such as the index of a table, that are used if the header has no fitting
                one. Their positions follow those of the header.

        Raises:
            DataError: a column does not exist, several columns fit, or one column is used twice; the message lists all
                columns.
        """
        choices = {field.name: getattr(self, field.name) for field in fields(self)}
        names = [*header, *further]
        named = {role: _named(role, choice, header, further) for role, choice in choices.items() if _is_named(choice)}
        free = [place for place in range(len(names)) if place not in named.values()]
        asked = [role for role, choice in choices.items() if choice is None]
        found = {role: _recognised(role, names, [place for place in free if place < len(header)]) for role in asked}
        beside = [place for place in free if place >= len(header)]
        found |= {role: _recognised(role, names, beside) for role, place in found.items() if place is None}
        chosen = {role: place for role in choices if (place := (named | found).get(role)) is not None}
        if len(set(chosen.values())) < len(chosen):
            raise DataError(f"one column was named for two things: {_shown(chosen, header)}; {_listed(header)}")
        required = (*_REQUIRED, *(("event_column",) if self.event_column is None else ()))
        if missing := [role for role in required if role not in chosen]:
            how, what = ", ".join(f"{role}=…" for role in missing), " or the ".join(map(_called, missing))
            raise DataError(f"no column is recognised as the {what}; name it: {how}; {_listed(header)}")
        return chosen

    def is_name(self, name: str | None) -> bool:
        """Whether a field is the name of a column: a usual name, or one that the caller gave."""
        if name is None or len(name) > 100:
            return False
        given = {getattr(self, field.name) for field in fields(self)}
        return name.strip() in given or is_usual_name(name)

    def are_named_in(self, first: Sequence[str]) -> bool:
        """Whether a first line certainly names the columns: it contains a usual name, or one that the caller gave."""
        given = {getattr(self, field.name) for field in fields(self)}
        return any(name in given or is_usual_name(name) for name in first)


def _is_named(choice: Choice) -> bool:
    return choice is not None and choice is not False


def _named(role: str, choice: Any, header: Sequence[Any], further: Sequence[Any]) -> int:
    names = [*header, *further]
    numbered = any(isinstance(name, int | np.integer) for name in names)
    if isinstance(choice, int) and not numbered:
        if 0 <= choice < len(header):
            return choice
        raise DataError(f"{role}={choice} is no column: places run from 0 to {len(header) - 1}; {_listed(header)}")
    for same in (lambda name: name == choice, lambda name: not isinstance(name, str) and str(name) == str(choice)):
        for where in (range(len(header)), range(len(header), len(names))):
            places = [place for place in where if same(names[place])]
            if len(places) == 1:
                return places[0]
            if places:
                raise DataError(
                    f"{role}={choice!r}: {len(places)} columns are called so; rename all but one"
                    f"{'' if numbered else ', or give a place'}; {_listed(header)}"
                )
    raise DataError(f"{role}={choice!r}: there is no such column; {_listed(header)}")


def _recognised(role: str, header: Sequence[Any], free: Sequence[int]) -> int | None:
    plain = {place: plain_name(_as_text(header[place])) for place in free}
    usual = [place for place in free if plain[place] in _NAMES[role]]
    places = usual or [place for place in free if plain[place] in LESS_USUAL_NAMES.get(role, ())]
    if len(places) > 1:
        names = " or ".join(dict.fromkeys(repr(header[place]) for place in places))
        if len({_as_text(header[place]) for place in places}) == 1:
            raise DataError(f"{len(places)} columns are called {names}; rename all but one; {_listed(header)}")
        without = "" if role in {*_REQUIRED, "event_column"} else f" or {role}=False"
        raise DataError(f"the {_called(role)} may be {names}; name one: {role}=…{without}; {_listed(header)}")
    return places[0] if places else None


def _called(role: str) -> str:
    """A role in words."""
    return "type of event" if role == "event_column" else role


def _as_text(name: Any) -> str:
    """A column's name as text. For a name with several levels (in pandas), the last level that is not empty."""
    levels = [str(level) for level in name if level not in {"", None}] if isinstance(name, tuple) else [str(name)]
    return levels[-1] if levels else ""


def _shown(chosen: dict[str, int], header: Sequence[Any]) -> str:
    return ", ".join(f"{role}={header[place]!r}" for role, place in chosen.items())


def _listed(header: Sequence[Any]) -> str:
    shown = [name if len(name) <= _WIDEST else f"{name[:_WIDEST]}…" for name in map(repr, header[:_MOST_SHOWN])]
    more = f" and {len(header) - _MOST_SHOWN:,} more" if len(header) > _MOST_SHOWN else ""
    return f"the columns are {', '.join(shown) or 'none'}{more}"
