"""The settings of every model as Markdown tables, written from the recipes themselves: ``python docs/refresh.py``."""

import inspect
import re
import types
import typing
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from fillrank.models import RECIPES, Recipe

_BLOCK = re.compile(r"(<!-- settings: (?P<name>\S+) -->\n).*?(<!-- end of settings -->)", re.DOTALL)
_ENTRY = re.compile(r"^(?P<names>\w+(?:, \w+)*): (?P<text>.*)$")
_ROLE = re.compile(r":\w+:`~?(?P<target>[\w.]+)`")


def settings_table(recipe: type[Recipe]) -> str:
    """A row to each setting: its name, its default, what it may be, and the first sentence said of it."""
    parent, said = _parent(recipe), dict(_said(recipe))
    general = {} if parent is None else parent.model_fields
    lines = ["| setting | default | may be | what it is |", "|---|---|---|---|"]
    for name, field in recipe.model_fields.items():
        if name in general and _default(general[name]) == _default(field):
            continue
        sentence = said.get(name) or dict(_said(parent)).get(name, "") if parent else said.get(name, "")
        lines.append(f"| `{name}` | {_default(field)} | {_kind(field.annotation)} | {_elsewhere(name, sentence)} |")
    return "\n".join(lines) + "\n"


def _parent(recipe: type[Recipe]) -> type[Recipe] | None:
    """The model that this one is a shorthand of: only what differs from it is listed."""
    return next((other for other in recipe.__mro__[1:] if other in RECIPES.values()), None)


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, list) and value and all(isinstance(one, Recipe) for one in value):
        return ", ".join(f"`{one.kind}`" for one in value)
    return "required" if field.is_required() else f"`{value!r}`"


def _elsewhere(name: str, sentence: str) -> str:
    """What another class says, where the sentence only sends the reader there."""
    sent = re.fullmatch(r"see `(fillrank[\w.]*)\.(\w+)`", sentence)
    if not sent:
        return sentence
    return dict(_said(getattr(import_module(sent[1]), sent[2]))).get(name, sentence)


def fill_settings(text: str) -> str:
    """``text`` with the table of each recipe between its two marks.

    Raises:
        KeyError: no recipe has the name of a mark.
    """
    return _BLOCK.sub(lambda match: match[1] + settings_table(RECIPES[match["name"]]) + match[3], text)


def _said(recipe: type) -> Iterator[tuple[str, str]]:
    """What the docstring says under ``Attributes:``; several names may share an entry."""
    whole = inspect.getdoc(recipe) or ""
    _, _, part = whole.partition("Attributes:\n")
    entries: list[tuple[list[str], list[str]]] = []
    for line in part.splitlines():
        if line and not line.startswith(" "):
            break
        found = _ENTRY.match(line[4:]) if line[:4].isspace() and line[4:5].strip() else None
        if found:
            entries.append((found["names"].split(", "), [found["text"]]))
        elif entries and line.strip():
            entries[-1][1].append(line.strip())
    for names, text in entries:
        for name in names:
            yield name, _sentence(" ".join(text))


def _sentence(text: str) -> str:
    """The first sentence, as a cell: roles as code, and no bar that would end the cell."""
    plain = _ROLE.sub(lambda match: f"`{match['target']}`", text).replace("``", "`").replace("|", "\\|")
    return re.split(r"(?<=[.;])\s+(?=[A-Z`])", plain, maxsplit=1)[0].rstrip(".;")


def _kind(annotation: Any) -> str:
    """What a setting may be, in words: ``Literal`` as its values, a union as its members."""
    origin, members = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _kind(members[0])
    if origin is typing.Literal:
        return ", ".join(f"`{value!r}`" for value in members)
    if origin in (typing.Union, types.UnionType):
        return ", ".join(dict.fromkeys(_kind(member) for member in members))
    words = {int: "whole number", float: "number", bool: "true, false", str: "text", type(None): "none"}
    words |= {dict: "table", list: "list", tuple: "list"}
    return words.get(origin or annotation, str(getattr(annotation, "__name__", annotation)))
