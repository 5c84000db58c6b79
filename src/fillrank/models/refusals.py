"""Why the settings of a recipe are refused."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from fillrank.arguments.findings import one_of, wanted
from fillrank.data.ids import shown_id
from fillrank.errors import SettingsError
from fillrank.renames import SETTINGS

__all__ = ["explained"]


def explained(recipe: type[BaseModel], problems: Sequence[ErrorDetails]) -> str:
    """Pydantic's findings in one line of plain words."""
    words, wishes = list[str](), dict[str, list[str]]()
    for problem in problems:
        name = ".".join(str(part) for part in problem["loc"][:1]) or "settings"
        if problem["type"] == "extra_forbidden":
            now = f" (version 0.1 called {SETTINGS[name]} so, and it has none)" if name in SETTINGS else ""
            words.append(f"{recipe.__name__} has no setting {name!r}{now}; it has {', '.join(recipe.model_fields)}")
        elif isinstance(own := problem.get("ctx", {}).get("error"), SettingsError):
            words.append(str(own.about(name)) if problem["loc"] else str(own))
        else:
            wishes.setdefault(f"{name} = {shown_id(problem['input'])}", []).append(wanted(problem))
    words += [f"{came}: {one_of(several)}" for came, several in wishes.items()]
    return "; ".join(dict.fromkeys(words))
