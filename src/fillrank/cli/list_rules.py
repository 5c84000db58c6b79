"""What may be on a list, as it is typed: ``--only``, ``--exclude``, ``--where``, ``--at-most`` and ``--item-table``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from fillrank.recommend import Recommender

__all__ = ["conditions", "limits", "named_items"]


def named_items(model: Recommender, only: list[str] | None, exclude: list[str] | None) -> dict[str, list[Any]]:
    """The rules ``items`` and ``exclude`` of items that are named by id or title.

    Raises:
        UnknownIdError: no item, or more than one, has such a name.
    """
    named = {"items": only, "exclude": exclude}
    ids = model.item_ids
    return {rule: [ids.ids[ids.resolve(name)] for name in names] for rule, names in named.items() if names}


def conditions(pairs: list[str] | None, option: str, rule: str) -> dict[str, dict[str, list[Any]]]:
    """``COLUMN=VALUE`` pairs as a rule; a column that comes twice may have either value.

    Example:
        >>> conditions(["genre=War", "genre=Crime", "in_stock=true"], "--where", "where")
        {'where': {'genre': ['War', 'Crime'], 'in_stock': [True]}}
    """
    found: dict[str, list[Any]] = {}
    for column, value in _split(pairs, option, "COLUMN=VALUE"):
        found.setdefault(column, []).append({"true": True, "false": False}.get(value.casefold(), value))
    return {rule: found} if found else {}


def limits(pairs: list[str] | None) -> dict[str, dict[str, int]]:
    """``COLUMN=N`` pairs as the rule ``at_most``.

    Example:
        >>> limits(["genre=2"])
        {'at_most': {'genre': 2}}
    """
    found: dict[str, int] = {}
    for column, value in _split(pairs, "--at-most", "COLUMN=N"):
        if not value.isdecimal() or int(value) < 1:
            raise typer.BadParameter(f"{value!r} is no whole number of 1 or more", param_hint="--at-most")
        found[column] = int(value)
    return {"at_most": found} if found else {}


def _split(pairs: list[str] | None, option: str, wanted: str) -> list[tuple[str, str]]:
    found = []
    for pair in pairs or ():
        column, equals, value = pair.partition("=")
        if not equals or not column.strip() or not value.strip():
            raise typer.BadParameter(f"{pair!r} is no {wanted}", param_hint=option)
        found.append((column.strip(), value.strip()))
    return found
