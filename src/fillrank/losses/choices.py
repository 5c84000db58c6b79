"""The settings of a loss that must be chosen, and their usual values if nothing can be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fillrank.arguments import checked
from fillrank.errors import SettingsError
from fillrank.losses.ladder import Ladder
from fillrank.losses.registry import LOSSES
from fillrank.registry import label

__all__ = ["open_ladders", "usual_settings"]


@checked
def open_ladders(loss: Any, settings: Mapping[str, Any]) -> tuple[Ladder, ...]:
    """The ladders of ``loss`` of which no setting is given; ``"auto"`` means the same as not given.

    Args:
        loss: a name, a class or a function; an object has its settings already, so nothing is chosen.
        settings: the given settings.

    Raises:
        SettingsError: a setting is ``"auto"`` but has no ladder.

    Example:
        >>> from fillrank.losses import CCL
        >>> [sorted(ladder.names) for ladder in open_ladders("ccl", {"margin": 0.4})]
        [['negative_weight']]
        >>> open_ladders(CCL(), {})
        ()
    """
    kind = LOSSES.find(loss) if isinstance(loss, str) else loss
    ladders: tuple[Ladder, ...] = tuple(getattr(kind, "ladders", ())) if hasattr(kind, "__qualname__") else ()
    choosable = frozenset[str]().union(*(ladder.names for ladder in ladders))
    for name, value in settings.items():
        if _is_open(value) and name not in choosable:
            called = repr(loss) if isinstance(loss, str) else label(loss)
            words = f"'auto' is for {', '.join(sorted(choosable))}" if choosable else "it has none to choose"
            raise SettingsError(f"{name}='auto' of the loss {called}: {words}; give a number")
    given = {name for name, value in settings.items() if not _is_open(value)}
    return tuple(ladder for ladder in ladders if not ladder.names & given)


@checked
def usual_settings(loss: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings; the ones that are not given have their usual values. Used without a validation part.

    Example:
        >>> usual_settings("bsl", {"negative_weight": 1.1})
        {'negative_weight': 1.1, 'temperature': 0.2}
    """
    chosen = {name: value for name, value in settings.items() if not _is_open(value)}
    for ladder in open_ladders(loss, settings):
        chosen |= ladder.rungs[ladder.usual]
    return chosen


def _is_open(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"
